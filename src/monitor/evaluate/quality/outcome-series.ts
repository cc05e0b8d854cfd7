import {
  areMostlyProbabilities,
  areProbabilities,
  classProbability,
  hasStrayScore,
} from "../../../statistics/class-scores.ts";
import { float32Epsilon, logLoss } from "../../../statistics/log-loss.ts";
import type { Prediction, Truth } from "../../prediction.ts";
import { instruments } from "../../telemetry/instruments.ts";
import { maxClassSeries, maxOutputSeries, unknownClass } from "../../telemetry/quality-instruments.ts";
import type { CounterSeries, HistogramSeries } from "../../telemetry/series.ts";
import type { SeriesGroup } from "../../telemetry/series-registry.ts";
import type { ClassificationRules } from "./classification-measure.ts";

/** Counts outcomes as they arrive: final at once, so that the sums of any interval and any number of servers add up. */
export interface OutcomeSeries {
  record(prediction: Prediction, truth: Truth, weight: number): void;
}

/** Most classes with sums of their own where mistakes are not told apart. */
const maxClassOutcomes = 256;

/** Series of a classifier: how many there are depends on the classes, see the instruments. */
export class ClassOutcomeSeries implements OutcomeSeries {
  readonly #rules: ClassificationRules;
  /** By true class, then predicted class, the unknown one last; or whether they agree. */
  readonly #outcomes: readonly CounterSeries[];
  readonly #classes: readonly Readonly<Record<"tp" | "fp" | "fn", CounterSeries>>[];
  /** By predicted class, right ones first; or of all classes. */
  readonly #scores: readonly HistogramSeries[];
  readonly #logLoss: CounterSeries | undefined;
  readonly #scored: CounterSeries | undefined;
  /** Rows so far whose scores are probabilities, and with a score that none can be. */
  #scoredRows = 0;
  #strayRows = 0;

  constructor(group: SeriesGroup, rules: ClassificationRules) {
    const { labels, scores } = rules;
    this.#rules = rules;
    this.#outcomes = this.#isEach ? eachPair(group, labels) : agreement(group);
    const hasClasses = !this.#isEach && labels.length <= maxClassOutcomes;
    this.#classes = hasClasses ? labels.map((label) => classCounters(group, label)) : [];
    this.#scores = scores === "none" ? [] : scoreHistograms(group, this.#isEach ? labels : undefined);
    this.#logLoss = scores === "none" ? undefined : group.counter(instruments.logLoss);
    this.#scored = scores === "none" ? undefined : group.counter(instruments.scoredOutcomes);
  }

  get #isEach(): boolean {
    return this.#rules.labels.length <= maxClassSeries;
  }

  record({ predictedClass, values }: Prediction, truth: Truth, weight: number): void {
    if (typeof truth !== "number") return;
    const classes = this.#rules.labels.length;
    const isKnown = predictedClass >= 0 && predictedClass < classes;
    const isCorrect = predictedClass === truth;
    const column = isKnown ? predictedClass : classes;
    this.#outcomes[this.#isEach ? truth * (classes + 1) + column : isCorrect ? 0 : 1]?.add(weight);
    if (isCorrect) this.#classes[truth]?.tp.add(weight);
    else {
      this.#classes[truth]?.fn.add(weight);
      this.#classes[predictedClass]?.fp.add(weight);
    }
    if (this.#logLoss === undefined || !this.#areProbabilities(values)) return;
    this.#scored?.add(weight);
    this.#logLoss.add(weight * logLoss(classProbability(values, this.#rules, truth), float32Epsilon));
    const pair = this.#isEach ? 2 * predictedClass : 0;
    if (isKnown)
      this.#scores[pair + (isCorrect ? 0 : 1)]?.record(classProbability(values, this.#rules, predictedClass));
  }

  /** Whether the scores of a row are probabilities, and those of the rows before were. */
  #areProbabilities(values: Float32Array): boolean {
    const isUsable = areProbabilities(values, this.#rules);
    if (isUsable) this.#scoredRows += 1;
    else if (hasStrayScore(values, this.#rules)) this.#strayRows += 1;
    return isUsable && areMostlyProbabilities(this.#scoredRows, this.#strayRows);
  }
}

function eachPair(group: SeriesGroup, labels: readonly string[]): readonly CounterSeries[] {
  return labels.flatMap((actual, row) =>
    [...labels, unknownClass].map((predicted, column) =>
      group.counter(instruments.predictionOutcomes, {
        "sluice.predicted": predicted,
        "sluice.actual": actual,
        "sluice.correct": String(row === column),
      }),
    ),
  );
}

function agreement(group: SeriesGroup): readonly CounterSeries[] {
  return ["true", "false"].map((correct) =>
    group.counter(instruments.predictionOutcomes, { "sluice.correct": correct }),
  );
}

function classCounters(group: SeriesGroup, label: string): Readonly<Record<"tp" | "fp" | "fn", CounterSeries>> {
  const counter = (outcome: string) =>
    group.counter(instruments.classOutcomes, { "sluice.class": label, "sluice.outcome": outcome });
  return { tp: counter("tp"), fp: counter("fp"), fn: counter("fn") };
}

function scoreHistograms(group: SeriesGroup, labels: readonly string[] | undefined): readonly HistogramSeries[] {
  const owners = labels === undefined ? [{}] : labels.map((label) => ({ "sluice.predicted": label }));
  return owners.flatMap((owner) =>
    ["true", "false"].map((correct) =>
      group.histogram(instruments.predictionScore, { ...owner, "sluice.correct": correct }),
    ),
  );
}

/** The sums of one output of a regression. */
interface OutputSeries {
  readonly labels: CounterSeries;
  readonly error: CounterSeries;
  readonly absoluteError: CounterSeries;
  readonly squaredError: CounterSeries;
  readonly truth: CounterSeries;
  readonly truthSquared: CounterSeries;
}

/** Series of a regression: those of its first {@link maxOutputSeries} outputs. */
export class RegressionOutcomeSeries implements OutcomeSeries {
  readonly #outputs: readonly OutputSeries[];
  readonly #means: readonly number[];

  /** @param means of the reference by output; 0 where it says nothing */
  constructor(group: SeriesGroup, outputs: number, means: readonly number[]) {
    const shown = Math.min(outputs, maxOutputSeries);
    this.#outputs = Array.from({ length: shown }, (_, output) => outputSeries(group, output));
    this.#means = means;
  }

  record({ values }: Prediction, truth: Truth, weight: number): void {
    for (const [output, series] of this.#outputs.entries()) {
      const value = typeof truth === "number" ? truth : (truth[output] ?? Number.NaN);
      const error = value - (values[output] ?? Number.NaN);
      const shifted = value - (this.#means[output] ?? 0);
      series.labels.add(weight);
      series.error.add(weight * error);
      series.absoluteError.add(weight * Math.abs(error));
      series.squaredError.add(weight * error * error);
      series.truth.add(weight * shifted);
      series.truthSquared.add(weight * shifted * shifted);
    }
  }
}

function outputSeries(group: SeriesGroup, output: number): OutputSeries {
  const attributes = { "sluice.output": String(output) };
  return {
    labels: group.counter(instruments.regressionLabels, attributes),
    error: group.level(instruments.regressionError, attributes),
    absoluteError: group.counter(instruments.regressionAbsoluteError, attributes),
    squaredError: group.counter(instruments.regressionSquaredError, attributes),
    truth: group.level(instruments.regressionTruth, attributes),
    truthSquared: group.counter(instruments.regressionTruthSquared, attributes),
  };
}

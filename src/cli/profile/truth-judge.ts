import type { CalibrationMap, MetricValue } from "../../model/package-messages.ts";
import { type CalibrationFit, fitCalibration } from "../../statistics/calibration-fit.ts";
import { createClassification, recordClassification } from "../../statistics/classification.ts";
import { classificationMetrics } from "../../statistics/classification-metrics.ts";
import { standardErrors, z95 } from "../../statistics/interval.ts";
import type { MeasuredMetric } from "../../statistics/measured-metric.ts";
import { createRegression, recordRegression } from "../../statistics/regression.ts";
import { regressionMetrics } from "../../statistics/regression-metrics.ts";
import type { Tensor } from "../../tensor.ts";
import type { GroupValues } from "../../training/table.ts";
import type { OutputMeaning } from "./output-meaning.ts";
import { rowValues } from "./tensor-sketch.ts";

/** What is told of how good the answers were. */
export interface Judgement {
  readonly expected: readonly MetricValue[];
  readonly calibrations: readonly CalibrationMap[];
  /** What was left out and why, for people. */
  readonly notes: readonly string[];
}

/** Compares the answers of a model with the truth, row by row. */
export interface TruthJudge {
  add(outputs: readonly Tensor[], truth: GroupValues, rowCount: number): void;
  judge(): Judgement;
}

/** A judge for what a model predicts; undefined where that is not known. */
export function createTruthJudge(meaning: OutputMeaning): TruthJudge | undefined {
  if (meaning.task === "regression" && meaning.value !== undefined) return new RegressionJudge(meaning.value);
  return meaning.task === "classification" && meaning.labels.length > 1 ? new ClassJudge(meaning) : undefined;
}

class RegressionJudge implements TruthJudge {
  readonly #output: string;
  readonly #errors = createRegression(1);
  #skipped = 0;

  constructor(output: string) {
    this.#output = output;
  }

  add(outputs: readonly Tensor[], truth: GroupValues, rowCount: number): void {
    const values = valuesOf(outputs, this.#output);
    if (values === undefined || values.length !== rowCount) return;
    for (let row = 0; row < rowCount; row++) {
      const isCounted = recordRegression(this.#errors, [Number(truth[row])], [Number(values[row])]);
      if (!isCounted) this.#skipped++;
    }
  }

  judge(): Judgement {
    const notes = this.#skipped === 0 ? [] : [`${this.#skipped} rows have a target that is no number`];
    return { expected: metricValues(regressionMetrics(this.#errors)), calibrations: [], notes };
  }
}

/** Scores that are kept to fit calibration maps to: 16 MB. */
const maxKeptScores = 2 ** 22;

class ClassJudge implements TruthJudge {
  readonly #meaning: OutputMeaning;
  readonly #classification;
  readonly #indexOf: ReadonlyMap<string, number>;
  readonly #columns: readonly { readonly classIndex: number; readonly scores: number[]; readonly isClass: number[] }[];
  readonly #maxKeptRows: number;
  #unknown = 0;
  #kept = 0;

  constructor(meaning: OutputMeaning) {
    const { labels, scores } = meaning;
    this.#meaning = meaning;
    this.#classification = createClassification({
      classes: labels.length,
      scores: scores === undefined ? "none" : "all",
    });
    this.#indexOf = new Map(labels.map((label, index) => [label, index]));
    const classes = scores === undefined ? [] : labels.length === 2 ? [1] : labels.map((_, index) => index);
    this.#columns = classes.map((classIndex) => ({ classIndex, scores: [], isClass: [] }));
    this.#maxKeptRows = Math.floor(maxKeptScores / Math.max(1, classes.length));
  }

  add(outputs: readonly Tensor[], truth: GroupValues, rowCount: number): void {
    const { label, scores, labels } = this.#meaning;
    const predicted = valuesOf(outputs, label);
    const scored = valuesOf(outputs, scores);
    const width = scored === undefined ? 0 : scored.length / rowCount;
    const rowScores = new Float64Array(scores === undefined ? 0 : labels.length);
    for (let row = 0; row < rowCount; row++) {
      const actual = this.#indexOfTruth(truth[row]);
      if (actual === -1) {
        this.#unknown++;
        continue;
      }
      if (scored !== undefined) fillScores(rowScores, (i) => Number(scored[row * width + i]), width);
      const index = predicted === undefined ? largest(rowScores) : this.#indexOfTruth(predicted[row]);
      recordClassification(this.#classification, actual, index, rowScores);
      if (scored !== undefined) this.#keep(actual, rowScores);
    }
  }

  judge(): Judgement {
    const expected = metricValues(classificationMetrics(this.#classification, { labels: this.#meaning.labels }));
    const notes: string[] = [];
    if (this.#unknown > 0)
      notes.push(
        `${this.#unknown} rows have a target that is none of the labels ${this.#meaning.labels.slice(0, 5).join(", ")}`,
      );
    const fits = this.#columns.map(({ classIndex, scores, isClass }) => ({
      classIndex,
      fit: fitCalibration(scores, isClass),
    }));
    const usable = fits.flatMap(({ classIndex, fit }) => {
      return fit !== undefined && fit.errorAfter < fit.errorBefore ? [calibrationMap(classIndex, fit)] : [];
    });
    if (usable.length < fits.length) {
      notes.push(
        `no calibration for ${fits.length - usable.length} of ${fits.length} classes: too few rows, or the scores are better as they are`,
      );
    }
    return { expected, calibrations: usable, notes };
  }

  /** Index of a class by its label; by its number where the labels are words. */
  #indexOfTruth(value: unknown): number {
    const text = value instanceof Uint8Array ? Buffer.from(value).toString() : String(value);
    const index = this.#indexOf.get(text);
    if (index !== undefined) return index;
    const number = Number(text);
    const isIndex = text !== "" && Number.isInteger(number) && number >= 0 && number < this.#meaning.labels.length;
    const hasNumbers = this.#meaning.labels.some((label) => /^\d+$/.test(label));
    return isIndex && !hasNumbers ? number : -1;
  }

  #keep(actual: number, rowScores: Float64Array): void {
    if (this.#kept >= this.#maxKeptRows) return;
    this.#kept++;
    for (const { classIndex, scores, isClass } of this.#columns) {
      scores.push(rowScores[classIndex] ?? 0);
      isClass.push(actual === classIndex ? 1 : 0);
    }
  }
}

function valuesOf(outputs: readonly Tensor[], name: string | undefined) {
  const tensor = outputs.find((output) => output.name === name);
  return tensor && rowValues(tensor);
}

/** One score of two classes is that of the second. */
function fillScores(into: Float64Array, score: (i: number) => number, width: number): void {
  if (width === 1 && into.length === 2) {
    into[1] = score(0);
    into[0] = 1 - (into[1] ?? 0);
  } else for (let i = 0; i < into.length; i++) into[i] = score(i);
}

function largest(scores: Float64Array): number {
  let index = 0;
  for (let i = 1; i < scores.length; i++) if ((scores[i] ?? 0) > (scores[index] ?? 0)) index = i;
  return index;
}

function calibrationMap(
  classIndex: number,
  { map, sampleCount, errorBefore, errorAfter }: CalibrationFit,
): CalibrationMap {
  return {
    class_index: classIndex,
    scores: [...map.scores],
    probabilities: [...map.values],
    sample_count: sampleCount,
    calibration_error_before: errorBefore,
    calibration_error_after: errorAfter,
  };
}

/** Metrics whose interval is three standard errors to each side; that of the others is the middle 95 %. */
const meanMetrics: ReadonlySet<string> = new Set(["log_loss", "brier", "mse", "rmse", "mae", "bias"]);

/** Metrics as a profile has them; those with a beta or k of their own stay out. */
function metricValues(metrics: readonly MeasuredMetric[]): readonly MetricValue[] {
  return metrics.flatMap(({ name, label, value, rows, interval, parameter }) => {
    if (parameter !== undefined) return [];
    const metric = { name, label, value, sample_count: rows };
    if (interval === undefined) return [metric];
    const errors = 2 * (meanMetrics.has(name) ? standardErrors : z95);
    return [{ ...metric, standard_error: (interval.upper - interval.lower) / errors }];
  });
}

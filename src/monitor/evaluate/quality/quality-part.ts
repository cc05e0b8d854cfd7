import type { InferenceResponse } from "../../../inference.ts";
import type { RequestRecord } from "../../../runtime/observer.ts";
import type { PredictionReader } from "../../collect/prediction-reader.ts";
import { RowSampler } from "../../collect/row-sampler.ts";
import type { ModelPart, ModelPartContext } from "../../model-part.ts";
import type { ModelReportDraft } from "../../monitor-report.ts";
import type { OutcomeSink, Prediction, PreviousTruth, Truth } from "../../prediction.ts";
import { instruments } from "../../telemetry/instruments.ts";
import type { CounterSeries, HistogramSeries } from "../../telemetry/series.ts";
import type { ClassificationRules } from "./classification-measure.ts";
import { LabelDelays } from "./label-delays.ts";
import type { OutcomeSeries } from "./outcome-series.ts";
import type { PredictionSeries } from "./prediction-series.ts";
import { QualityBlocks } from "./quality-blocks.ts";
import {
  evaluateQuality,
  noQuality,
  type QualityEvaluation,
  type QualitySources,
  toMetric,
} from "./quality-evaluation.ts";
import { observeQuality } from "./quality-gauges.ts";
import { QualityHistory } from "./quality-history.ts";
import type { QualityMeasure } from "./quality-measure.ts";
import { maxBlocks } from "./quality-setup.ts";
import type { PredictionWatch, SeenPredictions } from "./seen-predictions.ts";

/** What the quality of one model version is made of; the task decides. */
export interface QualityParts<Judged> {
  readonly measure: QualityMeasure<Judged>;
  /** What classes are judged by and what their scores say; undefined: a regression. */
  readonly classes:
    | {
        readonly rules: ClassificationRules;
        readonly watch: PredictionWatch;
        readonly series: PredictionSeries;
      }
    | undefined;
  readonly outcomeSeries: OutcomeSeries;
}

/** How old an evaluation may be that gauges show, milliseconds. A report makes a new one. */
const evaluationMs = 1000;

/** How often the share of rows that are looked at follows their rate, milliseconds. */
const adaptMs = 1000;

/** Weights are multiples of this: their sums are exact up to 8e9, so that what is taken away leaves nothing. */
const weightStep = 2 ** -20;

/** Watches how good the answers of one model version are, with their truth and before. */
export class QualityPart<Judged> implements ModelPart {
  readonly name = "quality";
  readonly maxBytes: number;
  readonly outcomes: OutcomeSink;
  readonly #context: ModelPartContext;
  readonly #reader: PredictionReader;
  readonly #parts: QualityParts<Judged>;
  readonly #blocks: QualityBlocks<Judged, SeenPredictions>;
  readonly #sources: QualitySources<Judged>;
  readonly #history: QualityHistory<Judged>;
  /** Chooses predictions that are looked at before their truth is known. */
  readonly #sampler: RowSampler;
  #adaptedMs = 0;
  readonly #delays = new LabelDelays();
  readonly #predictions: CounterSeries;
  readonly #corrections: CounterSeries;
  readonly #delay: HistogramSeries;
  #evaluation: QualityEvaluation | undefined;
  #evaluatedMs = 0;
  #hasGauges = false;
  /** Why nothing is said of the quality any more: the classes are others than was guessed. */
  #withheldNote: string | undefined;
  /** Something has happened since the evaluation. */
  #isStale = true;

  /** @throws InferenceError "refused" when the configured windows need too much memory */
  constructor(context: ModelPartContext, reader: PredictionReader, parts: QualityParts<Judged>) {
    const { config, series } = context;
    const { measure, classes } = parts;
    this.#context = context;
    this.#reader = reader;
    this.#parts = parts;
    this.#blocks = new QualityBlocks({
      blockMs: config.windows.blockSeconds * 1000,
      windowBlocks: config.windows.blocks,
      labelHorizonMs: config.quality.labelHorizonSeconds * 1000,
      maxBlocks: maxBlocks(measure.stateBytes + (classes?.watch.stateBytes ?? 0), config, reader.layout.labels.length),
      createJudged: measure.create,
      createSeen: () => classes?.watch.create(),
      mergeSeen: (target, source) => classes?.watch.merge(target, source),
    });
    this.maxBytes = this.#blocks.capacity * (measure.stateBytes + (classes?.watch.stateBytes ?? 0));
    const { minSamples } = config.quality;
    this.#sources = { blocks: this.#blocks, measure, watch: classes?.watch, rules: classes?.rules, minSamples };
    this.#history = new QualityHistory(this.#sources);
    this.#sampler = new RowSampler(config.quality.maxRowsPerSecond);
    this.#predictions = series.counter(instruments.predictions);
    this.#corrections = series.counter(instruments.labelCorrections);
    this.#delay = series.histogram(instruments.labelDelay);
    this.outcomes = this.#createSink();
    series.observe(instruments.labelCoverage, () => this.#coverage());
  }

  /** Shows the gauges once there is something to show: most of a thousand models may be idle, and have no place for them. */
  #showGauges(): void {
    if (this.#hasGauges) return;
    this.#hasGauges = true;
    const { series, clock } = this.#context;
    clock.soon(() => observeQuality(series, this.#sources, () => this.#evaluate(clock.nowMs(), evaluationMs)));
  }

  /** Blocks of time that are held, and that may be. */
  get memory(): { readonly blocks: number; readonly maxBlocks: number } {
    return { blocks: this.#blocks.size, maxBlocks: this.#blocks.capacity };
  }

  onAnswer(record: RequestRecord, response: InferenceResponse, atMs: number): void {
    this.#showGauges();
    const rows = this.#rowsOf(record, response, atMs);
    this.#predictions.add(rows);
    this.#blocks.addPredictions(rows, atMs);
    this.#isStale = true;
    const watch = this.#parts.classes?.watch;
    if (watch !== undefined) this.#look(watch, rows, response, atMs);
    this.#checkLabels();
  }

  /** A label that is none of the guessed ones: all classes may be paired with the wrong scores and truths. */
  #checkLabels(): void {
    const { strayLabel, layout } = this.#reader;
    if (strayLabel === undefined || this.#withheldNote !== undefined) return;
    const guessed = layout.labels.slice(0, 5).join(", ") + (layout.labels.length > 5 ? ", ..." : "");
    this.#withheldNote = `labels: must be listed in monitor.yaml, saw ${strayLabel}, which is none of the guessed ${guessed}`;
    const { description, report } = this.#context;
    const { name: model, version } = description;
    report("warn", "quality is no longer watched", { model, version, reason: this.#withheldNote });
  }

  /** Predicted rows: a request to a model without a batch dimension counts as one row, but its answer may hold several. */
  #rowsOf({ rows }: RequestRecord, response: InferenceResponse, atMs: number): number {
    if (this.#context.description.signature.maxBatchSize > 0) return rows;
    const readable = this.#reader.open(response, atMs);
    this.#reader.close();
    return Math.max(readable, rows);
  }

  /** Counts the predictions of the rows that are chosen. */
  #look(watch: PredictionWatch, rows: number, response: InferenceResponse, atMs: number): void {
    if (atMs - this.#adaptedMs >= adaptMs) {
      this.#sampler.adapt(atMs);
      this.#adaptedMs = atMs;
    }
    let row = this.#sampler.first(rows, atMs);
    if (row < 0) return;
    const readable = this.#reader.open(response, atMs);
    const seen = readable > 0 ? this.#blocks.seenAt(atMs) : undefined;
    for (; row >= 0; row = this.#sampler.next(row, rows)) {
      if (seen !== undefined && row < readable) watch.record(seen, this.#reader.read(row));
    }
    this.#reader.close();
  }

  onBlockEnd(nowMs: number): void {
    const isWithheld = this.#withheldNote !== undefined;
    this.#blocks.endBlocks(nowMs, (seen) => isWithheld || this.#parts.classes?.series.add(seen));
    this.#isStale = true;
  }

  report(into: ModelReportDraft, nowMs: number): void {
    const { config, task, taskNote, profile } = this.#context;
    const evaluation = this.#evaluate(nowMs, 0);
    const expected = profile?.expected ?? [];
    const coverage = this.#coverage();
    const median = this.#delays.quantile(0.5);
    const high = this.#delays.quantile(0.95);
    into.quality = {
      ...into.quality,
      task: task?.task ?? "",
      note: this.#withheldNote ?? taskNote,
      labels: this.#parts.classes?.rules.labels ?? [],
      predictions: this.#predictions.value,
      ...(coverage === undefined ? {} : { label_coverage: coverage }),
      ...(median === undefined ? {} : { label_delay_p50_seconds: median }),
      ...(high === undefined ? {} : { label_delay_p95_seconds: high }),
      ...(evaluation.window === undefined ? {} : { window: evaluation.window }),
      metrics: evaluation.metrics.map((metric) => toMetric(metric, expected)),
      ...(evaluation.confusion === undefined ? {} : { confusion: evaluation.confusion }),
      calibration: evaluation.calibration,
      estimates: evaluation.estimates.map((metric) => toMetric(metric, expected)),
      window_estimates: evaluation.windowEstimates.map((metric) => toMetric(metric, expected)),
      estimates_calibrated: this.#parts.classes?.watch.isCalibrated ?? false,
      history: this.#withheldNote === undefined ? this.#history.points(evaluation.fromMs, nowMs) : [],
      predicted_counts: evaluation.predictedCounts,
      min_samples: config.quality.minSamples,
    };
  }

  /** @param maxAgeMs an evaluation up to so old will do */
  #evaluate(nowMs: number, maxAgeMs: number): QualityEvaluation {
    if (this.#withheldNote !== undefined) return noQuality;
    const { blockMs } = this.#blocks;
    const isSameBlock = Math.floor(nowMs / blockMs) === Math.floor(this.#evaluatedMs / blockMs);
    const isFresh = isSameBlock && (!this.#isStale || nowMs - this.#evaluatedMs < maxAgeMs);
    if (this.#evaluation === undefined || !isFresh) {
      this.#evaluation = evaluateQuality(this.#sources, nowMs);
      this.#evaluatedMs = nowMs;
      this.#isStale = false;
    }
    return this.#evaluation;
  }

  #coverage(): number | undefined {
    const { predictions, outcomes } = this.#blocks.coverage();
    // Truths of predictions that were made before this server began have no predictions here.
    return predictions > 0 ? Math.min(1, outcomes / predictions) : undefined;
  }

  #createSink(): OutcomeSink {
    const { name, version } = this.#context.description;
    return {
      modelName: name,
      modelVersion: version,
      layout: this.#reader.layout,
      labelHorizonMs: this.#context.config.quality.labelHorizonSeconds * 1000,
      record: (...outcome) => this.#record(...outcome),
      correct: (...outcome) => this.#correct(...outcome),
    };
  }

  #record(prediction: Prediction, truth: Truth, givenWeight: number, receivedAtMs: number): void {
    const { measure, outcomeSeries } = this.#parts;
    if (this.#withheldNote !== undefined) return;
    this.#showGauges();
    const weight = roundWeight(givenWeight);
    let isCounted = false;
    const hasBlock = this.#blocks.changeAt(prediction.atMs, receivedAtMs, (judged) => {
      isCounted = measure.record(judged, prediction, truth, weight);
      return isCounted ? 1 : 0;
    });
    if (hasBlock && !isCounted) this.#context.drop("quality", "not_finite");
    if (!isCounted) return;
    const delayMs = Math.max(0, receivedAtMs - prediction.atMs);
    outcomeSeries.record(prediction, truth, weight);
    this.#delay.record(delayMs / 1000);
    this.#delays.record(delayMs);
    this.#isStale = true;
  }

  #correct(
    prediction: Prediction,
    previous: PreviousTruth,
    truth: Truth,
    givenWeight: number,
    receivedAtMs: number,
  ): void {
    const { measure } = this.#parts;
    this.#corrections.add(1);
    this.#blocks.changeAt(previous.atMs, receivedAtMs, (judged) => {
      const before = measure.rows(judged);
      measure.revert(judged, prediction, previous.truth, roundWeight(previous.weight));
      measure.record(judged, prediction, truth, roundWeight(givenWeight));
      return measure.rows(judged) - before;
    });
    this.#isStale = true;
  }
}

function roundWeight(weight: number): number {
  return Math.max(weightStep, Math.round(weight / weightStep) * weightStep);
}

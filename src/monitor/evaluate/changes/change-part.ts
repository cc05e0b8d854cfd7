import type { InferenceResponse } from "../../../inference.ts";
import type { RequestRecord } from "../../../runtime/observer.ts";
import { RowSampler } from "../../collect/row-sampler.ts";
import { type ChangeConfig, defaultChanges } from "../../config/changes.ts";
import type { ModelPart, ModelPartContext } from "../../model-part.ts";
import type { ModelReportDraft } from "../../monitor-report.ts";
import type { Prediction, Truth } from "../../prediction.ts";
import { instruments } from "../../telemetry/instruments.ts";
import type { CounterSeries } from "../../telemetry/series.ts";
import { ChangeDetector } from "./change-detector.ts";
import {
  checkWatchable,
  errorOf,
  type NumberOfPrediction,
  numberOfPrediction,
  scaleOf,
  whyUnwatchable,
} from "./watched-number.ts";

/** A detector and where its changes are counted. */
interface Watch {
  readonly detector: ChangeDetector;
  readonly series: CounterSeries;
  /** Reads its number out of a prediction; undefined: it is none of a prediction alone. */
  readonly read: NumberOfPrediction | undefined;
  /** A change of this block was logged. */
  isLogged: boolean;
}

/** How often the sampler looks at the rate of rows, as the engine's does. */
const adaptMs = 1000;

/** Another seed than the sampler's of row statistics: the two choose independently. */
const samplerSeed = 0x51ce;

/**
 * Watches numbers of a model version over time. Values come in the order of answers and outcomes, of rows that are chosen at most at the rate of
 * row statistics. What a front sees goes to one detector: several fronts would hand their values over in turns.
 */
export class ChangePart implements ModelPart {
  readonly name = "anomalies";
  readonly #context: ModelPartContext;
  readonly #watches: readonly Watch[];
  /** Those of predictions, of durations, of outcomes. */
  readonly #ofPredictions: readonly Watch[];
  readonly #ofLatency: readonly Watch[];
  readonly #ofErrors: readonly Watch[];
  readonly #sampler: RowSampler;
  #adaptedMs = Number.NEGATIVE_INFINITY;
  /** Values that were no numbers, or out of their range, and are counted already. */
  #leftOut = 0;

  constructor(context: ModelPartContext, configs: readonly ChangeConfig[]) {
    this.#context = context;
    this.#watches = this.#createWatches(configs);
    this.#ofPredictions = this.#watches.filter(({ read }) => read !== undefined);
    this.#ofLatency = this.#watches.filter(({ detector }) => detector.config.signal === "latency");
    this.#ofErrors = this.#watches.filter(({ detector }) => detector.config.signal === "error");
    this.#sampler = new RowSampler(context.config.quality.maxRowsPerSecond, samplerSeed);
  }

  onAnswer(record: RequestRecord, response: InferenceResponse, atMs: number): void {
    if (this.#ofPredictions.length === 0 && this.#ofLatency.length === 0) return;
    const nowMs = record.context.arrivalTimeMs;
    if (nowMs - this.#adaptedMs >= adaptMs) {
      this.#adaptedMs = nowMs;
      this.#sampler.adapt(nowMs);
    }
    let row = this.#sampler.first(record.rows, nowMs);
    if (row < 0) return;
    const seconds = (record.endedMs - record.context.arrivalTimeMs) / 1000;
    for (const watch of this.#ofLatency) this.#take(watch, seconds, atMs);
    const { predictions } = this.#context;
    const rows = this.#ofPredictions.length === 0 ? 0 : (predictions?.open(response, atMs) ?? 0);
    for (; row >= 0; row = this.#sampler.next(row, record.rows)) {
      if (predictions !== undefined && row < rows) this.#takePrediction(predictions.read(row), atMs);
    }
    predictions?.close();
  }

  onOutcome(prediction: Prediction, truth: Truth, _weight: number, receivedAtMs: number): void {
    if (this.#ofErrors.length === 0) return;
    const error = errorOf(prediction, truth);
    for (const watch of this.#ofErrors) this.#take(watch, error, receivedAtMs);
  }

  onBlockEnd(): void {
    let leftOut = 0;
    for (const watch of this.#watches) {
      watch.isLogged = false;
      leftOut += watch.detector.leftOut;
    }
    if (leftOut > this.#leftOut) this.#context.drop(this.name, "not_finite", leftOut - this.#leftOut);
    this.#leftOut = leftOut;
  }

  report(into: ModelReportDraft): void {
    const detectors = this.#watches.map(({ detector }) => detector);
    const unfit = detectors.filter(({ leftOut, sampleCount }) => leftOut > 0 && sampleCount === 0);
    const notes = unfit.map(
      ({ signal }) => `none of the values of '${signal}' is a number that it can be, such as 0 to 1 for a share`,
    );
    const note = [into.anomalies.note, ...notes].filter((text) => text !== "").join("; ");
    into.anomalies = { ...into.anomalies, note, detectors: detectors.map((detector) => detector.report()) };
  }

  #takePrediction(prediction: Prediction, atMs: number): void {
    for (const watch of this.#ofPredictions) this.#take(watch, watch.read?.(prediction) ?? Number.NaN, atMs);
  }

  #take(watch: Watch, value: number, atMs: number): void {
    const { detector } = watch;
    const change = detector.add(value, atMs);
    if (change === undefined) return;
    watch.series.add(1);
    if (watch.isLogged) return; // one line a block: a number that jumps about would fill the log
    watch.isLogged = true;
    const { name: model, version } = this.#context.description;
    const fields = { model, version, signal: detector.signal, method: detector.config.method, ...change };
    this.#context.report("warn", "a watched number has changed", fields);
  }

  /** Entries of the same method and signal share a series. */
  #createWatches(configs: readonly ChangeConfig[]): readonly Watch[] {
    const { series, task } = this.#context;
    const counters = new Map<string, CounterSeries>();
    return configs.map((config) => {
      const detector = new ChangeDetector(config, scaleOf(config.signal, task));
      const attributes = { "sluice.method": config.method, "sluice.signal": detector.signal };
      const key = JSON.stringify(attributes);
      const counter = counters.get(key) ?? series.counter(instruments.changesDetected, attributes);
      counters.set(key, counter);
      return { detector, series: counter, read: task && numberOfPrediction(config, task), isLogged: false };
    });
  }
}

/**
 * What is watched over time of a version; undefined: nothing can be.
 * @throws InferenceError "refused" when something is configured that the model does not have
 */
export function createChangePart(context: ModelPartContext): ChangePart | undefined {
  const { config, task } = context;
  const isDefault = config.changes === defaultChanges;
  if (!isDefault) for (const [index, change] of config.changes.entries()) checkWatchable(change, task, index);
  const changes = isDefault ? usualChanges(context) : config.changes;
  return changes.length === 0 ? undefined : new ChangePart(context, changes);
}

/** What can be watched of a model by default. */
function usualChanges({ task }: ModelPartContext): readonly ChangeConfig[] {
  return defaultChanges
    .filter((change) => whyUnwatchable(change, task) === undefined)
    .map((change) => (scaleOf(change.signal, task) === "share" ? change : { ...change, minChange: 0, minRatio: 0.1 }));
}

import type { ModelDescription } from "./model.ts";
import type { BatchRecord, Observer, RequestRecord } from "./observer.ts";

/** How often and how long, nanoseconds. */
export interface StatisticDuration {
  count: number;
  ns: number;
}

/** Executions of one batch size; each execution counts once. */
export interface BatchStatistics {
  readonly batchSize: number;
  readonly computeInput: StatisticDuration;
  readonly computeInfer: StatisticDuration;
  readonly computeOutput: StatisticDuration;
}

/** The counters of ModelStatistics for one version, with the definitions of Triton's statistics extension. */
export interface ModelStatistics {
  readonly name: string;
  readonly version: string;
  /** Wall clock milliseconds of the latest execution; 0: none yet. */
  lastInferenceMs: number;
  /** Rows of successful requests. */
  inferenceCount: number;
  /** Executions. */
  executionCount: number;
  readonly success: StatisticDuration;
  readonly fail: StatisticDuration;
  readonly queue: StatisticDuration;
  readonly computeInput: StatisticDuration;
  readonly computeInfer: StatisticDuration;
  readonly computeOutput: StatisticDuration;
  readonly batches: ReadonlyMap<number, BatchStatistics>;
}

function add(duration: StatisticDuration, milliseconds: number): void {
  duration.count++;
  duration.ns += Math.max(0, Math.round(milliseconds * 1e6));
}

const none = (): StatisticDuration => ({ count: 0, ns: 0 });

/** Counts for one model version; an observer like any other, but always on: ModelStatistics needs it without a monitor. */
export class StatisticsCollector implements Observer {
  readonly #batches = new Map<number, BatchStatistics>();
  readonly statistics: ModelStatistics;
  readonly #wallClockMs: () => number;

  constructor(name: string, version: string, wallClockMs: () => number = Date.now) {
    this.#wallClockMs = wallClockMs;
    this.statistics = {
      name,
      version,
      lastInferenceMs: 0,
      inferenceCount: 0,
      executionCount: 0,
      success: none(),
      fail: none(),
      queue: none(),
      computeInput: none(),
      computeInfer: none(),
      computeOutput: none(),
      batches: this.#batches,
    };
  }

  onEnd(_model: ModelDescription, record: RequestRecord): void {
    const statistics = this.statistics;
    const totalMs = record.endedMs - record.context.arrivalTimeMs;
    if (record.error !== undefined) {
      // As at Triton, what does not fit the model never was a request of it.
      if (record.error.reason !== "invalid") add(statistics.fail, totalMs);
      return;
    }
    statistics.inferenceCount += record.rows;
    add(statistics.success, totalMs);
    add(statistics.queue, record.takenMs - record.queuedMs);
    add(statistics.computeInput, record.computeInputMs);
    add(statistics.computeInfer, record.computeInferMs);
    add(statistics.computeOutput, record.computeOutputMs);
  }

  onBatch(_model: ModelDescription, record: BatchRecord): void {
    if (record.error !== undefined) return;
    const statistics = this.statistics;
    statistics.executionCount++;
    statistics.lastInferenceMs = this.#wallClockMs();
    const batchSize = record.rows;
    let batch = this.#batches.get(batchSize);
    if (batch === undefined) {
      batch = { batchSize, computeInput: none(), computeInfer: none(), computeOutput: none() };
      this.#batches.set(batchSize, batch);
    }
    add(batch.computeInput, record.computeInputMs);
    add(batch.computeInfer, record.computeInferMs);
    add(batch.computeOutput, record.computeOutputMs);
  }
}

import { isDecoupled, type ModelDescription } from "./model.ts";
import type { BatchRecord, DecoupledAnswerRecord, Observer, RequestRecord } from "./observer.ts";

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

/** The answers of a decoupled model that stand at one place among those to their requests. */
export interface AnswerStatistics {
  readonly computeInfer: StatisticDuration;
  readonly computeOutput: StatisticDuration;
  readonly success: StatisticDuration;
  readonly fail: StatisticDuration;
  /** Requests that had no answer at all. */
  readonly emptyResponse: StatisticDuration;
  readonly cancel: StatisticDuration;
}

/** Places that are counted apart; answers behind them count to the last one, because a request can have millions. */
export const maxAnswerPlaces = 256;

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
  /** By the place of the answer, from 0; empty for a model that is not decoupled. */
  readonly answers: ReadonlyMap<number, AnswerStatistics>;
}

function add(duration: StatisticDuration, milliseconds: number): void {
  duration.count++;
  duration.ns += Math.max(0, Math.round(milliseconds * 1e6));
}

const none = (): StatisticDuration => ({ count: 0, ns: 0 });

/** Counts for one model version; an observer like any other, but always on: ModelStatistics needs it without a monitor. */
export class StatisticsCollector implements Observer {
  readonly #batches = new Map<number, BatchStatistics>();
  readonly #answers = new Map<number, AnswerStatistics>();
  /** Run times of requests whose first answer has not been taken: they count to that. */
  #unassignedInferMs = 0;
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
      answers: this.#answers,
    };
  }

  /** One run computes all answers of a request, so its time counts to the first of them. */
  onDecoupledAnswer(_model: ModelDescription, { index, outcome, computeOutputMs }: DecoupledAnswerRecord): void {
    const inferMs = index === 0 ? this.#unassignedInferMs : 0;
    if (index === 0) this.#unassignedInferMs = 0;
    const answers = this.#answersAt(Math.min(index, maxAnswerPlaces - 1));
    if (outcome === "empty") add(answers.emptyResponse, inferMs);
    else if (outcome === "cancel") add(answers.cancel, computeOutputMs);
    else {
      add(answers.computeInfer, inferMs);
      add(answers.computeOutput, computeOutputMs);
      add(answers[outcome], inferMs + computeOutputMs);
    }
  }

  #answersAt(index: number): AnswerStatistics {
    let answers = this.#answers.get(index);
    if (answers === undefined) {
      answers = {
        computeInfer: none(),
        computeOutput: none(),
        success: none(),
        fail: none(),
        emptyResponse: none(),
        cancel: none(),
      };
      this.#answers.set(index, answers);
    }
    return answers;
  }

  onEnd(model: ModelDescription, record: RequestRecord): void {
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
    if (isDecoupled(model)) this.#unassignedInferMs += record.computeInferMs;
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

import type { BatchRecord } from "../observer.ts";
import type { RequestQueue } from "../queue/request-queue.ts";
import { LeastWait } from "./least-wait.ts";
import { predictRunMs, type RunTimeEstimate, RunTimeModel } from "./run-time-model.ts";

/** A batch that has ended, as far as something is learned from it. */
export interface EndedRun {
  readonly rows: number;
  readonly shapeBucket: number;
  /** It waited behind another batch in its runtime process. */
  readonly isAhead: boolean;
  /** No other request fitted in. */
  readonly isFull: boolean;
}

/** How long a batch of this model takes at least: decays, so that one lucky run does not count for ever. */
const shortestRunDecay = 1.02;
/** Each request that is refused because of that time halves it: without runs it would never be corrected. */
const refusedRunDecay = 0.5;

/** The time that the stages of a batch took, without waiting. */
export function busyTime({ computeInputMs, computeInferMs, computeOutputMs }: BatchRecord): number {
  return computeInputMs + computeInferMs + computeOutputMs;
}

/**
 * What one model version has learned of its runs: what a batch of a shape takes (to plan with), and what any batch and the rows that wait take at
 * least (for promises that must not be broken by a guess). Pure state.
 */
export class RunKnowledge {
  readonly #maxRows: number;
  readonly #runTimes: RunTimeModel;
  readonly #leastWait: LeastWait;
  #shortestRunMs = 0;

  /** @param runTimes what is known before the first request, from the warm-up */
  constructor(maxRows: number, runTimes: RunTimeModel = new RunTimeModel()) {
    this.#maxRows = maxRows;
    this.#runTimes = runTimes;
    this.#leastWait = new LeastWait(maxRows);
  }

  /** The shortest time from taking a batch to its answers, milliseconds; 0: none was seen. */
  get shortestRunMs(): number {
    return this.#shortestRunMs;
  }

  /** Undefined: no run of this bucket has ended yet. */
  estimate(shapeBucket: number): RunTimeEstimate | undefined {
    return this.#runTimes.estimate(shapeBucket);
  }

  /** Milliseconds that a batch is expected to take; undefined: nothing is known of its shape yet. */
  predictMs(rows: number, shapeBucket: number): number | undefined {
    const estimate = this.#runTimes.estimate(shapeBucket);
    return estimate === undefined ? undefined : predictRunMs(estimate, rows);
  }

  /** A batch has run well. @returns what is known of runs of its shape by now */
  learn({ rows, shapeBucket, isAhead, isFull }: EndedRun, record: BatchRecord): RunTimeEstimate {
    const runMs = record.endedMs - record.takenMs;
    const busyMs = busyTime(record);
    this.#shortestRunMs = this.#shortestRunMs === 0 ? runMs : Math.min(this.#shortestRunMs * shortestRunDecay, runMs);
    this.#leastWait.onRan(rows, isFull, busyMs);
    return isAhead
      ? this.#runTimes.learnBusy(shapeBucket, rows, busyMs)
      : this.#runTimes.learn(shapeBucket, rows, runMs, busyMs);
  }

  /** A request was refused for a time that may be out of date: believe half, until a batch has run. */
  doubt(): void {
    this.#shortestRunMs *= refusedRunDecay;
    this.#leastWait.doubt();
  }

  /**
   * How long so many of the rows that wait take at least. Where requests differ in what they take, the latest batches tell nothing of those that
   * wait: then no row takes more than one of the cheapest shape that waits, and nothing where that has never run.
   * @param isVaried requests differ in what they take
   */
  leastWaitMs(rows: number, instances: number, queue: RequestQueue, isVaried: boolean): number {
    const latestMs = this.#leastWait.timeFor(rows, instances);
    if (!isVaried || latestMs === 0) return latestMs;
    const rowMs = queue.leastOfBuckets((bucket) => (this.predictMs(this.#maxRows, bucket) ?? 0) / this.#maxRows);
    return Math.min(latestMs, (rows * rowMs) / Math.max(1, instances));
  }
}

import { toTimestamp } from "../../model/package-messages.ts";
import type { BatchRecord, RequestRecord } from "../../runtime/observer.ts";
import {
  clearDurationHistogram,
  createDurationHistogram,
  type DurationHistogram,
  durationQuantile,
  recordDuration,
} from "../../statistics/duration-histogram.ts";
import type { TrafficPoint } from "../monitor-report.ts";

/** Intervals of the history, its longest reach. */
export const maxTrafficPoints = 360;

/** Memory that a history takes at most, in bytes, by a generous estimate of what an object of numbers takes. */
export const trafficMaxBytes = maxTrafficPoints * 1024;

/** Longest interval where blocks are longer: short enough to look on. */
const longestIntervalSeconds = 10;
/** Shorter intervals would make a history of minutes. */
const shortestIntervalSeconds = 5;

/** Upper bounds of batch sizes: powers of two up to 16,384; the last entry counts what is larger. */
const sizeBounds = 16;

/**
 * Seconds of an interval of the history: the longest part of a block, of at most ten seconds, that ends with it; the block itself where its parts
 * would be too short.
 */
export function trafficIntervalSeconds(blockSeconds: number): number {
  for (let seconds = longestIntervalSeconds; seconds >= shortestIntervalSeconds; seconds--) {
    if (blockSeconds % seconds === 0) return seconds;
  }
  return blockSeconds;
}

/**
 * The traffic of a model version over time: what the current interval has counted, and a list of those that were. Recording costs a few
 * additions to fields. An interval in which nothing happened is in the history too, unless nothing had happened at all.
 */
export class TrafficHistory {
  readonly #intervalMs: number;
  #points: TrafficPoint[] = [];
  #endMs: number;
  #requests = 0;
  #failures = 0;
  #rows = 0;
  #batches = 0;
  #queueMs = 0;
  #computeInputMs = 0;
  #computeInferMs = 0;
  #computeOutputMs = 0;
  /** Admitted and neither taken into a batch nor ended. */
  #waiting = 0;
  #hasTraffic = false;
  /** Made with the first request. */
  #durations: DurationHistogram | undefined;
  readonly #sizes = new Float64Array(sizeBounds);

  /** @param nowMs epoch milliseconds, as everywhere here */
  constructor(intervalSeconds: number, nowMs: number) {
    this.#intervalMs = intervalSeconds * 1000;
    this.#endMs = (Math.floor(nowMs / this.#intervalMs) + 1) * this.#intervalMs;
  }

  onAdmitted(): void {
    this.#waiting++;
  }

  onTaken(requests: number): void {
    this.#waiting -= requests;
  }

  onEnd(record: RequestRecord): void {
    this.#hasTraffic = true;
    if (record.takenMs === 0 && record.queuedMs > 0) this.#waiting--;
    if (record.error !== undefined) {
      this.#failures++;
      return;
    }
    this.#requests++;
    this.#queueMs += span(record.takenMs - record.queuedMs);
    this.#computeInputMs += span(record.computeInputMs);
    this.#computeInferMs += span(record.computeInferMs);
    this.#computeOutputMs += span(record.computeOutputMs);
    this.#durations ??= createDurationHistogram();
    recordDuration(this.#durations, (record.endedMs - record.context.arrivalTimeMs) / 1000);
  }

  onBatch({ rows, error }: BatchRecord): void {
    if (error !== undefined) return;
    this.#hasTraffic = true;
    this.#batches++;
    this.#rows += rows;
    const place = rows <= 1 ? 0 : Math.min(sizeBounds - 1, 32 - Math.clz32(rows - 1));
    this.#sizes[place] = (this.#sizes[place] ?? 0) + 1;
  }

  /** Time has passed: ends the interval that is over. */
  tick(nowMs: number): void {
    if (nowMs < this.#endMs) return;
    if (this.#hasTraffic) {
      this.#points.push(this.#toPoint(this.#endMs));
      // Intervals that nobody looked at in time, such as those of a suspended machine.
      const missed = Math.min(maxTrafficPoints, Math.floor((nowMs - this.#endMs) / this.#intervalMs));
      this.#clear();
      const lastMs = Math.floor(nowMs / this.#intervalMs) * this.#intervalMs;
      for (let i = missed - 1; i >= 0; i--) this.#points.push(this.#toPoint(lastMs - i * this.#intervalMs));
      if (this.#points.length > maxTrafficPoints) this.#points = this.#points.slice(-maxTrafficPoints);
    }
    this.#endMs = (Math.floor(nowMs / this.#intervalMs) + 1) * this.#intervalMs;
  }

  /** The intervals that have ended, oldest first. */
  points(): readonly TrafficPoint[] {
    return this.#points;
  }

  #toPoint(endMs: number): TrafficPoint {
    const count = Math.max(1, this.#requests);
    const mean = (milliseconds: number) => milliseconds / 1000 / count;
    const quantile = (probability: number) => this.#durations && durationQuantile(this.#durations, probability);
    const [p50_seconds, p95_seconds, p99_seconds] = [quantile(0.5), quantile(0.95), quantile(0.99)];
    return {
      at: toTimestamp(endMs),
      seconds: this.#intervalMs / 1000,
      requests: this.#requests,
      failures: this.#failures,
      rows: this.#rows,
      batches: this.#batches,
      queue_seconds: mean(this.#queueMs),
      compute_input_seconds: mean(this.#computeInputMs),
      compute_infer_seconds: mean(this.#computeInferMs),
      compute_output_seconds: mean(this.#computeOutputMs),
      ...(p50_seconds !== undefined && { p50_seconds }),
      ...(p95_seconds !== undefined && { p95_seconds }),
      ...(p99_seconds !== undefined && { p99_seconds }),
      queue_size: Math.max(0, this.#waiting),
      batch_sizes: [...this.#sizes].flatMap((runs, place) =>
        runs === 0 ? [] : [{ up_to_rows: 2 ** place, count: runs }],
      ),
    };
  }

  #clear(): void {
    this.#requests = 0;
    this.#failures = 0;
    this.#rows = 0;
    this.#batches = 0;
    this.#queueMs = 0;
    this.#computeInputMs = 0;
    this.#computeInferMs = 0;
    this.#computeOutputMs = 0;
    if (this.#durations !== undefined) clearDurationHistogram(this.#durations);
    this.#sizes.fill(0);
  }
}

/** What is no number, or negative, is no time. */
function span(milliseconds: number): number {
  return Number.isNaN(milliseconds) ? 0 : Math.max(0, milliseconds);
}

import { monitorEventLoopDelay } from "node:perf_hooks";
import { toTimestamp } from "../../model/package-messages.ts";
import type { ServerPoint } from "../monitor-report.ts";

/** Length of an interval. */
export const serverIntervalSeconds = 10;

/** Intervals of the history: an hour. */
export const maxServerPoints = 360;

/** What is measured of the server at the end of an interval, which begins anew with that. */
export interface ServerGauges {
  /** 99th percentile of the event loop's delay since it was read last, seconds. */
  readLoopDelay(): number;
  frontBytes(): number;
  runtimeBytes(): number;
  stop(): void;
}

/** How often the delay of the event loop is sampled. */
const delayResolutionMs = 20;

/** The process that this runs in. @param runtimeBytes resident memory of all runtime processes */
export function systemGauges(runtimeBytes: () => number): ServerGauges {
  const delay = monitorEventLoopDelay({ resolution: delayResolutionMs });
  delay.enable();
  return {
    readLoopDelay() {
      // A sample is the time between two turns of a timer: an idle loop measures the timer's period, which is no delay.
      const seconds = delay.count === 0 ? 0 : delay.percentile(99) / 1e9 - delayResolutionMs / 1000;
      delay.reset();
      return Math.max(0, seconds);
    },
    frontBytes: () => process.memoryUsage.rss(),
    runtimeBytes,
    stop: () => delay.disable(),
  };
}

/** The whole server over time. */
export class ServerHistory {
  readonly #gauges: ServerGauges;
  #points: ServerPoint[] = [];
  #fromMs: number;
  #endMs: number;

  constructor(gauges: ServerGauges, nowMs: number) {
    this.#gauges = gauges;
    this.#fromMs = nowMs;
    this.#endMs = nextEnd(nowMs);
  }

  /** Time has passed: ends the interval that is over. */
  tick(nowMs: number): void {
    if (nowMs < this.#endMs) return;
    this.#points.push({
      at: toTimestamp(nowMs),
      seconds: (nowMs - this.#fromMs) / 1000,
      loop_delay_p99_seconds: this.#gauges.readLoopDelay(),
      front_bytes: this.#gauges.frontBytes(),
      runtime_bytes: this.#gauges.runtimeBytes(),
    });
    if (this.#points.length > maxServerPoints) this.#points = this.#points.slice(-maxServerPoints);
    this.#fromMs = nowMs;
    this.#endMs = nextEnd(nowMs);
  }

  /** The intervals that have ended, oldest first. */
  points(): readonly ServerPoint[] {
    return this.#points;
  }

  stop(): void {
    this.#gauges.stop();
  }
}

function nextEnd(nowMs: number): number {
  const intervalMs = serverIntervalSeconds * 1000;
  return (Math.floor(nowMs / intervalMs) + 1) * intervalMs;
}

import { toTimestamp } from "../../../model/package-messages.ts";
import { maxBaselineValue } from "../../../statistics/baseline.ts";
import type { ChangeConfig } from "../../config/changes.ts";
import type { ChangeDetector as ChangeDetectorReport } from "../../monitor-report.ts";
import { type Change, type ChangeJudge, createChangeJudge } from "./change-judge.ts";

/**
 * How the values of a signal are to be looked at: a share lies between 0 and 1, a number anywhere, a duration above 0, where factors count and not
 * differences.
 */
export type ChangeScale = "share" | "number" | "duration";

/** Shortest duration that is told apart from none, seconds. */
const leastDuration = 1e-9;

/** By what rounding may take a probability out of its range. */
const shareTolerance = 1e-3;

/**
 * Watches one number over time: takes its values one by one, in the order in which they came, makes means of so many if that is wanted, and counts
 * changes. Its memory is the same for ever.
 */
export class ChangeDetector {
  readonly config: ChangeConfig;
  readonly #judge: ChangeJudge;
  readonly #isShare: boolean;
  readonly #isDuration: boolean;
  readonly #minChange: number;
  readonly #minRatio: number;
  /** What the number was before small changes that have not been told. */
  #level = Number.NaN;
  #sum = 0;
  #summed = 0;
  #changedAtMs: number | undefined;
  #latest: Change | undefined;
  /** Changes so far. */
  changes = 0;
  /** Values that it took. */
  sampleCount = 0;
  /** Values that were no numbers, or beyond all measure, or no shares where they should be, and were left out. */
  leftOut = 0;

  constructor(config: ChangeConfig, scale: ChangeScale) {
    this.config = config;
    this.#judge = createChangeJudge(config, scale === "share");
    this.#isDuration = scale === "duration" && config.method !== "threshold";
    this.#isShare = scale === "share";
    this.#minChange = config.method === "adwin" ? config.minChange : 0;
    this.#minRatio = config.method === "adwin" ? config.minRatio : 0;
  }

  /** What is watched, in words: the signal, and its class or number. */
  get signal(): string {
    const { signal, label } = this.config;
    return label === "" ? signal : `${signal} ${label}`;
  }

  /** What the number is now; NaN without values. */
  get current(): number {
    return this.#told(this.#judge.current);
  }

  /** Takes the next value. @returns what has changed with it; undefined: nothing */
  add(value: number, atMs: number): Change | undefined {
    if (!(Math.abs(value) <= maxBaselineValue) || (this.#isShare && Math.abs(value - 0.5) > 0.5 + shareTolerance)) {
      this.leftOut++;
      return undefined;
    }
    this.sampleCount++;
    this.#sum += this.#isShare ? Math.min(1, Math.max(0, value)) : value;
    if (++this.#summed < this.config.averageOf) return undefined;
    const mean = this.#sum / this.#summed;
    this.#sum = 0;
    this.#summed = 0;
    const found = this.#judge.add(this.#isDuration ? Math.log(Math.max(leastDuration, mean)) : mean);
    return found && this.#onChange({ before: this.#told(found.before), after: this.#told(found.after) }, atMs);
  }

  /** As the report tells it. */
  report(): ChangeDetectorReport {
    const { current } = this;
    return {
      method: this.config.method,
      signal: this.signal,
      changes: this.changes,
      ...(this.#changedAtMs !== undefined && { changed_at: toTimestamp(this.#changedAtMs) }),
      current: Number.isFinite(current) ? current : 0,
      sample_count: this.sampleCount,
      ...(this.#latest && { before: this.#latest.before, after: this.#latest.after }),
    };
  }

  /** Changes too small to matter add up until they do. */
  #onChange({ before, after }: Change, atMs: number): Change | undefined {
    if (Number.isNaN(this.#level)) this.#level = before;
    const least = Math.max(this.#minChange, this.#minRatio * Math.abs(this.#level));
    if (Math.abs(after - this.#level) < least) return undefined;
    this.#latest = { before: this.#level, after };
    this.#level = Number.NaN;
    this.changes++;
    this.#changedAtMs = atMs;
    return this.#latest;
  }

  #told(value: number): number {
    return this.#isDuration ? Math.exp(value) : value;
  }
}

import type { Budget, Estimate } from "./estimate.ts";

/** What the command line gives every case. */
export interface BenchOptions {
  /** Alternating pairs of measurements. */
  readonly pairs: number;
  /** Length of one measurement. */
  readonly seconds: number;
  /** Folder for V8 CPU profiles of the servers; undefined: none. */
  readonly profileFolder: string | undefined;
}

/** One measurement, with the limit that was measured beside it in the same run. */
export interface Line {
  readonly what: string;
  readonly measured: number;
  readonly unit: string;
  readonly limit?: { readonly name: string; readonly value: number };
  /** What the budget speaks of: the ratio to the limit (unit "x"), a difference, or the measurement itself. */
  readonly estimate: Estimate;
  readonly estimateUnit: string;
  readonly budget?: Budget;
  readonly note?: string;
}

/** A benchmark that can be selected by its name. */
export interface BenchCase {
  readonly name: string;
  /** One sentence for `--list`. */
  readonly summary: string;
  /** @throws SkippedError when the machine lacks what the case needs, any other error when an answer was wrong or something failed */
  run(options: BenchOptions): Promise<readonly Line[]>;
}

/** The case cannot run here, and that is no fault. */
export class SkippedError extends Error {
  override readonly name = "SkippedError";
}

import type { SignalProfile } from "../../model/package-messages.ts";
import type { SampledRows } from "../collect/sampled-rows.ts";
import type { DriftConfig } from "../config/drift.ts";
import {
  clearSignalCounts,
  createSignalCounts,
  mergeSignalCounts,
  recordSignal,
  type SignalCounts,
} from "./signal-counts.ts";

/** Counts of all watched signals over some rows. State, and algebra over it. */
export interface WindowCounts {
  readonly signals: readonly SignalCounts[];
  rows: number;
  /** Times of the first and the last row, epoch milliseconds; infinite without rows. */
  fromMs: number;
  toMs: number;
}

/** Empty counts for the signals of a profile. */
export function createWindowCounts(profiles: readonly SignalProfile[]): WindowCounts {
  return {
    signals: profiles.map(createSignalCounts),
    rows: 0,
    fromMs: Number.POSITIVE_INFINITY,
    toMs: Number.NEGATIVE_INFINITY,
  };
}

/** Counts sampled rows. @param places of the signals among the values of a row */
export function recordRows(
  window: WindowCounts,
  { count, width, values, marks, atMs }: SampledRows,
  places: Int32Array,
): void {
  const { signals } = window;
  for (let row = 0; row < count; row++) {
    const start = row * width;
    for (let i = 0; i < signals.length; i++) {
      const at = start + (places[i] as number); // one place for each signal
      recordSignal(signals[i] as SignalCounts, values[at] as number, marks[at] as number); // a row has all places
    }
  }
  window.rows += count;
  window.fromMs = Math.min(window.fromMs, atMs);
  window.toMs = Math.max(window.toMs, atMs);
}

/** Adds the counts of other rows. */
export function mergeWindowCounts(into: WindowCounts, from: WindowCounts): void {
  into.signals.forEach((counts, i) => {
    mergeSignalCounts(counts, from.signals[i] as SignalCounts); // the same signals
  });
  into.rows += from.rows;
  into.fromMs = Math.min(into.fromMs, from.fromMs);
  into.toMs = Math.max(into.toMs, from.toMs);
}

/** Forgets all rows. */
export function clearWindowCounts(window: WindowCounts): void {
  for (const counts of window.signals) clearSignalCounts(counts);
  window.rows = 0;
  window.fromMs = Number.POSITIVE_INFINITY;
  window.toMs = Number.NEGATIVE_INFINITY;
}

/** Whether a window has the rows and the length that make it complete. */
export function isWindowComplete({ rows, fromMs }: WindowCounts, nowMs: number, config: DriftConfig): boolean {
  return rows >= config.windowRows && nowMs - fromMs >= config.windowSeconds * 1000;
}

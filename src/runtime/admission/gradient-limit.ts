/**
 * How many rows of a model may be in the server at a time, found by trying: the limit grows while requests do not wait, and shrinks when they
 * wait longer than they may. Pure: one step a window of time, from what was seen in it.
 *
 * The rule is Gradient2 of Netflix' concurrency-limits with its constants, except for the two times that it compares. There, a proxy sees
 * round trips alone, takes the average of the last 600 for what a round trip takes without a queue, and so takes a queue that
 * stands long enough for normal (docs/adr/0011). Here, both parts are known: the run itself, and the wait beyond what is allowed.
 */

/** What was seen in one window. */
export interface GradientWindow {
  /** Mean duration of a run, without any wait. */
  readonly runMs: number;
  /** Mean wait in the queue beyond what is allowed: the batch window, the target. */
  readonly excessMs: number;
  /** Most rows in the server at a time in the window. */
  readonly inFlightRows: number;
}

/** Between what the limit may move, in rows. */
export interface GradientBounds {
  readonly minRows: number;
  readonly maxRows: number;
  /** How many rows the limit would grow by if it followed at once: room for one more batch. */
  readonly growthRows: number;
}

/** Waits up to half of a run, beyond what is allowed, do not shrink the limit. */
const tolerance = 1.5;
/** The limit aimed at is at least this share of the present one. */
const leastGradient = 0.5;
/** Share of the way to the limit aimed at that one window goes. */
const smoothing = 0.2;
/** A limit that is used less than this says nothing about the model: it stays. */
const leastUse = 0.5;

/** The limit after a window, in rows; not rounded, so that small steps add up. */
export function nextLimit(limitRows: number, window: GradientWindow, bounds: GradientBounds): number {
  const { minRows, maxRows, growthRows } = bounds;
  let next = limitRows;
  if (window.inFlightRows >= limitRows * leastUse) {
    const ratio = (tolerance * window.runMs) / (window.runMs + window.excessMs);
    const gradient = Math.min(1, Math.max(leastGradient, ratio));
    const aimedAt = limitRows * gradient + growthRows;
    next = limitRows * (1 - smoothing) + aimedAt * smoothing;
  }
  return Math.min(maxRows, Math.max(minRows, next));
}

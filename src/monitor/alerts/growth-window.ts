/** Points kept of one number: a window of any length is seen in steps of a thousandth. */
const maxPoints = 1000;

/** By how much a number that only grows has grown within a window that ends now. Bounded, whatever the window. */
export class GrowthWindow {
  readonly #windowMs: number;
  readonly #points: { readonly atMs: number; readonly total: number }[] = [];

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** Takes the number as it is now. @returns its growth, over at most the window, and the evaluations that it rests on */
  record(total: number, nowMs: number): { readonly amount: number; readonly evaluations: number } {
    const points = this.#points;
    // The youngest point that is at least a window old is where the growth begins.
    while (points.length > 1 && (points[1]?.atMs ?? nowMs) <= nowMs - this.#windowMs) points.shift();
    const oldest = points[0];
    const amount = oldest === undefined ? 0 : Math.max(0, total - oldest.total);
    const evaluations = points.length;
    const youngest = points.at(-1);
    if (youngest === undefined || nowMs - youngest.atMs >= this.#windowMs / maxPoints)
      points.push({ atMs: nowMs, total });
    return { amount, evaluations };
  }
}

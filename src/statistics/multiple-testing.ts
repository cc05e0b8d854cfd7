/** How the probability of a false alarm is kept when many scores are looked at together. */
export const corrections = ["none", "bonferroni", "holm", "benjamini_hochberg"] as const;
export type Correction = (typeof corrections)[number];

/**
 * The probability below which each of several p-values counts, so that together they keep `alpha`: with `bonferroni` and `holm` the probability
 * of any false alarm, with `benjamini_hochberg` the expected share of false ones among the alarms (Holm 1979; Benjamini and Hochberg 1995).
 * A p-value is significant exactly when it is at most the result. For the two stepwise ones the result depends on the values: it is the bound of
 * the step at which they end. NaN values count as tests without a result.
 */
export function significanceLevel(pValues: ArrayLike<number>, alpha: number, correction: Correction): number {
  const tests = pValues.length;
  if (tests === 0 || correction === "none") return alpha;
  if (correction === "bonferroni") return alpha / tests;
  const sorted = Float64Array.from(pValues, (p) => (Number.isNaN(p) ? 1 : p)).sort();
  return correction === "holm" ? holmLevel(sorted, alpha) : benjaminiHochbergLevel(sorted, alpha);
}

/** Step down: the smallest is compared with alpha / tests, the next with alpha / (tests - 1), and so on to the first that fails. */
function holmLevel(sorted: Float64Array, alpha: number): number {
  const tests = sorted.length;
  for (let i = 0; i < tests; i++) {
    const bound = alpha / (tests - i);
    if (!((sorted[i] as number) <= bound)) return bound;
  }
  return alpha;
}

/** Step up: the largest k whose k-th smallest value is at most k alpha / tests decides for all up to it. */
function benjaminiHochbergLevel(sorted: Float64Array, alpha: number): number {
  const tests = sorted.length;
  for (let k = tests; k > 1; k--) {
    const bound = (k * alpha) / tests;
    if ((sorted[k - 1] as number) <= bound) return bound;
  }
  return alpha / tests;
}

/**
 * Adds `factor` times `source` to `target`, element by element: how all states that are sums merge (1) and are taken apart again (-1),
 * compensated ones included.
 */
export function addSums(target: Float64Array, source: Float64Array, factor: 1 | -1): void {
  for (let index = 0; index < target.length; index++) {
    target[index] = (target[index] ?? 0) + factor * (source[index] ?? 0);
  }
}

/** Numbers that a compensated sum takes. */
export const compensatedLength = 2;

/**
 * Adds a finite value to a compensated sum: two numbers from `at` on, the sum and what its rounding lost. Its error does not grow with the
 * number of values, and a value that is added with the opposite sign is gone without a trace. Neumaier's variant of Kahan summation
 * ("Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen", ZAMM 54, 1974).
 */
export function addCompensated(sums: Float64Array, value: number, at = 0): void {
  const before = sums[at] ?? 0;
  const after = before + value;
  const lost = Math.abs(before) >= Math.abs(value) ? before - after + value : value - after + before;
  sums[at] = after;
  sums[at + 1] = (sums[at + 1] ?? 0) + lost;
}

export function compensatedSum(sums: Float64Array, at = 0): number {
  return (sums[at] ?? 0) + (sums[at + 1] ?? 0);
}

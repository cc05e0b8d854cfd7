import { sumOf } from "./distribution-distance.ts";
import { chiSquareTail } from "./incomplete-gamma.ts";

/** A chi-square statistic with what belongs to it. */
export interface ChiSquareResult {
  readonly statistic: number;
  readonly degreesOfFreedom: number;
  /** Probability of a statistic at least as large by chance; NaN without degrees of freedom. */
  readonly pValue: number;
}

/**
 * Pearson's goodness of fit: whether `current` could be drawn from the shares of `reference`, which counts as known exactly. A bin that is
 * empty in the reference and not in the current counts gives an infinite statistic; bins that are empty on both sides count as none.
 */
export function chiSquareGoodnessOfFit(reference: ArrayLike<number>, current: ArrayLike<number>): ChiSquareResult {
  const scale = sumOf(current) / sumOf(reference);
  let statistic = 0;
  let bins = 0;
  for (let i = 0; i < reference.length; i++) {
    const expected = (reference[i] as number) * scale; // both have as many bins
    const observed = current[i] as number;
    if (expected === 0 && observed === 0) continue;
    bins++;
    statistic += expected === 0 ? Number.POSITIVE_INFINITY : (observed - expected) ** 2 / expected;
  }
  return resultOf(statistic, bins - 1);
}

/** Pearson's test of a table of two rows: whether both could be drawn from the same shares. Bins that are empty on both sides count as none. */
export function chiSquareContingency(reference: ArrayLike<number>, current: ArrayLike<number>): ChiSquareResult {
  const n = sumOf(reference);
  const m = sumOf(current);
  let statistic = 0;
  let bins = 0;
  for (let i = 0; i < reference.length; i++) {
    const [r, c] = [reference[i] as number, current[i] as number]; // both have as many bins
    if (r + c === 0) continue;
    bins++;
    // The two cells' terms (observed - expected)^2 / expected in one.
    statistic += (m * r - n * c) ** 2 / (n * m * (r + c));
  }
  return resultOf(statistic, bins - 1);
}

function resultOf(statistic: number, degreesOfFreedom: number): ChiSquareResult {
  return { statistic, degreesOfFreedom, pValue: chiSquareTail(statistic, degreesOfFreedom) };
}

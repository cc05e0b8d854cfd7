/** Bounds of a number that was worked out from a sample. */
export interface Interval {
  readonly lower: number;
  readonly upper: number;
}

/** Quantile of the standard normal distribution that leaves 2.5 % on each side. */
export const z95 = 1.959963984540054;

/** Standard errors on each side of a mean: 99.7 % where it is normally distributed. */
export const standardErrors = 3;

/**
 * Interval of a share, right also near 0 and 1 and for few trials: Wilson, "Probable inference, the law of succession, and
 * statistical inference", 1927. Undefined without trials.
 *
 * @param share successes / trials, 0 to 1.
 * @param trials how many; need not be a whole number where trials are weighted ({@link effectiveCount}).
 * @param z standard errors on each side, default those of 95 %.
 */
export function wilsonInterval(share: number, trials: number, z = z95): Interval | undefined {
  if (!(trials > 0 && share >= 0 && share <= 1)) return undefined;
  const z2 = z * z;
  const centre = (share + z2 / (2 * trials)) / (1 + z2 / trials);
  const half = (z / (1 + z2 / trials)) * Math.sqrt((share * (1 - share)) / trials + z2 / (4 * trials * trials));
  // The formula gives exactly 0 and 1 there; rounding must not move it.
  const lower = share === 0 ? 0 : Math.max(0, centre - half);
  const upper = share === 1 ? 1 : Math.min(1, centre + half);
  return { lower, upper };
}

/** A mean and its {@link standardErrors} standard errors on each side, within bounds that it cannot leave. */
export function meanInterval(
  mean: number,
  standardError: number,
  least = Number.NEGATIVE_INFINITY,
  most = Number.POSITIVE_INFINITY,
): Interval | undefined {
  const half = standardErrors * standardError;
  if (!Number.isFinite(mean) || !Number.isFinite(half)) return undefined;
  return { lower: Math.max(least, mean - half), upper: Math.min(most, mean + half) };
}

/**
 * Interval of a mean of independent numbers from the interval of each: the distances to the bounds add up in squares (MOVER: Zou and
 * Donner, "Construction of confidence limits about effect measures", 2008). Undefined when one that counts has none.
 *
 * @param weights of the values in the mean; default: all the same.
 */
export function meanOfIntervals(
  values: readonly number[],
  intervals: readonly (Interval | undefined)[],
  weights: readonly number[] = values.map(() => 1),
): Interval | undefined {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (!(total > 0)) return undefined;
  let mean = 0;
  let below = 0;
  let above = 0;
  for (const [index, value] of values.entries()) {
    const share = (weights[index] ?? 0) / total;
    const interval = intervals[index];
    if (share === 0) continue;
    if (interval === undefined) return undefined;
    mean += share * value;
    below += (share * (value - interval.lower)) ** 2;
    above += (share * (interval.upper - value)) ** 2;
  }
  return { lower: mean - Math.sqrt(below), upper: mean + Math.sqrt(above) };
}

/**
 * How many equally weighted values tell as much as weighted ones: (sum of w)^2 / sum of w^2 (Kish, "Survey Sampling", 1965). 0 when there
 * are none.
 */
export function effectiveCount(weight: number, squaredWeight: number): number {
  return squaredWeight > 0 ? (weight * weight) / squaredWeight : 0;
}

/**
 * What a number was like at first: mean and standard deviation of so many values. Values after that are told in standard deviations from the
 * mean, and no further away than {@link maxDeviations}, so that a single outlier is no change.
 */
export interface Baseline {
  /** Values that it takes. */
  readonly length: number;
  /** Values that it has; from `length` on it stands. */
  count: number;
  mean: number;
  /** Sum of squared deviations from the mean. */
  m2: number;
}

/** Standard deviations beyond which one value counts no more than at this distance. */
export const maxDeviations = 4;

/** A number that was always the same has a standard deviation of this share of itself, so that the next other value is far away and no more. */
const leastDeviation = 1e-6;

/** A baseline without values. */
export function createBaseline(length: number): Baseline {
  return { length, count: 0, mean: 0, m2: 0 };
}

/** Takes a value, which must be finite, as long as values are missing. @returns whether it was taken */
export function addToBaseline(baseline: Baseline, value: number): boolean {
  if (baseline.count >= baseline.length) return false;
  baseline.count++;
  const deviation = value - baseline.mean;
  baseline.mean += deviation / baseline.count;
  baseline.m2 += deviation * (value - baseline.mean);
  return true;
}

/** Forgets everything. */
export function clearBaseline(baseline: Baseline): void {
  baseline.count = 0;
  baseline.mean = 0;
  baseline.m2 = 0;
}

/** Standard deviation of the values that it has, divisor n. */
export function baselineDeviation({ count, mean, m2 }: Baseline): number {
  return Math.max(Math.sqrt(m2 / Math.max(1, count)), Math.abs(mean) * leastDeviation, Number.MIN_VALUE);
}

/** A value in standard deviations from the mean: -{@link maxDeviations} to {@link maxDeviations}. */
export function standardized(baseline: Baseline, value: number): number {
  const deviations = (value - baseline.mean) / baselineDeviation(baseline);
  return Math.min(maxDeviations, Math.max(-maxDeviations, deviations));
}

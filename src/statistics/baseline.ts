/** Mean and spread of values. */
interface Spread {
  count: number;
  mean: number;
  /** Sum of squared deviations from the mean. */
  m2: number;
}

/**
 * What a number was like at first: mean and standard deviation of so many values. Values after that are told in standard deviations from the
 * mean, and no further away than {@link maxDeviations}, so that a single outlier is no change.
 */
export interface Baseline extends Spread {
  /** Values that it takes. */
  readonly length: number;
  /** Values that it has; from `length` on it stands. */
  count: number;
  /** As many values that came after them, which show whether an outlier among the first ones has spoilt it. */
  readonly review: Spread;
}

/** Standard deviations beyond which one value counts no more than at this distance. */
export const maxDeviations = 4;

/** Values that lie so many times closer together than those of the baseline show that it was spoilt. */
const spoiltRatio = 8;

/** Largest magnitude of a value, so that no sum of squares overflows. */
export const maxBaselineValue = 1e100;

/** A number that was always the same has a standard deviation of this share of itself, so that the next other value is far away and no more. */
const leastDeviation = 1e-6;

/** A baseline without values. */
export function createBaseline(length: number): Baseline {
  return { length, count: 0, mean: 0, m2: 0, review: { count: 0, mean: 0, m2: 0 } };
}

/** Takes a value of at most {@link maxBaselineValue} as long as values are missing. @returns whether it was taken */
export function addToBaseline(baseline: Baseline, value: number): boolean {
  if (baseline.count >= baseline.length) return false;
  add(baseline, value);
  return true;
}

/**
 * Looks at a value that comes after those of the baseline. A single typing error among the first values would make the deviation so large that no
 * change is ever seen: as many values later the baseline is replaced by those where they lie much closer together.
 * @returns whether it was: whoever has looked at standardized values begins anew
 */
export function reviewBaseline(baseline: Baseline, value: number): boolean {
  const { length, review } = baseline;
  if (review.count >= length) return false;
  add(review, value);
  if (review.count < length) return false;
  const deviation = Math.max(deviationOf(review), Math.abs(review.mean) * leastDeviation);
  if (!(deviation * spoiltRatio < deviationOf(baseline))) return false;
  baseline.mean = review.mean;
  baseline.m2 = review.m2;
  return true;
}

/** Forgets everything. */
export function clearBaseline(baseline: Baseline): void {
  for (const spread of [baseline, baseline.review]) {
    spread.count = 0;
    spread.mean = 0;
    spread.m2 = 0;
  }
}

function add(spread: Spread, value: number): void {
  spread.count++;
  const deviation = value - spread.mean;
  spread.mean += deviation / spread.count;
  spread.m2 += deviation * (value - spread.mean);
}

function deviationOf({ count, m2 }: Spread): number {
  return Math.sqrt(m2 / Math.max(1, count));
}

/** Standard deviation of the values that it has, divisor n. */
export function baselineDeviation(baseline: Baseline): number {
  return Math.max(deviationOf(baseline), Math.abs(baseline.mean) * leastDeviation, Number.MIN_VALUE);
}

/** A value in standard deviations from the mean: -{@link maxDeviations} to {@link maxDeviations}. */
export function standardized(baseline: Baseline, value: number): number {
  const deviations = (value - baseline.mean) / baselineDeviation(baseline);
  return Math.min(maxDeviations, Math.max(-maxDeviations, deviations));
}

/**
 * How long things took, in buckets of equal ratio: 16 to each doubling, from 2^-20 to 2^12 of whatever unit, so that a quantile is within 3.2 %
 * of the true one. State and algebra over it. Counts are exact to 2^53.
 */
export interface DurationHistogram {
  /** One for each bucket; the first holds what is shorter too, the last what is longer. */
  readonly counts: Float64Array;
}

const bucketsOfDoubling = 16;
const smallestExponent = -20;
const largestExponent = 12;

/** Buckets of a histogram. */
export const durationBuckets = (largestExponent - smallestExponent) * bucketsOfDoubling;

// The exponent and the upper four bits of the fraction of a double are its bucket: no logarithm is needed.
const value = new Float64Array(1);
const bits = new Uint32Array(value.buffer);
const bitsBelow = 16;
const exponentBias = 1023;

/** An empty histogram. */
export function createDurationHistogram(): DurationHistogram {
  return { counts: new Float64Array(durationBuckets) };
}

/** Counts one duration. What is no number, or negative, counts as the shortest: a clock may have been set back. */
export function recordDuration({ counts }: DurationHistogram, duration: number): void {
  const bucket = bucketOf(duration);
  counts[bucket] = (counts[bucket] ?? 0) + 1;
}

function bucketOf(duration: number): number {
  if (!(duration > 0)) return 0;
  value[0] = duration;
  const place = (bits[1] ?? 0) >>> bitsBelow; // sign 0, 11 bits of the exponent, 4 of the fraction
  const bucket = place - (exponentBias + smallestExponent) * bucketsOfDoubling;
  return bucket < 0 ? 0 : bucket >= durationBuckets ? durationBuckets - 1 : bucket;
}

/** Adds what another histogram has counted. */
export function mergeDurationHistogram(into: DurationHistogram, from: DurationHistogram): void {
  for (let i = 0; i < durationBuckets; i++) into.counts[i] = (into.counts[i] ?? 0) + (from.counts[i] ?? 0);
}

/** Takes away what was merged before. */
export function subtractDurationHistogram(from: DurationHistogram, what: DurationHistogram): void {
  for (let i = 0; i < durationBuckets; i++) from.counts[i] = (from.counts[i] ?? 0) - (what.counts[i] ?? 0);
}

/** Forgets everything. */
export function clearDurationHistogram({ counts }: DurationHistogram): void {
  counts.fill(0);
}

/** How many durations were counted. */
export function countDurations({ counts }: DurationHistogram): number {
  let count = 0;
  for (let i = 0; i < durationBuckets; i++) count += counts[i] ?? 0;
  return count;
}

/**
 * The duration that a share of all is not longer than: the middle of its bucket by ratio.
 * @returns undefined where nothing was counted
 */
export function durationQuantile(histogram: DurationHistogram, probability: number): number | undefined {
  const { counts } = histogram;
  const count = countDurations(histogram);
  if (count === 0) return undefined;
  const rank = Math.max(1, Math.ceil(probability * count));
  let below = 0;
  for (let bucket = 0; bucket < durationBuckets; bucket++) {
    below += counts[bucket] ?? 0;
    if (below >= rank) return Math.sqrt(lowerEdge(bucket) * lowerEdge(bucket + 1));
  }
  return undefined;
}

/** Buckets of one doubling are of equal width. */
function lowerEdge(bucket: number): number {
  const doubling = Math.floor(bucket / bucketsOfDoubling);
  return 2 ** (smallestExponent + doubling) * (1 + (bucket % bucketsOfDoubling) / bucketsOfDoubling);
}

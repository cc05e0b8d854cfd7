/**
 * The distribution of a number over fixed edges, with its moments. State and algebra over it; the values that no bin can hold are counted and
 * reach no sum.
 */
export interface NumericHistogram {
  /** Strictly ascending, at least two. Bin i holds edges[i] <= x < edges[i + 1], the last one its upper edge too. Shared, never changed. */
  readonly edges: Float64Array;
  /** One for each bin, then those of {@link below}, {@link above}, {@link missing}, {@link infinite} in this order. */
  readonly counts: Float64Array;
  /** How many finite values, their mean, the sum of squared deviations from it, the smallest and the largest. */
  readonly moments: Float64Array;
}

/** Numbers further from 0 count as infinite: their squares would be, and a sum with them. */
export const largestSummedNumber = 1e150;

/** Most bins that a histogram may have. */
export const maxHistogramBins = 1000;

/** Places behind the bins in `counts`: values below the first edge, above the last, NaN or missing, and infinite ones of either sign. */
export const below = 0;
export const above = 1;
export const missing = 2;
export const infinite = 3;

const extraCounts = 4;

/** Places in `moments`. */
export const momentCount = 0;
export const momentMean = 1;
export const momentM2 = 2;
export const momentMinimum = 3;
export const momentMaximum = 4;

/** An empty histogram. @param edges kept, not copied */
export function createNumericHistogram(edges: Float64Array): NumericHistogram {
  const moments = new Float64Array(5);
  moments[momentMinimum] = Number.POSITIVE_INFINITY;
  moments[momentMaximum] = Number.NEGATIVE_INFINITY;
  return { edges, counts: new Float64Array(edges.length - 1 + extraCounts), moments };
}

/** Whether edges can be those of a histogram: finite, strictly ascending, at least two. */
export function areEdges(edges: ArrayLike<number>): boolean {
  if (edges.length < 2 || edges.length - 1 > maxHistogramBins) return false;
  for (let i = 0; i < edges.length; i++) {
    const edge = edges[i] as number; // i is below length
    if (!Number.isFinite(edge) || (i > 0 && !(edge > (edges[i - 1] as number)))) return false;
  }
  return true;
}

/** Counts one value; NaN is a missing one, and see {@link largestSummedNumber}. */
export function recordNumber(histogram: NumericHistogram, value: number): void {
  const { edges, counts, moments } = histogram;
  const bins = edges.length - 1;
  if (!(Math.abs(value) <= largestSummedNumber)) {
    add(counts, bins + (Number.isNaN(value) ? missing : infinite), 1);
    return;
  }
  add(counts, placeOf(edges, value), 1);
  const count = (moments[momentCount] as number) + 1;
  const mean = moments[momentMean] as number;
  const next = mean + (value - mean) / count;
  moments[momentCount] = count;
  moments[momentMean] = next;
  moments[momentM2] = (moments[momentM2] as number) + (value - mean) * (value - next);
  if (value < (moments[momentMinimum] as number)) moments[momentMinimum] = value;
  if (value > (moments[momentMaximum] as number)) moments[momentMaximum] = value;
}

/** Index into `counts` for a finite value. */
function placeOf(edges: Float64Array, value: number): number {
  const bins = edges.length - 1;
  if (value < (edges[0] as number)) return bins + below;
  if (value >= (edges[bins] as number)) return value === edges[bins] ? bins - 1 : bins + above;
  let low = 0;
  let high = bins;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (value < (edges[middle] as number)) high = middle;
    else low = middle;
  }
  return low;
}

/** Adds what another histogram over the same edges has counted. */
export function mergeNumericHistogram(into: NumericHistogram, from: NumericHistogram): void {
  for (let i = 0; i < into.counts.length; i++) add(into.counts, i, from.counts[i] as number); // both have as many
  combineMoments(into.moments, from.moments, 1);
  const { moments } = into;
  moments[momentMinimum] = Math.min(moments[momentMinimum] as number, from.moments[momentMinimum] as number);
  moments[momentMaximum] = Math.max(moments[momentMaximum] as number, from.moments[momentMaximum] as number);
}

/**
 * Takes away what was merged before. The smallest and largest value stay, so they are bounds from then on; rounding may leave a trace of the
 * order of 1e-16 times what was taken away in mean and M2.
 */
export function subtractNumericHistogram(from: NumericHistogram, what: NumericHistogram): void {
  for (let i = 0; i < from.counts.length; i++) add(from.counts, i, -(what.counts[i] as number)); // both have as many
  combineMoments(from.moments, what.moments, -1);
}

/** Forgets everything but the edges. */
export function clearNumericHistogram({ counts, moments }: NumericHistogram): void {
  counts.fill(0);
  moments.fill(0);
  moments[momentMinimum] = Number.POSITIVE_INFINITY;
  moments[momentMaximum] = Number.NEGATIVE_INFINITY;
}

/** The parallel rule of Welford's sums (Chan, Golub and LeVeque), forwards and backwards. */
function combineMoments(into: Float64Array, other: Float64Array, sign: 1 | -1): void {
  const [n, mean, m2] = into as unknown as [number, number, number]; // five numbers each
  const [k, otherMean, otherM2] = other as unknown as [number, number, number];
  if (k === 0) return;
  const count = n + sign * k;
  into[momentCount] = count;
  if (count <= 0) {
    into[momentMean] = 0;
    into[momentM2] = 0;
    return;
  }
  const delta = otherMean - mean;
  into[momentMean] = mean + (sign * delta * k) / count;
  into[momentM2] = Math.max(0, m2 + sign * (otherM2 + (delta * delta * n * k) / count));
}

function add(counts: Float64Array, place: number, count: number): void {
  counts[place] = (counts[place] as number) + count; // every place is below length
}

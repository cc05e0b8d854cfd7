/**
 * How far two distributions over the same bins are from each other. All take counts or shares, at least one bin, the same bins in both; they
 * divide by the totals themselves and give NaN where one total is 0.
 */

/** What an empty share counts as for the population stability index, as Evidently and others have it. */
export const emptyShareFloor = 1e-4;

/** Sum of an array of counts. */
export function sumOf(counts: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < counts.length; i++) sum += counts[i] as number; // i is below length
  return sum;
}

/** Adds up `term(r, c)` over the shares of all bins; NaN where one side is empty. */
function overShares(
  reference: ArrayLike<number>,
  current: ArrayLike<number>,
  term: (r: number, c: number) => number,
): number {
  const n = sumOf(reference);
  const m = sumOf(current);
  if (!(n > 0 && m > 0)) return Number.NaN;
  let sum = 0;
  for (let i = 0; i < reference.length; i++) {
    sum += term((reference[i] as number) / n, (current[i] as number) / m); // both have as many bins
  }
  return sum;
}

/** Population stability index: sum of (r - c) ln(r / c), natural logarithm; a share of 0 counts as {@link emptyShareFloor}. */
export function populationStability(reference: ArrayLike<number>, current: ArrayLike<number>): number {
  return overShares(reference, current, (r, c) => {
    const a = r === 0 ? emptyShareFloor : r;
    const b = c === 0 ? emptyShareFloor : c;
    return (a - b) * Math.log(a / b);
  });
}

/**
 * Jensen-Shannon distance: the root of the mean divergence of both from their middle.
 * @param base of the logarithm: 2 gives at most 1, Math.E at most 0.8326
 */
export function jensenShannon(reference: ArrayLike<number>, current: ArrayLike<number>, base = 2): number {
  const divergence = overShares(reference, current, (r, c) => {
    const middle = (r + c) / 2;
    return (r === 0 ? 0 : r * Math.log(r / middle)) / 2 + (c === 0 ? 0 : c * Math.log(c / middle)) / 2;
  });
  return Math.sqrt(Math.max(0, divergence) / Math.log(base));
}

/** Hellinger distance, 0 to 1: the root of half the summed squares of the differences of the shares' roots. */
export function hellinger(reference: ArrayLike<number>, current: ArrayLike<number>): number {
  return Math.sqrt(overShares(reference, current, (r, c) => (Math.sqrt(r) - Math.sqrt(c)) ** 2) / 2);
}

/** The largest difference between two shares, 0 to 1. */
export function largestDifference(reference: ArrayLike<number>, current: ArrayLike<number>): number {
  let largest = 0;
  const sum = overShares(reference, current, (r, c) => {
    largest = Math.max(largest, Math.abs(r - c));
    return 0;
  });
  return sum + largest;
}

/** Total variation distance, 0 to 1: half the summed differences of the shares. */
export function totalVariation(reference: ArrayLike<number>, current: ArrayLike<number>): number {
  return overShares(reference, current, (r, c) => Math.abs(r - c)) / 2;
}

/** Kolmogorov-Smirnov distance at the edges of ordered bins: a lower bound of that of the values themselves. */
export function binnedKolmogorovSmirnov(reference: ArrayLike<number>, current: ArrayLike<number>): number {
  let gap = 0;
  let largest = 0;
  const sum = overShares(reference, current, (r, c) => {
    gap += r - c;
    largest = Math.max(largest, Math.abs(gap));
    return 0;
  });
  return sum + largest;
}

/**
 * Wasserstein-1 distance of ordered bins, in the unit of the positions: what has to be moved, times how far.
 * @param positions where each bin's mass lies, ascending; for values themselves: the values
 */
export function binnedWasserstein(
  reference: ArrayLike<number>,
  current: ArrayLike<number>,
  positions: ArrayLike<number>,
): number {
  let gap = 0;
  let bin = 0;
  return overShares(reference, current, (r, c) => {
    gap += r - c;
    bin++;
    if (bin === positions.length) return 0;
    return Math.abs(gap) * ((positions[bin] as number) - (positions[bin - 1] as number)); // bin is below length
  });
}

/** Wasserstein-1 distance of two samples with weights (absent: 1 each). Neither is changed; NaN where one has no weight. */
export function wasserstein(
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  firstWeights?: ArrayLike<number>,
  secondWeights?: ArrayLike<number>,
): number {
  const positions = [...new Set([...Array.from(first), ...Array.from(second)])].sort((a, b) => a - b);
  return binnedWasserstein(
    weightsAt(positions, first, firstWeights),
    weightsAt(positions, second, secondWeights),
    positions,
  );
}

function weightsAt(positions: readonly number[], values: ArrayLike<number>, weights?: ArrayLike<number>): Float64Array {
  const placeOf = new Map(positions.map((value, i) => [value, i]));
  const sums = new Float64Array(positions.length);
  for (let i = 0; i < values.length; i++) {
    const place = placeOf.get(values[i] as number) ?? 0; // every value is a position
    sums[place] = (sums[place] as number) + (weights?.[i] ?? 1);
  }
  return sums;
}

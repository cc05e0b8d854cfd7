/**
 * How scores of rows that belong to a class and of rows that do not are spread: all that ROC-AUC and average precision need, in constant
 * memory. Rows of one bin count as ties, so a binned value differs from the exact one only by pairs that share a bin.
 *
 * Half of the bins' measure is equally wide in probability and half in log-odds: a good classifier crowds its scores at 0 and 1, where
 * equally wide bins would make ties of what it tells apart.
 */
export interface ScoreHistogram {
  readonly bins: number;
  /** By bin, ascending: weight of rows of the class, then of the others. */
  readonly weights: Float64Array;
}

/** Log-odds beyond this are one: float32 probabilities end at 2^-24 below 1. */
const maxLogOdds = 16;

/** Numbers that a histogram takes. */
export function scoreHistogramLength(bins: number): number {
  return 2 * bins;
}

/** @param weights where the sums are to lie, {@link scoreHistogramLength} zeros. */
export function createScoreHistogram(
  bins: number,
  weights = new Float64Array(scoreHistogramLength(bins)),
): ScoreHistogram {
  return { bins, weights };
}

/** The bin of a probability. Ascending: a higher probability is never in a lower bin. */
export function scoreBin(probability: number, bins: number): number {
  if (!(probability > 0)) return 0;
  if (probability >= 1) return bins - 1;
  const logOdds = Math.log(probability / (1 - probability));
  const bounded = Math.min(maxLogOdds, Math.max(-maxLogOdds, logOdds));
  const place = (probability + (bounded + maxLogOdds) / (2 * maxLogOdds)) / 2;
  return Math.min(bins - 1, Math.floor(place * bins));
}

/** Adds weight to a bin: of the class, and of not the class. An estimate splits a row among the two. */
export function recordScore(histogram: ScoreHistogram, bin: number, positive: number, negative: number): void {
  const { bins, weights } = histogram;
  weights[bin] = (weights[bin] ?? 0) + positive;
  weights[bins + bin] = (weights[bins + bin] ?? 0) + negative;
}

/** An area under a curve and how sure it is. */
export interface BinnedArea {
  readonly value: number;
  readonly standardError: number;
}

/**
 * Probability that a row of the class scores higher than another, ties counting half. Undefined where one of the two has no rows.
 *
 * The standard error is DeLong's ("Comparing the areas under two or more correlated receiver operating characteristic curves", 1988).
 *
 * @param countPerWeight rows that a unit of weight stands for, 1 where rows are not weighted.
 */
export function binnedRocAuc({ bins, weights }: ScoreHistogram, countPerWeight = 1): BinnedArea | undefined {
  let positives = 0;
  let negatives = 0;
  for (let bin = 0; bin < bins; bin++) {
    positives += weights[bin] ?? 0;
    negatives += weights[bins + bin] ?? 0;
  }
  if (!(positives > 0 && negatives > 0)) return undefined;
  let negativesBelow = 0;
  let positivesBelow = 0;
  let area = 0;
  let areaSquares = 0; // of each positive: the share of negatives below it
  let complementSquares = 0; // of each negative: the share of positives above it
  for (let bin = 0; bin < bins; bin++) {
    const positive = weights[bin] ?? 0;
    const negative = weights[bins + bin] ?? 0;
    const below = (negativesBelow + negative / 2) / negatives;
    const above = (positives - positivesBelow - positive / 2) / positives;
    area += (positive / positives) * below;
    areaSquares += (positive / positives) * below * below;
    complementSquares += (negative / negatives) * above * above;
    negativesBelow += negative;
    positivesBelow += positive;
  }
  const variance =
    Math.max(0, areaSquares - area * area) / Math.max(1, positives * countPerWeight - 1) +
    Math.max(0, complementSquares - area * area) / Math.max(1, negatives * countPerWeight - 1);
  return { value: area, standardError: Math.sqrt(variance) };
}

/** Mean of the precision at each threshold, weighted by the recall that it adds; undefined without rows of the class. */
export function binnedAveragePrecision({ bins, weights }: ScoreHistogram): number | undefined {
  let positives = 0;
  for (let bin = 0; bin < bins; bin++) positives += weights[bin] ?? 0;
  if (!(positives > 0)) return undefined;
  let hits = 0;
  let taken = 0;
  let sum = 0;
  for (let bin = bins - 1; bin >= 0; bin--) {
    const positive = weights[bin] ?? 0;
    hits += positive;
    taken += positive + (weights[bins + bin] ?? 0);
    if (positive > 0) sum += (positive / positives) * (hits / taken);
  }
  return sum;
}

import {
  type BinnedArea,
  binnedRocAuc,
  createScoreHistogram,
  recordScore,
  type ScoreHistogram,
  scoreBin,
} from "./score-histogram.ts";
import { addSums } from "./sums.ts";

/**
 * How good predictions must be if their probabilities are right, without knowing any truth: CBPE, confidence-based performance
 * estimation. A row predicted as a class with probability p is expected to be p of a hit and 1 - p of a false alarm. It is blind to a
 * change of what the inputs mean, and no better than the calibration of the probabilities.
 */
export interface QualityEstimate {
  /** Classes that are told apart; 1: a binary model, of whose classes only the positive one is looked at. */
  readonly classes: number;
  /** Six numbers a class ({@link ExpectedCounts} in order), then rows, expected hits, and their variance. */
  readonly sums: Float64Array;
  /** By class: probability by score. */
  readonly histograms: readonly ScoreHistogram[];
}

const stride = 6;

/** Numbers that the sums take. */
function sumsLength(classes: number): number {
  return stride * classes + 3;
}

/** @param bins of each class's score histogram. */
export function createQualityEstimate(classes: number, bins: number): QualityEstimate {
  const sums = new Float64Array(sumsLength(classes));
  return { classes, sums, histograms: Array.from({ length: classes }, () => createScoreHistogram(bins)) };
}

/**
 * Counts one class of a row.
 *
 * @param probability that the class is the true one, 0 to 1: the calibrated score.
 * @param score as the model gave it: what ranks the rows.
 * @param isPredicted whether the class was predicted.
 */
export function recordClassEstimate(
  estimate: QualityEstimate,
  classIndex: number,
  probability: number,
  score: number,
  isPredicted: boolean,
): void {
  const { sums } = estimate;
  const at = stride * classIndex + (isPredicted ? 0 : 3);
  sums[at] = (sums[at] ?? 0) + probability;
  sums[at + 1] = (sums[at + 1] ?? 0) + (1 - probability);
  sums[at + 2] = (sums[at + 2] ?? 0) + probability * (1 - probability);
  const histogram = estimate.histograms[classIndex];
  if (histogram !== undefined) {
    recordScore(histogram, scoreBin(score, histogram.bins), probability, 1 - probability);
  }
}

/** Counts a row as a whole, once beside its classes. @param probability that what was predicted is true. */
export function recordRowEstimate({ classes, sums }: QualityEstimate, probability: number): void {
  const at = stride * classes;
  sums[at] = (sums[at] ?? 0) + 1;
  sums[at + 1] = (sums[at + 1] ?? 0) + probability;
  sums[at + 2] = (sums[at + 2] ?? 0) + probability * (1 - probability);
}

/** Adds what another estimate of the same classes and bins holds. */
export function mergeQualityEstimate(target: QualityEstimate, source: QualityEstimate): void {
  addAll(target, source, 1);
}

/** Takes away what was merged before. */
export function subtractQualityEstimate(target: QualityEstimate, source: QualityEstimate): void {
  addAll(target, source, -1);
}

function addAll(target: QualityEstimate, source: QualityEstimate, factor: 1 | -1): void {
  addSums(target.sums, source.sums, factor);
  for (const [index, histogram] of target.histograms.entries()) {
    const other = source.histograms[index];
    if (other !== undefined) addSums(histogram.weights, other.weights, factor);
  }
}

/** What is expected of a class. */
export interface ExpectedCounts {
  readonly truePositives: number;
  readonly falsePositives: number;
  /** Variance of the true positives. */
  readonly truePositivesVariance: number;
  readonly falseNegatives: number;
  readonly trueNegatives: number;
  /** Variance of the false negatives. */
  readonly falseNegativesVariance: number;
}

export function expectedCounts({ sums }: QualityEstimate, classIndex: number): ExpectedCounts {
  const at = (offset: number) => sums[stride * classIndex + offset] ?? 0;
  return {
    truePositives: at(0),
    falsePositives: at(1),
    truePositivesVariance: at(2),
    falseNegatives: at(3),
    trueNegatives: at(4),
    falseNegativesVariance: at(5),
  };
}

/** An estimated number and the standard error of the realised one around it; undefined where there is nothing to divide by. */
export type Estimated = BinnedArea | undefined;

/** Rows that were counted. */
export function estimatedRows({ classes, sums }: QualityEstimate): number {
  return sums[stride * classes] ?? 0;
}

/** Expected share of hits; standard error sqrt(sum of c (1 - c)) / n, c being the probability that a row is right. */
export function estimatedAccuracy({ classes, sums }: QualityEstimate): Estimated {
  const rows = sums[stride * classes] ?? 0;
  if (rows === 0) return undefined;
  const hits = sums[stride * classes + 1] ?? 0;
  return { value: hits / rows, standardError: Math.sqrt(sums[stride * classes + 2] ?? 0) / rows };
}

/** Expected share of the rows predicted as the class that belong to it. */
export function estimatedPrecision({
  truePositives,
  falsePositives,
  truePositivesVariance,
}: ExpectedCounts): Estimated {
  const predicted = truePositives + falsePositives;
  if (predicted <= 0) return undefined;
  return { value: truePositives / predicted, standardError: Math.sqrt(truePositivesVariance) / predicted };
}

/** Expected share of the class's rows that were found. Its standard error is that of a first-order expansion, as that of F1. */
export function estimatedRecall(expected: ExpectedCounts): Estimated {
  const { truePositives: found, falseNegatives: missed } = expected;
  const actual = found + missed;
  if (actual <= 0) return undefined;
  const variance = missed * missed * expected.truePositivesVariance + found * found * expected.falseNegativesVariance;
  return { value: found / actual, standardError: Math.sqrt(variance) / (actual * actual) };
}

/** Expected F1: 2 tp / (tp + fn + predicted), where what was predicted is known. */
export function estimatedF1(expected: ExpectedCounts): Estimated {
  const { truePositives: found, falseNegatives: missed, falsePositives } = expected;
  const predicted = found + falsePositives;
  const denominator = found + missed + predicted;
  if (denominator <= 0) return undefined;
  const byFound = (2 * (predicted + missed)) / (denominator * denominator);
  const byMissed = (-2 * found) / (denominator * denominator);
  const variance =
    byFound * byFound * expected.truePositivesVariance + byMissed * byMissed * expected.falseNegativesVariance;
  return { value: (2 * found) / denominator, standardError: Math.sqrt(variance) };
}

/** Expected ROC-AUC of a class, from bins. */
export function estimatedRocAuc({ histograms }: QualityEstimate, classIndex: number): Estimated {
  const histogram = histograms[classIndex];
  return histogram === undefined ? undefined : binnedRocAuc(histogram);
}

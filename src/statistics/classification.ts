import {
  type CalibrationBins,
  calibrationBinsLength,
  createCalibrationBins,
  defaultCalibrationBins,
  recordConfidence,
} from "./calibration-bins.ts";
import {
  areMostlyProbabilities,
  areProbabilities,
  classProbability,
  hasStrayScore,
  type ScoreKind,
  scoresAhead,
  squaredScoreError,
} from "./class-scores.ts";
import { type Confusion, confusionLength, createConfusion, recordConfusion } from "./confusion.ts";
import { float32Epsilon, logLoss } from "./log-loss.ts";
import {
  createScoreHistogram,
  recordScore,
  type ScoreHistogram,
  scoreBin,
  scoreHistogramLength,
} from "./score-histogram.ts";
import { addCompensated, addSums, compensatedLength, compensatedSum } from "./sums.ts";

/** What is counted of classified rows. */
export interface ClassificationOptions {
  readonly classes: number;
  readonly scores: ScoreKind;
  /** Index of the positive class where there are two: ranks, calibration and Brier score are about it. Default 1. */
  readonly positiveClass?: number;
  /** For each k: rows count as found when the true class is among the k highest scores. Needs all scores. Default: none. */
  readonly topKs?: readonly number[];
  /** Bins of the scores of a class. Default {@link defaultScoreBins}. */
  readonly scoreBins?: number;
  /** Bins of the calibration curve. Default {@link defaultCalibrationBins}. */
  readonly calibrationBins?: number;
  /** Probabilities are clipped by it before their logarithm is taken. Default {@link float32Epsilon}. */
  readonly epsilon?: number;
}

/** Most classes whose scores are ranked, each against all others: each takes a histogram. */
export const maxRankedClasses = 64;

/** Bins of scores: with two classes, and with more, where each class has them. */
export function defaultScoreBins(classes: number): number {
  return classes <= 2 ? 400 : 100;
}

/**
 * All that the metrics of a classifier are made of, as plain sums in one array: adding two of them element by element is the same as
 * counting all rows in one.
 */
export interface Classification {
  readonly options: Required<ClassificationOptions>;
  readonly sums: Float64Array;
  /** The following lie in `sums`. See {@link TotalName}, {@link LossName}, {@link topHits}. */
  readonly totals: Float64Array;
  readonly confusion: Confusion;
  /** Of the positive class where there are two, else by class; none with more than {@link maxRankedClasses}. */
  readonly histograms: readonly ScoreHistogram[];
  /** Two classes: the probability of the positive one; else that of the predicted class. */
  readonly calibration: CalibrationBins;
}

/** Places of the totals that are plain sums. */
const place = {
  rows: 0,
  weight: 1,
  squaredWeight: 2,
  scoredRows: 3,
  scoredWeight: 4,
  scoredSquaredWeight: 5,
  unusableScores: 6,
  strayScores: 7,
} as const;

/** How many those are. */
const plainTotals = Object.keys(place).length;

/** Places of the compensated ones: of the weighted losses and of their squares. */
const lossPlace = {
  logLoss: plainTotals,
  squaredLogLoss: plainTotals + compensatedLength,
  brier: plainTotals + 2 * compensatedLength,
  squaredBrier: plainTotals + 3 * compensatedLength,
} as const;

/** Where the hits of the first k begin. */
const topHitsPlace = plainTotals + 4 * compensatedLength;

/** A sum over rows. Names with `scored`: over those whose scores could be used; `unusableScores`: the others, `strayScores` of them as logits are. */
export type TotalName = keyof typeof place;

/** A weighted sum of losses over rows whose scores could be used, or of their squares. */
export type LossName = keyof typeof lossPlace;

/** Numbers that the sums take: eight bytes each. */
export function classificationLength(options: ClassificationOptions): number {
  const { classes, scoreBins, calibrationBins, topKs } = resolveOptions(options);
  const scored = histogramCount(options) * scoreHistogramLength(scoreBins) + calibrationBinsLength(calibrationBins);
  return totalsLength(topKs) + confusionLength(classes) + (options.scores === "none" ? 0 : scored);
}

function totalsLength(topKs: readonly number[]): number {
  return topHitsPlace + topKs.length;
}

function resolveOptions(options: ClassificationOptions): Required<ClassificationOptions> {
  return {
    positiveClass: 1,
    topKs: [],
    scoreBins: defaultScoreBins(options.classes),
    calibrationBins: defaultCalibrationBins,
    epsilon: float32Epsilon,
    ...options,
  };
}

function histogramCount({ classes, scores }: ClassificationOptions): number {
  if (scores === "none" || classes > maxRankedClasses) return 0;
  return classes === 2 ? 1 : classes;
}

export function createClassification(options: ClassificationOptions): Classification {
  const resolved = resolveOptions(options);
  const { classes, scoreBins, calibrationBins, scores } = resolved;
  const sums = new Float64Array(classificationLength(resolved));
  let used = 0;
  const take = (length: number) => {
    used += length;
    return sums.subarray(used - length, used);
  };
  return {
    options: resolved,
    sums,
    totals: take(totalsLength(resolved.topKs)),
    confusion: createConfusion(classes, take(confusionLength(classes))),
    histograms: Array.from({ length: histogramCount(resolved) }, () =>
      createScoreHistogram(scoreBins, take(scoreHistogramLength(scoreBins))),
    ),
    calibration: createCalibrationBins(
      calibrationBins,
      scores === "none"
        ? new Float64Array(calibrationBinsLength(calibrationBins))
        : take(calibrationBinsLength(calibrationBins)),
    ),
  };
}

/**
 * Counts a row.
 *
 * @param actual index of the true class.
 * @param predicted index of the predicted class; -1: none of the known ones.
 * @param scores as `options.scores` says, from `offset` on. Not used when one of them is no probability: then only the classes count.
 * @param weight above 0.
 */
export function recordClassification(
  state: Classification,
  actual: number,
  predicted: number,
  scores: ArrayLike<number>,
  weight = 1,
): void {
  change(state, actual, predicted, scores, weight, 1);
}

/** Takes away a row that was counted before, with the same arguments. */
export function revertClassification(
  state: Classification,
  actual: number,
  predicted: number,
  scores: ArrayLike<number>,
  weight = 1,
): void {
  change(state, actual, predicted, scores, weight, -1);
  if (totalOf(state, "rows") <= 0) state.sums.fill(0);
}

/** Adds what another one with the same options holds. */
export function mergeClassification(target: Classification, source: Classification): void {
  addSums(target.sums, source.sums, 1);
}

/** Takes away what was merged before. */
export function subtractClassification(target: Classification, source: Classification): void {
  addSums(target.sums, source.sums, -1);
  if (totalOf(target, "rows") <= 0) target.sums.fill(0);
}

export function totalOf({ totals }: Classification, name: TotalName): number {
  return totals[place[name]] ?? 0;
}

/** Whether metrics of scores mean anything: see {@link areMostlyProbabilities}. */
export function hasProbabilities(state: Classification): boolean {
  return areMostlyProbabilities(totalOf(state, "scoredRows"), totalOf(state, "strayScores"));
}

export function lossOf({ totals }: Classification, name: LossName): number {
  return compensatedSum(totals, lossPlace[name]);
}

/** Weight of the rows whose true class was among the k highest scores. @param index of k in `options.topKs` */
export function topHits({ totals }: Classification, index: number): number {
  return totals[topHitsPlace + index] ?? 0;
}

function add({ totals }: Classification, name: TotalName, amount: number): void {
  totals[place[name]] = (totals[place[name]] ?? 0) + amount;
}

function addLoss({ totals }: Classification, name: "logLoss" | "brier", loss: number, weight: number): void {
  addCompensated(totals, weight * loss, lossPlace[name]);
  addCompensated(totals, weight * loss * loss, lossPlace[name] + compensatedLength);
}

function change(
  state: Classification,
  actual: number,
  predicted: number,
  scores: ArrayLike<number>,
  weight: number,
  sign: 1 | -1,
): void {
  const signed = sign * weight;
  add(state, "rows", sign);
  add(state, "weight", signed);
  add(state, "squaredWeight", sign * weight * weight);
  recordConfusion(state.confusion, actual, predicted, signed);
  if (state.options.scores === "none") return;
  const { classes } = state.options;
  const isKnown = actual >= 0 && actual < classes;
  if (!isKnown || !areProbabilities(scores, state.options)) {
    add(state, "unusableScores", sign);
    if (hasStrayScore(scores, state.options)) add(state, "strayScores", sign);
    return;
  }
  add(state, "scoredRows", sign);
  add(state, "scoredWeight", signed);
  add(state, "scoredSquaredWeight", sign * weight * weight);
  const probability = classProbability(scores, state.options, actual);
  const loss = logLoss(probability, state.options.epsilon);
  addLoss(state, "logLoss", loss, signed);
  const brier = squaredScoreError(scores, state.options, actual);
  addLoss(state, "brier", brier, signed);
  recordRanks(state, actual, scores, signed);
  recordCalibration(state, actual, predicted, scores, signed);
}

function recordCalibration(
  { options, calibration }: Classification,
  actual: number,
  predicted: number,
  scores: ArrayLike<number>,
  signed: number,
): void {
  const judged = options.classes === 2 ? options.positiveClass : predicted;
  if (judged < 0 || judged >= options.classes) return;
  recordConfidence(calibration, classProbability(scores, options, judged), actual === judged, signed);
}

function recordRanks(
  { options, histograms, totals }: Classification,
  actual: number,
  scores: ArrayLike<number>,
  signed: number,
): void {
  for (const [index, histogram] of histograms.entries()) {
    const classIndex = options.classes === 2 ? options.positiveClass : index;
    const bin = scoreBin(classProbability(scores, options, classIndex), histogram.bins);
    if (actual === classIndex) recordScore(histogram, bin, signed, 0);
    else recordScore(histogram, bin, 0, signed);
  }
  if (options.topKs.length === 0) return;
  const ahead = scoresAhead(scores, options.classes, actual);
  for (const [index, k] of options.topKs.entries()) {
    if (ahead < k) totals[topHitsPlace + index] = (totals[topHitsPlace + index] ?? 0) + signed;
  }
}

import type { CalibrationMap } from "../../../model/package-messages.ts";
import {
  areMostlyProbabilities,
  areProbabilities,
  classProbability,
  hasStrayScore,
} from "../../../statistics/class-scores.ts";
import { defaultScoreBins, maxRankedClasses } from "../../../statistics/classification.ts";
import { applyIsotonic, type IsotonicMap } from "../../../statistics/isotonic.ts";
import { addToMoments, createMoments, type Moments, mergeMoments, weightOf } from "../../../statistics/moments.ts";
import {
  createQualityEstimate,
  mergeQualityEstimate,
  type QualityEstimate,
  recordClassEstimate,
  recordRowEstimate,
} from "../../../statistics/quality-estimate.ts";
import { addSums } from "../../../statistics/sums.ts";
import type { Prediction } from "../../prediction.ts";
import type { ClassificationRules } from "./classification-measure.ts";

/** What predictions say of themselves, before any truth is known. */
export interface SeenPredictions {
  /** Rows predicted as each class, and last as none of the known ones. */
  readonly classCounts: Float64Array;
  /** Highest probability of a row, then the entropy of its probabilities in nats. */
  readonly certainty: Moments;
  readonly estimate: QualityEstimate;
  /** One number: rows with a score that no probability can be. */
  readonly strayRows: Float64Array;
}

/** Whether the scores are probabilities, so that they say something of the predictions: see {@link areMostlyProbabilities}. */
export function hasEstimates({ certainty, strayRows }: SeenPredictions): boolean {
  return areMostlyProbabilities(weightOf(certainty, certaintyPlace.confidence), strayRows[0] ?? 0);
}

/** Places in the certainty of {@link SeenPredictions}. */
export const certaintyPlace = { confidence: 0, entropy: 1 } as const;

/** Counts predictions of a classifier as they are made. One a model version; holds scratch memory, so that a row allocates nothing. */
export class PredictionWatch {
  readonly #rules: ClassificationRules;
  /** By class; undefined: its score is taken as it is. */
  readonly #maps: readonly (IsotonicMap | undefined)[];
  /** Classes of the estimate: one where there are two, none where there are too many to tell apart. */
  readonly #estimated: number;
  readonly #probabilities: Float64Array;
  /** Every class that is estimated has a map, fitted on labelled rows. */
  readonly isCalibrated: boolean;

  /** @param calibrations of the reference profile */
  constructor(rules: ClassificationRules, calibrations: readonly CalibrationMap[]) {
    const { labels, classes, positiveClass, scores } = rules;
    this.#rules = rules;
    this.#estimated = classes === 2 ? 1 : classes <= maxRankedClasses ? classes : 0;
    this.#probabilities = new Float64Array(classes);
    const judged = classes === 2 ? [positiveClass] : labels.map((_, index) => index);
    const found = judged.map((index) => calibrations.find(({ class_index }) => class_index === index));
    this.isCalibrated = scores !== "none" && found.every((map) => map !== undefined);
    // Some classes mapped and others not would no longer compare.
    this.#maps = this.isCalibrated ? found.map((map) => usefulMap(map)) : [];
  }

  /** Bytes of a state. */
  get stateBytes(): number {
    const { classes } = this.#rules;
    return 8 * (classes + 16 + this.#estimated * (6 + 2 * defaultScoreBins(classes)));
  }

  create(): SeenPredictions {
    const { classes } = this.#rules;
    return {
      classCounts: new Float64Array(classes + 1),
      certainty: createMoments(2),
      estimate: createQualityEstimate(this.#estimated, defaultScoreBins(classes)),
      strayRows: new Float64Array(1),
    };
  }

  merge(target: SeenPredictions, source: SeenPredictions): void {
    addSums(target.classCounts, source.classCounts, 1);
    mergeMoments(target.certainty, source.certainty);
    mergeQualityEstimate(target.estimate, source.estimate);
    addSums(target.strayRows, source.strayRows, 1);
  }

  /** Counts one row. Scores that are no probabilities leave only its class counted. */
  record(state: SeenPredictions, { predictedClass, values }: Prediction): void {
    const { classes, positiveClass } = this.#rules;
    const isKnown = predictedClass >= 0 && predictedClass < classes;
    const place = isKnown ? predictedClass : classes;
    state.classCounts[place] = (state.classCounts[place] ?? 0) + 1;
    if (!this.#readProbabilities(values)) {
      if (hasStrayScore(values, this.#rules)) state.strayRows[0] = (state.strayRows[0] ?? 0) + 1;
      return;
    }
    recordCertainty(state.certainty, this.#probabilities);
    if (!isKnown) return;
    if (classes === 2)
      this.#recordTwo(state, this.#probabilities[positiveClass] ?? 0, predictedClass === positiveClass);
    else this.#recordMany(state, predictedClass);
  }

  /** @returns whether the scores are probabilities */
  #readProbabilities(values: Float32Array): boolean {
    if (!areProbabilities(values, this.#rules)) return false;
    const probabilities = this.#probabilities;
    for (let index = 0; index < probabilities.length; index++) {
      probabilities[index] = classProbability(values, this.#rules, index);
    }
    return true;
  }

  #recordTwo(state: SeenPredictions, score: number, isPositive: boolean): void {
    const map = this.#maps[0];
    const probability = map === undefined ? score : applyIsotonic(map, score);
    recordClassEstimate(state.estimate, 0, probability, score, isPositive);
    recordRowEstimate(state.estimate, isPositive ? probability : 1 - probability);
  }

  #recordMany(state: SeenPredictions, predictedClass: number): void {
    const probabilities = this.#probabilities;
    const sum = this.#calibratedSum();
    for (let index = 0; index < this.#estimated; index++) {
      const score = probabilities[index] ?? 0;
      const probability = this.#calibrated(index, score) / sum;
      recordClassEstimate(state.estimate, index, probability, score, index === predictedClass);
    }
    recordRowEstimate(state.estimate, this.#calibrated(predictedClass, probabilities[predictedClass] ?? 0) / sum);
  }

  #calibrated(index: number, score: number): number {
    const map = this.#maps[index];
    return map === undefined ? score : applyIsotonic(map, score);
  }

  /** Maps of single classes need not sum to 1; without maps the scores are taken as they are. */
  #calibratedSum(): number {
    if (this.#maps.length === 0) return 1;
    let sum = 0;
    for (let index = 0; index < this.#probabilities.length; index++) {
      sum += this.#calibrated(index, this.#probabilities[index] ?? 0);
    }
    return sum > 0 ? sum : 1;
  }
}

/** A map that does not lower the error over splits is worse than the scores themselves. */
function usefulMap(map: CalibrationMap | undefined): IsotonicMap | undefined {
  if (map === undefined || map.calibration_error_after >= map.calibration_error_before) return undefined;
  return { scores: Float64Array.from(map.scores), values: Float64Array.from(map.probabilities) };
}

function recordCertainty(certainty: Moments, probabilities: Float64Array): void {
  let highest = 0;
  let entropy = 0;
  for (let index = 0; index < probabilities.length; index++) {
    const probability = probabilities[index] ?? 0;
    if (probability > highest) highest = probability;
    if (probability > 0) entropy -= probability * Math.log(probability);
  }
  addToMoments(certainty, highest, 1, certaintyPlace.confidence);
  addToMoments(certainty, entropy, 1, certaintyPlace.entropy);
}

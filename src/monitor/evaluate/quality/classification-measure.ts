import { calibrationCurve } from "../../../statistics/calibration-bins.ts";
import type { ZeroDivision } from "../../../statistics/class-metrics.ts";
import { type ScoreLayout, scoreCount } from "../../../statistics/class-scores.ts";
import {
  type Classification,
  type ClassificationOptions,
  classificationLength,
  createClassification,
  hasProbabilities,
  mergeClassification,
  recordClassification,
  revertClassification,
  totalOf,
} from "../../../statistics/classification.ts";
import { classificationMetrics, headlineMetrics } from "../../../statistics/classification-metrics.ts";
import { confusionMatrix } from "../../../statistics/confusion.ts";
import type { QualityMeasure } from "./quality-measure.ts";

/** What a classifier is judged by. */
export interface ClassificationRules extends ScoreLayout {
  readonly labels: readonly string[];
  readonly topKs: readonly number[];
  readonly betas: readonly number[];
  readonly zeroDivision: ZeroDivision;
}

/** Judges predicted classes. */
export function createClassificationMeasure(rules: ClassificationRules): QualityMeasure<Classification> {
  const { labels, classes, scores, positiveClass, topKs, betas, zeroDivision } = rules;
  const options: ClassificationOptions = { classes, scores, positiveClass, topKs };
  return {
    create: () => createClassification(options),
    width: scoreCount(rules),
    stateBytes: 8 * classificationLength(options),
    record(state, { predictedClass, values }, truth, weight) {
      if (typeof truth !== "number") return false;
      recordClassification(state, truth, predictedClass, values, weight);
      return true;
    },
    revert(state, { predictedClass, values }, truth, weight) {
      if (typeof truth === "number") revertClassification(state, truth, predictedClass, values, weight);
    },
    merge: mergeClassification,
    rows: (state) => totalOf(state, "rows"),
    metrics: (state) => classificationMetrics(state, { labels, betas, zeroDivision }),
    headline: (state) => headlineMetrics(state, zeroDivision),
    confusion(state) {
      const counts = confusionMatrix(state.confusion);
      return counts && { labels, counts: counts.map(Math.round) };
    },
    calibration: (state) =>
      (hasProbabilities(state) ? calibrationCurve(state.calibration) : []).map(
        ({ from, to, weight, confidence, correct }) => ({
          from,
          to,
          count: Math.round(weight),
          mean_confidence: confidence,
          share_correct: correct,
        }),
      ),
  };
}

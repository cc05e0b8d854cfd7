import { meanInterval } from "../../../statistics/interval.ts";
import { type MeasuredMetric, type MetricName, measured } from "../../../statistics/measured-metric.ts";
import { meanOf, varianceOf, weightOf } from "../../../statistics/moments.ts";
import {
  type Estimated,
  type ExpectedCounts,
  estimatedAccuracy,
  estimatedF1,
  estimatedPrecision,
  estimatedRecall,
  estimatedRocAuc,
  estimatedRows,
  expectedCounts,
} from "../../../statistics/quality-estimate.ts";
import type { ClassificationRules } from "./classification-measure.ts";
import { certaintyPlace, hasEstimates, type SeenPredictions } from "./seen-predictions.ts";

/** Metrics of predictions without their truth: what is estimated from the scores, then how sure the model was. */
export function estimateMetrics(seen: SeenPredictions, rules: ClassificationRules): readonly MeasuredMetric[] {
  if (!hasEstimates(seen)) return [];
  const { estimate } = seen;
  const rows = estimatedRows(estimate);
  return [
    ...estimatedMetric("accuracy", "", estimatedAccuracy(estimate), rows),
    ...classEstimates(seen, rules),
    ...certainty("confidence", seen),
    ...certainty("entropy", seen),
  ];
}

/** The few of them that a history tells of every block. */
export function headlineEstimates(seen: SeenPredictions): readonly MeasuredMetric[] {
  if (!hasEstimates(seen)) return [];
  const rows = estimatedRows(seen.estimate);
  return [...estimatedMetric("accuracy", "", estimatedAccuracy(seen.estimate), rows), ...certainty("confidence", seen)];
}

/** Where there are two classes those of the positive one, else of each against all others. */
function classEstimates({ estimate }: SeenPredictions, rules: ClassificationRules): readonly MeasuredMetric[] {
  const { labels, positiveClass } = rules;
  const each = Array.from({ length: estimate.classes }, (_, index) => expectedCounts(estimate, index));
  const indices = labels.length === 2 ? [positiveClass] : labels.map((_, index) => index);
  return each.flatMap((expected, place) => {
    const label = labels[indices[place] ?? 0] ?? "";
    const predicted = expected.truePositives + expected.falsePositives;
    const actual = expected.truePositives + expected.falseNegatives;
    const either = predicted + expected.falseNegatives;
    return [
      ...estimatedMetric("precision", label, estimatedPrecision(expected), predicted),
      ...estimatedMetric("recall", label, estimatedRecall(expected), actual),
      ...estimatedMetric("f1", label, estimatedF1(expected), either),
      ...estimatedMetric(
        "roc_auc",
        labels.length === 2 ? "" : label,
        estimatedRocAuc(estimate, place),
        rowsOf(expected),
      ),
    ];
  });
}

function rowsOf({ truePositives, falsePositives, falseNegatives, trueNegatives }: ExpectedCounts): number {
  return truePositives + falsePositives + falseNegatives + trueNegatives;
}

function estimatedMetric(
  name: MetricName,
  label: string,
  estimated: Estimated,
  rows: number,
): readonly MeasuredMetric[] {
  if (estimated === undefined) return [];
  const { value, standardError } = estimated;
  return measured(name, label, value, Math.round(rows), meanInterval(value, standardError, 0, 1));
}

function certainty(
  name: keyof typeof certaintyPlace,
  { certainty: moments }: SeenPredictions,
): readonly MeasuredMetric[] {
  const place = certaintyPlace[name];
  const rows = weightOf(moments, place);
  const mean = meanOf(moments, place);
  return measured(name, "", mean, rows, meanInterval(mean, Math.sqrt(varianceOf(moments, place) / rows), 0));
}

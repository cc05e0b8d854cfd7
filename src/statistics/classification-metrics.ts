import { calibrationError } from "./calibration-bins.ts";
import {
  averageInterval,
  balancedAccuracyInterval,
  classInterval,
  rowsOfClass,
  weightBehind,
} from "./class-intervals.ts";
import {
  type Average,
  accuracy,
  averagedMetric,
  balancedAccuracy,
  type ClassMetric,
  classMetrics,
  type ZeroDivision,
} from "./class-metrics.ts";
import {
  type Classification,
  hasProbabilities,
  type LossName,
  lossOf,
  type TotalName,
  topHits,
  totalOf,
} from "./classification.ts";
import { type ClassTotals, totalsOf } from "./confusion.ts";
import { effectiveCount, meanInterval, wilsonInterval } from "./interval.ts";
import { type MeasuredMetric, type MetricName, measured } from "./measured-metric.ts";
import { binnedAveragePrecision, binnedRocAuc } from "./score-histogram.ts";

/** What is worked out beside the metrics that everybody gets. */
export interface ClassificationMetricOptions {
  /** Labels of the classes in the order of their index. */
  readonly labels: readonly string[];
  /** The betas of F-beta beside F1. Default: none. */
  readonly betas?: readonly number[];
  /** Default "warn". */
  readonly zeroDivision?: ZeroDivision;
}

const averages: readonly Average[] = ["macro", "weighted", "micro"];

/** All metrics of counted rows that can be worked out; none without rows. */
export function classificationMetrics(
  state: Classification,
  options: ClassificationMetricOptions,
): readonly MeasuredMetric[] {
  const rows = totalOf(state, "rows");
  if (rows <= 0) return [];
  const totals = totalsOf(state.confusion);
  const weighting = weightingOf(state, "rows", "weight", "squaredWeight");
  const share = accuracy(totals);
  return [
    ...measured("accuracy", "", share, rows, wilsonInterval(share, weighting.countPerWeight * totals.total)),
    ...measured(
      "balanced_accuracy",
      "",
      balancedAccuracy(totals),
      rows,
      balancedAccuracyInterval(totals, weighting.countPerWeight),
    ),
    ...metricsOfClasses(totals, options, weighting),
    ...scoreMetrics(state, options.labels),
  ];
}

/** The few metrics that tell how a classifier does over time: accuracy, macro F1, log loss and area under the curve, with fewer bounds. */
export function headlineMetrics(state: Classification, zeroDivision: ZeroDivision): readonly MeasuredMetric[] {
  const rows = totalOf(state, "rows");
  if (rows <= 0) return [];
  const totals = totalsOf(state.confusion);
  const { countPerWeight } = weightingOf(state, "rows", "weight", "squaredWeight");
  const share = accuracy(totals);
  const { value, isZeroDivision } = averagedMetric(totals, "f_beta", "macro", { zeroDivision });
  return [
    ...measured("accuracy", "", share, rows, wilsonInterval(share, countPerWeight * totals.total)),
    ...measured("f1", "macro", value, rows, undefined, { isZeroDivision }),
    ...(hasProbabilities(state)
      ? [...meanLoss(state, "log_loss", "logLoss", "squaredLogLoss"), ...wholeArea(state)]
      : []),
  ];
}

/** Of the positive class where there are two, else the mean over all. */
function wholeArea(state: Classification): readonly MeasuredMetric[] {
  const areas = state.histograms.map((histogram) => binnedRocAuc(histogram)?.value);
  if (areas.length === 0) return [];
  return measured("roc_auc", areas.length === 1 ? "" : "macro", meanOfAll(areas), totalOf(state, "scoredRows"));
}

/** What a unit of weight stands for. */
interface Weighting {
  /** Rows. */
  readonly rowsPerWeight: number;
  /** Equally weighted rows that would tell as much. */
  readonly countPerWeight: number;
}

function weightingOf(state: Classification, rows: TotalName, weight: TotalName, squared: TotalName): Weighting {
  const total = totalOf(state, weight);
  return {
    rowsPerWeight: totalOf(state, rows) / total,
    countPerWeight: effectiveCount(total, totalOf(state, squared)) / total,
  };
}

function metricsOfClasses(
  totals: ClassTotals,
  { labels, betas = [], zeroDivision = "warn" }: ClassificationMetricOptions,
  weighting: Weighting,
): readonly MeasuredMetric[] {
  const kinds: readonly (readonly [MetricName, ClassMetric, number | undefined])[] = [
    ["precision", "precision", undefined],
    ["recall", "recall", undefined],
    ["f1", "f_beta", undefined],
    ...betas.map((beta) => ["f_beta", "f_beta", beta] as const),
  ];
  return kinds.flatMap(([name, metric, beta]) => {
    const options = { zeroDivision, ...(beta === undefined ? {} : { beta }) };
    const parameter = beta === undefined ? {} : { parameter: beta };
    const each = classMetrics(totals, metric, options);
    const rowsOf = (weight: number) => Math.round(weight * weighting.rowsPerWeight);
    const ofClasses = each.flatMap(({ value, isZeroDivision }, index) => {
      const rows = rowsOfClass(totals, index);
      const interval = isZeroDivision ? undefined : classInterval(metric, rows, weighting.countPerWeight, beta);
      const count = rowsOf(weightBehind(metric, rows, beta));
      return measured(name, labels[index] ?? "", value, count, interval, { ...parameter, isZeroDivision });
    });
    const values = each.map(({ value }) => value);
    const ofAverages = averages.flatMap((average) => {
      const { value, isZeroDivision } = averagedMetric(totals, metric, average, options);
      const interval = isZeroDivision
        ? undefined
        : averageInterval(totals, metric, average, values, weighting.countPerWeight, beta);
      return measured(name, average, value, rowsOf(totals.total), interval, { ...parameter, isZeroDivision });
    });
    return [...ofClasses, ...ofAverages];
  });
}

/** Metrics of the rows whose scores were probabilities; none where those of too many were not. */
function scoreMetrics(state: Classification, labels: readonly string[]): readonly MeasuredMetric[] {
  const { options } = state;
  if (!hasProbabilities(state)) return [];
  const rows = totalOf(state, "scoredRows");
  const weight = totalOf(state, "scoredWeight");
  const { countPerWeight } = scoredWeighting(state);
  return [
    ...meanLoss(state, "log_loss", "logLoss", "squaredLogLoss"),
    ...meanLoss(state, "brier", "brier", "squaredBrier"),
    ...measured("ece", "", calibrationError(state.calibration), rows),
    ...rankMetrics(state, labels, rows, countPerWeight),
    ...options.topKs.flatMap((k, index) => {
      const share = topHits(state, index) / weight;
      return measured("top_k", "", share, rows, wilsonInterval(share, countPerWeight * weight), { parameter: k });
    }),
  ];
}

function scoredWeighting(state: Classification): Weighting {
  return weightingOf(state, "scoredRows", "scoredWeight", "scoredSquaredWeight");
}

function meanLoss(
  state: Classification,
  name: MetricName,
  sum: LossName,
  squares: LossName,
): readonly MeasuredMetric[] {
  const weight = totalOf(state, "scoredWeight");
  const value = lossOf(state, sum) / weight;
  const variance = Math.max(0, lossOf(state, squares) / weight - value * value);
  const error = Math.sqrt(variance / (scoredWeighting(state).countPerWeight * weight));
  return measured(name, "", value, totalOf(state, "scoredRows"), meanInterval(value, error, 0));
}

/** Of the positive class where there are two, with an empty label; else of each class against the others, and their plain mean. */
function rankMetrics(
  { options, histograms }: Classification,
  labels: readonly string[],
  rows: number,
  countPerWeight: number,
): readonly MeasuredMetric[] {
  const areas = histograms.map((histogram) => binnedRocAuc(histogram, countPerWeight));
  const precisions = histograms.map(binnedAveragePrecision);
  const labelOf = (index: number) => (options.classes === 2 ? "" : (labels[index] ?? ""));
  return [
    ...areas.flatMap((area, index) =>
      measured(
        "roc_auc",
        labelOf(index),
        area?.value,
        rows,
        meanInterval(area?.value ?? 0, area?.standardError ?? 0, 0, 1),
      ),
    ),
    ...precisions.flatMap((value, index) => measured("average_precision", labelOf(index), value, rows)),
    ...(histograms.length > 1
      ? [
          ...measured("roc_auc", "macro", meanOfAll(areas.map((area) => area?.value)), rows),
          ...measured("average_precision", "macro", meanOfAll(precisions), rows),
        ]
      : []),
  ];
}

/** Undefined when one is: a mean over fewer classes would jump when a rare class leaves a window. */
function meanOfAll(values: readonly (number | undefined)[]): number | undefined {
  let sum = 0;
  for (const value of values) {
    if (value === undefined) return undefined;
    sum += value / values.length;
  }
  return sum;
}

import type { ClassTotals } from "./confusion.ts";

/**
 * Precision, recall and F of classes and their averages, by the rules of scikit-learn's `precision_recall_fscore_support` (1.9) with the
 * label set fixed by the caller: a class that does not occur counts as its zero division says.
 */

/** What an undefined ratio is: 0 (`warn`: and flagged), 1, or left out of averages. */
export type ZeroDivision = "warn" | 0 | 1 | "nan";

/** How one number is made of those of the classes: the plain mean, the mean weighted by true rows, or the ratio of the sums. */
export type Average = "macro" | "weighted" | "micro";

/** Which metric of a class. */
export type ClassMetric = "precision" | "recall" | "f_beta";

/** A ratio that may have been undefined. */
export interface Ratio {
  /** NaN where the policy says so, or where there is nothing at all. */
  readonly value: number;
  /** Its denominator was zero: for an average, that of one of its classes. */
  readonly isZeroDivision: boolean;
}

/** How metrics of classes are worked out. */
export interface ClassMetricOptions {
  /** Default "warn". */
  readonly zeroDivision?: ZeroDivision;
  /** Weight of recall in F; Infinity makes it recall, 0 precision. Default 1. */
  readonly beta?: number;
}

/** (rows found) / (rows of the denominator), or what the policy says. */
function ratio(numerator: number, denominator: number, zeroDivision: ZeroDivision): Ratio {
  if (denominator > 0) return { value: numerator / denominator, isZeroDivision: false };
  const value = zeroDivision === "nan" ? Number.NaN : zeroDivision === "warn" ? 0 : zeroDivision;
  return { value, isZeroDivision: true };
}

/**
 * The metric of one class, or of sums over classes.
 *
 * F is (1 + beta^2) tp / (beta^2 (tp + fn) + (tp + fp)): undefined only where nothing of the class was there nor predicted, which differs
 * from the harmonic mean of two ratios that have been filled in.
 */
export function metricOf(
  metric: ClassMetric,
  hits: number,
  predicted: number,
  actual: number,
  { zeroDivision = "warn", beta = 1 }: ClassMetricOptions = {},
): Ratio {
  if (metric === "precision" || (metric === "f_beta" && beta === 0)) return ratio(hits, predicted, zeroDivision);
  if (metric === "recall" || beta === Number.POSITIVE_INFINITY) return ratio(hits, actual, zeroDivision);
  const square = beta * beta;
  return ratio((1 + square) * hits, square * actual + predicted, zeroDivision);
}

/** The metric of each class. */
export function classMetrics(totals: ClassTotals, metric: ClassMetric, options?: ClassMetricOptions): Ratio[] {
  return Array.from(totals.hits, (hits, index) =>
    metricOf(metric, hits, totals.predicted[index] ?? 0, totals.actual[index] ?? 0, options),
  );
}

/** One number for all classes; NaN where it is undefined. Classes whose metric is NaN are left out, as scikit-learn does. */
export function averagedMetric(
  totals: ClassTotals,
  metric: ClassMetric,
  average: Average,
  options?: ClassMetricOptions,
): Ratio {
  if (average === "micro") {
    return metricOf(metric, sum(totals.hits), sum(totals.predicted), sum(totals.actual), options);
  }
  const each = classMetrics(totals, metric, options);
  const isZeroDivision = each.some((one) => one.isZeroDivision);
  const defined = each.flatMap(({ value }, index) =>
    Number.isNaN(value) ? [] : [{ value, weight: average === "macro" ? 1 : (totals.actual[index] ?? 0) }],
  );
  const weight = defined.reduce((total, one) => total + one.weight, 0);
  // Without any true row of these classes the weighted mean is the plain one.
  const value = defined.reduce(
    (total, one) => total + one.value * (weight > 0 ? one.weight / weight : 1 / defined.length),
    defined.length > 0 ? 0 : Number.NaN,
  );
  return { value, isZeroDivision };
}

/** Share of rows whose class was predicted; NaN without rows. */
export function accuracy(totals: ClassTotals): number {
  return totals.total > 0 ? sum(totals.hits) / totals.total : Number.NaN;
}

/** Mean recall of the classes that have rows; NaN when none has. */
export function balancedAccuracy(totals: ClassTotals): number {
  let recalls = 0;
  let classes = 0;
  for (const [index, actual] of totals.actual.entries()) {
    if (actual <= 0) continue;
    recalls += (totals.hits[index] ?? 0) / actual;
    classes += 1;
  }
  return classes > 0 ? recalls / classes : Number.NaN;
}

function sum(values: Float64Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

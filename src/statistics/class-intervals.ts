import type { Average, ClassMetric } from "./class-metrics.ts";
import type { ClassTotals } from "./confusion.ts";
import { type Interval, meanOfIntervals, standardErrors, wilsonInterval, z95 } from "./interval.ts";

/**
 * How sure metrics of classes are. Precision and recall are shares: Wilson's interval, 95 %. F is none; it gets Wilson's interval for the
 * number of trials at which a share of its size has its variance (a first-order expansion), three standard errors to each side.
 */

/** Rows of one class, or sums over classes. */
export interface ClassRows {
  readonly hits: number;
  readonly predicted: number;
  readonly actual: number;
}

export function rowsOfClass(totals: ClassTotals, index: number): ClassRows {
  return { hits: totals.hits[index] ?? 0, predicted: totals.predicted[index] ?? 0, actual: totals.actual[index] ?? 0 };
}

/** Weight of the rows that a metric rests on: those predicted as the class, those that belong to it, or either. */
export function weightBehind(metric: ClassMetric, { hits, predicted, actual }: ClassRows, beta = 1): number {
  if (metric === "precision" || (metric === "f_beta" && beta === 0)) return predicted;
  if (metric === "recall" || beta === Number.POSITIVE_INFINITY) return actual;
  return predicted + actual - hits;
}

/**
 * Interval of the metric of one class, or of a micro average from sums.
 *
 * @param countPerWeight rows that a unit of weight is worth, 1 where rows are not weighted.
 */
export function classInterval(
  metric: ClassMetric,
  rows: ClassRows,
  countPerWeight: number,
  beta = 1,
): Interval | undefined {
  const trials = weightBehind(metric, rows, beta) * countPerWeight;
  const isShare = metric !== "f_beta" || beta === 0 || beta === Number.POSITIVE_INFINITY;
  if (isShare) return wilsonInterval(rows.hits / weightBehind(metric, rows, beta), trials, z95);
  const { share, trialsPerRow } = fAsShare(rows, beta * beta);
  return wilsonInterval(share, trials * trialsPerRow, standardErrors);
}

/** F and how many trials of a share one row of the class (found, missed or wrongly taken for it) stands for. */
function fAsShare({ hits, predicted, actual }: ClassRows, square: number): { share: number; trialsPerRow: number } {
  const all = predicted + actual - hits;
  const found = hits / all;
  const missed = (actual - hits) / all;
  const wrong = (predicted - hits) / all;
  const denominator = (1 + square) * found + square * missed + wrong;
  const share = ((1 + square) * found) / denominator;
  const variance =
    (found * (1 + square) ** 2 * (1 - share) ** 2 + (missed * square ** 2 + wrong) * share ** 2) / denominator ** 2;
  return { share, trialsPerRow: variance > 0 ? (share * (1 - share)) / variance : 1 };
}

/**
 * Interval of an average over classes. Macro and weighted averages take the classes for independent; undefined when a class has no rows that
 * its metric rests on.
 */
export function averageInterval(
  totals: ClassTotals,
  metric: ClassMetric,
  average: Average,
  values: readonly number[],
  countPerWeight: number,
  beta = 1,
): Interval | undefined {
  const each = values.map((_, index) => rowsOfClass(totals, index));
  if (average === "micro") return classInterval(metric, each.reduce(addRows), countPerWeight, beta);
  const intervals = each.map((rows) => classInterval(metric, rows, countPerWeight, beta));
  const shares = average === "macro" ? undefined : each.map(({ actual }) => actual);
  return meanOfIntervals(values, intervals, shares);
}

function addRows(a: ClassRows, b: ClassRows): ClassRows {
  return { hits: a.hits + b.hits, predicted: a.predicted + b.predicted, actual: a.actual + b.actual };
}

/** Interval of the mean recall over the classes that have rows, three standard errors to each side. */
export function balancedAccuracyInterval(totals: ClassTotals, countPerWeight: number): Interval | undefined {
  const present = Array.from(totals.actual, (_, index) => rowsOfClass(totals, index)).filter(
    ({ actual }) => actual > 0,
  );
  const recalls = present.map(({ hits, actual }) => hits / actual);
  const intervals = present.map(({ actual }, index) =>
    wilsonInterval(recalls[index] ?? 0, actual * countPerWeight, standardErrors),
  );
  return meanOfIntervals(recalls, intervals);
}

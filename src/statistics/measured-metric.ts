import type { Interval } from "./interval.ts";

/** Names of metrics, as reports and files write them. */
export type MetricName =
  | "accuracy"
  | "balanced_accuracy"
  | "precision"
  | "recall"
  | "f1"
  | "f_beta"
  | "log_loss"
  | "roc_auc"
  | "average_precision"
  | "brier"
  | "ece"
  | "top_k"
  | "mse"
  | "rmse"
  | "mae"
  | "r2"
  | "bias"
  | "confidence"
  | "entropy";

/** One number that tells how good predictions are. */
export interface MeasuredMetric {
  readonly name: MetricName;
  /** The class or output that it is about; macro, micro or weighted for an average; empty: all rows. */
  readonly label: string;
  /** Beta or k, where the metric has one. */
  readonly parameter?: number;
  /** Finite. */
  readonly value: number;
  /** Absent where none is known. 95 % for shares, else three standard errors to each side. */
  readonly interval?: Interval;
  /** Rows that it rests on. */
  readonly rows: number;
  /** A denominator was zero, and the number is what the zero-division policy says. */
  readonly isZeroDivision: boolean;
}

/** A metric, or nothing where its value is undefined or not finite. */
export function measured(
  name: MetricName,
  label: string,
  value: number | undefined,
  rows: number,
  interval?: Interval,
  rest: { readonly parameter?: number; readonly isZeroDivision?: boolean } = {},
): readonly MeasuredMetric[] {
  if (value === undefined || !Number.isFinite(value)) return [];
  return [
    { name, label, value, rows, isZeroDivision: false, ...rest, ...(interval === undefined ? {} : { interval }) },
  ];
}

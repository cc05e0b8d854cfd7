/**
 * Messages of sluice.model.v1 that the monitor and its tools share, with the field names of the .proto. 64-bit counts are numbers: they are
 * exact to 2^53.
 */

/** google.protobuf.Timestamp. */
export interface Timestamp {
  readonly seconds: number;
  readonly nanos: number;
}

/** Epoch milliseconds as a timestamp. */
export function toTimestamp(epochMs: number): Timestamp {
  const seconds = Math.floor(epochMs / 1000);
  return { seconds, nanos: Math.min(999_999_999, Math.round((epochMs - seconds * 1000) * 1e6)) };
}

/** A timestamp as epoch milliseconds. */
export function toEpochMs({ seconds, nanos }: Timestamp): number {
  return seconds * 1000 + nanos / 1e6;
}

/** Counts of true against predicted classes. */
export interface ConfusionMatrix {
  readonly labels: readonly string[];
  /** n * n counts, row by row: the row is the true class, the column the predicted one. */
  readonly counts: readonly number[];
}

/** One number that tells how good a model is. */
export interface MetricValue {
  readonly name: string;
  /** The class; "macro", "micro" or "weighted"; else empty. */
  readonly label: string;
  readonly value: number;
  readonly sample_count: number;
  readonly standard_error?: number;
}

export type SignalRole = "SIGNAL_ROLE_UNSPECIFIED" | "SIGNAL_ROLE_INPUT" | "SIGNAL_ROLE_OUTPUT";

/** A value below which a share of all values lies. */
export interface Quantile {
  readonly probability: number;
  readonly value: number;
}

/** The distribution of a number. */
export interface NumericProfile {
  /** Strictly ascending, one more than there are bins. Bin i holds edges[i] <= x < edges[i + 1], the last one its upper edge too. */
  readonly edges: readonly number[];
  readonly counts: readonly number[];
  readonly underflow_count: number;
  readonly overflow_count: number;
  /** NaN included. */
  readonly null_count: number;
  readonly infinite_count: number;
  /** Finite values: those that the following numbers rest on. */
  readonly count: number;
  readonly mean: number;
  /** Sum of squared deviations from the mean. */
  readonly m2: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly quantiles: readonly Quantile[];
}

/** One value and how often it occurred: `text` or `code` is there. */
export interface Category {
  readonly text?: string;
  readonly code?: number;
  readonly count: number;
}

/** The distribution of one of several values. */
export interface CategoricalProfile {
  readonly categories: readonly Category[];
  readonly other_count: number;
  readonly null_count: number;
}

/** The distribution of one feature or one output: one of `numeric`, `categorical`, `score` is there. */
export interface SignalProfile {
  readonly name: string;
  readonly tensor: string;
  readonly column: number;
  readonly datatype: string;
  readonly role: SignalRole;
  readonly numeric?: NumericProfile;
  readonly categorical?: CategoricalProfile;
  readonly score?: NumericProfile;
  /** mean, deviation, minimum, maximum or zeros of all columns; absent: the value of `column`. */
  readonly statistic?: string;
}

/** Turns a score into the probability that the class is the true one, by straight lines between points. */
export interface CalibrationMap {
  readonly class_index: number;
  readonly scores: readonly number[];
  readonly probabilities: readonly number[];
  readonly sample_count: number;
  readonly calibration_error_before: number;
  readonly calibration_error_after: number;
}

/** Mean and spread of whole rows; the anomaly score of x is (x - mean) * inverse_covariance * (x - mean). */
export interface MahalanobisReference {
  readonly signals: readonly string[];
  readonly mean: readonly number[];
  /** d * d numbers, row by row. */
  readonly inverse_covariance: readonly number[];
  readonly threshold: number;
  readonly threshold_probability: number;
}

/** What the data of a model looked like when it was known to be good. */
export interface ReferenceProfile {
  readonly format_version: number;
  readonly model_name: string;
  /** 0: every version. */
  readonly model_version: number;
  readonly created_at?: Timestamp;
  readonly row_count: number;
  readonly signals: readonly SignalProfile[];
  readonly calibrations: readonly CalibrationMap[];
  readonly expected: readonly MetricValue[];
  readonly labels: readonly string[];
  readonly anomaly?: MahalanobisReference;
}

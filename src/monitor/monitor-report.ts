import type {
  ConfusionMatrix,
  NumericProfile,
  SignalProfile,
  SignalRole,
  Timestamp,
} from "../model/package-messages.ts";

/**
 * What the monitor knows, as the messages of sluice.monitor.v1 say it (proto/sluice/monitor/v1/monitor.proto has the meaning of each field).
 * The service sends these objects as they are, the page and `sluice report` read them. Absent optional fields are absent here too; NaN and
 * infinities stand nowhere.
 */
export interface MonitorReport {
  readonly at: Timestamp;
  readonly server_instance: string;
  readonly server_version: string;
  readonly started_at: Timestamp;
  readonly models: readonly ModelReport[];
  readonly history: readonly ServerPoint[];
}

/** The server during one interval. */
export interface ServerPoint {
  readonly at: Timestamp;
  readonly seconds: number;
  readonly loop_delay_p99_seconds: number;
  readonly front_bytes: number;
  readonly runtime_bytes: number;
}

/** One model version. */
export interface ModelReport {
  readonly model_name: string;
  readonly model_version: string;
  readonly state: string;
  readonly execution_provider: string;
  readonly history: readonly TrafficPoint[];
  readonly quality: QualityReport;
  readonly data: DataReport;
  readonly anomalies: AnomalyReport;
  readonly alerts: readonly Alert[];
  readonly dropped: readonly Dropped[];
  readonly state_reason: string;
}

/** The traffic of a model version during one interval. */
export interface TrafficPoint {
  readonly at: Timestamp;
  readonly seconds: number;
  readonly requests: number;
  readonly failures: number;
  readonly rows: number;
  readonly batches: number;
  readonly queue_seconds: number;
  readonly compute_input_seconds: number;
  readonly compute_infer_seconds: number;
  readonly compute_output_seconds: number;
  readonly p50_seconds?: number;
  readonly p95_seconds?: number;
  readonly p99_seconds?: number;
  readonly queue_size: number;
  readonly batch_sizes: readonly BatchSizeCount[];
}

/** How many runs had so many rows. */
export interface BatchSizeCount {
  readonly up_to_rows: number;
  readonly count: number;
}

/** How good the answers of a model version are. */
export interface QualityReport {
  readonly task: string;
  readonly note: string;
  readonly labels: readonly string[];
  readonly predictions: number;
  readonly joinable_predictions: number;
  readonly outcomes: readonly OutcomeCount[];
  readonly label_coverage?: number;
  readonly label_delay_p50_seconds?: number;
  readonly label_delay_p95_seconds?: number;
  readonly window?: Window;
  readonly metrics: readonly Metric[];
  readonly confusion?: ConfusionMatrix;
  readonly calibration: readonly CalibrationBin[];
  readonly estimates: readonly Metric[];
  readonly estimates_calibrated: boolean;
  readonly history: readonly QualityPoint[];
  readonly predicted_counts: readonly number[];
  readonly window_estimates: readonly Metric[];
  readonly min_samples: number;
}

/** What may become of an outcome, in the words of the .proto. */
export type OutcomeStatus =
  | "OUTCOME_STATUS_UNSPECIFIED"
  | "OUTCOME_STATUS_ACCEPTED"
  | "OUTCOME_STATUS_CORRECTED"
  | "OUTCOME_STATUS_DUPLICATE"
  | "OUTCOME_STATUS_UNKNOWN"
  | "OUTCOME_STATUS_EXPIRED"
  | "OUTCOME_STATUS_FOREIGN"
  | "OUTCOME_STATUS_NOT_SAMPLED"
  | "OUTCOME_STATUS_INVALID"
  | "OUTCOME_STATUS_FORGED"
  | "OUTCOME_STATUS_UNWATCHED";

/** How many outcomes had a status. */
export interface OutcomeCount {
  readonly status: OutcomeStatus;
  readonly count: number;
}

/** The rows that a number rests on. */
export interface Window {
  readonly from: Timestamp;
  readonly to: Timestamp;
  readonly rows: number;
}

/** One metric with its uncertainty. */
export interface Metric {
  readonly name: string;
  readonly label: string;
  readonly parameter?: number;
  readonly value: number;
  readonly lower?: number;
  readonly upper?: number;
  readonly sample_count: number;
  readonly zero_division: boolean;
  readonly expected?: number;
  readonly expected_error?: number;
}

/** Rows that were predicted with about the same probability. */
export interface CalibrationBin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
  readonly mean_confidence: number;
  readonly share_correct: number;
}

/** Metrics of one interval. */
export interface QualityPoint {
  readonly at: Timestamp;
  readonly metrics: readonly Metric[];
  readonly estimates: readonly Metric[];
}

/** What the data of a model version looks like. */
export interface DataReport {
  readonly reference: string;
  readonly note: string;
  readonly window?: Window;
  readonly sampled_rows_per_second: number;
  readonly rows_per_second: number;
  readonly signals: readonly SignalReport[];
  readonly drifted_signals: number;
  readonly windows: number;
  readonly signal_count: number;
  readonly compared_window?: Window;
}

/** One feature or output. */
export interface SignalReport {
  readonly name: string;
  readonly role: SignalRole;
  readonly current?: SignalProfile;
  readonly reference?: SignalProfile;
  readonly scores: readonly DriftScore[];
  readonly anomalies: readonly AnomalousValues[];
  readonly drifted: boolean;
}

/** How far one window is from the reference, by one method. */
export interface DriftScore {
  readonly method: string;
  readonly value: number;
  readonly critical: number;
  readonly effect_threshold: number;
  readonly windows_above: number;
  readonly above: boolean;
  readonly history: readonly number[];
}

/** Values of one kind that should not be. */
export interface AnomalousValues {
  readonly kind: AnomalyKind;
  readonly count: number;
  readonly share: number;
  readonly reference_share: number;
}

/** What may be wrong with a value. */
export type AnomalyKind = "null" | "nan" | "inf" | "out_of_range" | "unseen_category";

/** Unusual rows and sudden changes. */
export interface AnomalyReport {
  readonly detector: string;
  readonly note: string;
  readonly scores?: NumericProfile;
  readonly anomalous_rows: number;
  readonly threshold: number;
  readonly detectors: readonly ChangeDetector[];
  readonly anomalous_share?: number;
}

/** Watches one number over time. */
export interface ChangeDetector {
  readonly method: string;
  readonly signal: string;
  readonly changes: number;
  readonly changed_at?: Timestamp;
  readonly current: number;
  readonly sample_count: number;
  readonly before?: number;
  readonly after?: number;
}

/** A rule of the model's monitor.yaml and how it stands. */
export interface Alert {
  readonly name: string;
  readonly model_name: string;
  readonly model_version: string;
  readonly state: AlertState;
  readonly since?: Timestamp;
  readonly metric: string;
  readonly value?: number;
  readonly threshold?: number;
  readonly comparison: string;
  readonly sample_count: number;
  readonly message: string;
  readonly severity: string;
}

/** How an alert stands. */
export type AlertState =
  | "ALERT_STATE_UNSPECIFIED"
  | "ALERT_STATE_OK"
  | "ALERT_STATE_PENDING"
  | "ALERT_STATE_FIRING"
  | "ALERT_STATE_UNKNOWN"
  | "ALERT_STATE_REMOVED";

/** What the monitor had to leave out. */
export interface Dropped {
  readonly monitor: string;
  readonly reason: string;
  readonly count: number;
}

/** A report of one model version that its parts fill in, each its own field. */
export type ModelReportDraft = { -readonly [Field in keyof ModelReport]: ModelReport[Field] };

/** What stands in a report where nothing is watched. @param note why */
export function emptyQuality(note: string): QualityReport {
  return {
    task: "",
    note,
    labels: [],
    predictions: 0,
    joinable_predictions: 0,
    outcomes: [],
    metrics: [],
    calibration: [],
    estimates: [],
    estimates_calibrated: false,
    history: [],
    predicted_counts: [],
    window_estimates: [],
    min_samples: 0,
  };
}

/** As {@link emptyQuality}. */
export function emptyData(note: string): DataReport {
  return {
    reference: "",
    note,
    sampled_rows_per_second: 0,
    rows_per_second: 0,
    signals: [],
    drifted_signals: 0,
    windows: 0,
    signal_count: 0,
  };
}

/** As {@link emptyQuality}. */
export function emptyAnomalies(note: string): AnomalyReport {
  return { detector: "", note, anomalous_rows: 0, threshold: 0, detectors: [] };
}

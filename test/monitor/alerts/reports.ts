import { toTimestamp } from "../../../src/model/package-messages.ts";
import {
  emptyAnomalies,
  emptyData,
  emptyQuality,
  type Metric,
  type ModelReport,
  type SignalReport,
  type TrafficPoint,
} from "../../../src/monitor/monitor-report.ts";

/** A report of a model of which nothing is known but what is given. */
export function reportOf(given: Partial<ModelReport> = {}): ModelReport {
  return {
    model_name: "m",
    model_version: "1",
    state: "READY",
    execution_provider: "cpu",
    history: [],
    quality: emptyQuality(""),
    data: emptyData(""),
    anomalies: emptyAnomalies(""),
    alerts: [],
    dropped: [],
    state_reason: "",
    ...given,
  };
}

export function metricOf(name: string, value: number, given: Partial<Metric> = {}): Metric {
  return { name, label: "", value, sample_count: 1000, zero_division: false, ...given };
}

export function signalOf(name: string, given: Partial<SignalReport> = {}): SignalReport {
  const current = { name, tensor: "x", column: 0, datatype: "FP32", role: "SIGNAL_ROLE_INPUT" } as const;
  return { name, role: "SIGNAL_ROLE_INPUT", current, scores: [], anomalies: [], drifted: false, ...given };
}

export function windowOf(rows: number) {
  return { from: toTimestamp(0), to: toTimestamp(60_000), rows };
}

export function pointAt(atMs: number, given: Partial<TrafficPoint> = {}): TrafficPoint {
  return {
    at: toTimestamp(atMs),
    seconds: 60,
    requests: 0,
    failures: 0,
    rows: 0,
    batches: 0,
    queue_seconds: 0,
    compute_input_seconds: 0,
    compute_infer_seconds: 0,
    compute_output_seconds: 0,
    queue_size: 0,
    batch_sizes: [],
    ...given,
  };
}

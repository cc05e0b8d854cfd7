import type { ModelReport } from "../monitor-report.ts";
import type { AlertReader, ReadingContext, SubjectReading } from "./alert-reading.ts";
import type { AlertRule } from "./alert-rule.ts";
import {
  readAnomalousRows,
  readAnomalousValues,
  readAnomalyScore,
  readChanges,
  readDriftedFeatures,
  readDriftScore,
} from "./data-readings.ts";
import { readCoverage, readDelay, readEstimateGap, readMetric } from "./quality-readings.ts";
import {
  readDropped,
  readErrorRatio,
  readLatency,
  readQueueSize,
  readRequestRate,
  readStageSeconds,
} from "./traffic-readings.ts";

/** Who reads a metric that is none of the quality report's own. */
const readers: ReadonlyMap<string, AlertReader> = new Map([
  ["estimate_gap", readEstimateGap],
  ["label_coverage", readCoverage],
  ["label_delay", readDelay],
  ["drift_score", readDriftScore],
  ["drifted_features", readDriftedFeatures],
  ["anomalous_values", readAnomalousValues],
  ["anomalous_rows", readAnomalousRows],
  ["anomaly_score", readAnomalyScore],
  ["changes", readChanges],
  ["error_ratio", readErrorRatio],
  ["latency", readLatency],
  ["stage_seconds", readStageSeconds],
  ["queue_size", readQueueSize],
  ["request_rate", readRequestRate],
  ["dropped_records", readDropped],
]);

/** The number that a rule is about, as a report has it. */
export function readAlert(report: ModelReport, rule: AlertRule, context: ReadingContext): SubjectReading {
  return (readers.get(rule.metric) ?? readMetric)(report, rule, context);
}

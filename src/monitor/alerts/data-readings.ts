import { toEpochMs } from "../../model/package-messages.ts";
import { binQuantile } from "../../statistics/bin-quantile.ts";
import type { DataReport, DriftScore, SignalReport } from "../monitor-report.ts";
import {
  type AlertReader,
  noReading,
  plainReading,
  plainThreshold,
  type SubjectReading,
  worstReading,
} from "./alert-reading.ts";
import type { AlertRule } from "./alert-rule.ts";
import { shareError } from "./quality-readings.ts";

/** The worst drift score of the features and methods that a rule leaves open. */
export const readDriftScore: AlertReader = ({ data }, rule) => {
  const { feature, method } = rule.selector;
  const rows = data.compared_window?.rows ?? 0;
  const readings = chosen(data.signals, feature).flatMap(({ name, scores }) =>
    scores
      .filter((score) => method === undefined || score.method === method)
      .map((score) => ({
        value: score.value,
        samples: rows,
        threshold: driftThreshold(score, rule),
        subject: `${name} ${score.method}`,
        windowEndMs: endOf(data.compared_window),
      })),
  );
  return worstReading(readings, rule);
};

function driftThreshold({ critical, effect_threshold }: DriftScore, { threshold }: AlertRule): number | undefined {
  return threshold.kind === "critical" ? Math.max(critical, effect_threshold) : plainThreshold(threshold);
}

function chosen(signals: readonly SignalReport[], feature: string | undefined): readonly SignalReport[] {
  return feature === undefined ? signals : signals.filter(({ name }) => name === feature);
}

/** How many features and outputs have drifted, by the rule of `drift` in monitor.yaml. */
export const readDriftedFeatures: AlertReader = ({ data }, rule) => {
  if (data.reference === "") return noReading;
  const drifted = data.signals.filter((signal) => signal.drifted).map(({ name }) => name);
  const reading = plainReading(data.drifted_signals, data.compared_window?.rows ?? 0, rule, listed(drifted));
  return { ...reading, windowEndMs: endOf(data.compared_window) };
};

/** Names in a message: the first ones. */
function listed(names: readonly string[]): string {
  const most = 3;
  const rest = names.length - most;
  return rest > 0 ? `${names.slice(0, most).join(", ")} and ${rest} more` : names.join(", ");
}

/** The worst share of values that should not be, among the features and kinds that a rule leaves open. */
export const readAnomalousValues: AlertReader = ({ data }, rule) => {
  const { feature, kind } = rule.selector;
  const rows = data.window?.rows ?? 0;
  if (data.window === undefined) return noReading;
  const readings: SubjectReading[] = chosen(data.signals, feature).flatMap((signal) => {
    const kinds = signal.anomalies.filter((anomaly) => kind === undefined || anomaly.kind === kind);
    if (kinds.length === 0)
      return [{ value: 0, samples: rows, threshold: shareThreshold(0, rows, rule), subject: signal.name }];
    return kinds.map(({ kind: found, share, reference_share }) => ({
      value: share,
      samples: rows,
      threshold: shareThreshold(reference_share, rows, rule),
      subject: `${signal.name} ${found}`,
    }));
  });
  return { ...worstReading(readings, rule), windowEndMs: endOf(data.window) };
};

/** End of a window of a data report. */
function endOf(window: DataReport["window"]): number | undefined {
  return window && toEpochMs(window.to);
}

function shareThreshold(reference: number, rows: number, { threshold }: AlertRule): number | undefined {
  if (threshold.kind !== "reference") return plainThreshold(threshold);
  const error = rows > 0 ? shareError(reference, rows) : 0;
  return threshold.factor * reference + threshold.errors * error + threshold.offset;
}

/** Share of the window's rows whose anomaly score is above the detector's threshold. */
export const readAnomalousRows: AlertReader = ({ anomalies }, rule) =>
  plainReading(anomalies.anomalous_share, anomalies.scores?.count ?? 0, rule);

/** A quantile of the window's anomaly scores, as their bins tell it. */
export const readAnomalyScore: AlertReader = ({ anomalies: { scores } }, rule) => {
  if (scores === undefined) return noReading;
  const { edges, counts, underflow_count: underflow, overflow_count: overflow, minimum, maximum } = scores;
  const binned = { edges, counts, underflow, overflow, minimum, maximum };
  return plainReading(binQuantile(binned, rule.selector.quantile ?? 0.5), scores.count, rule);
};

/** How many change detectors noticed something within the rule's window. */
export const readChanges: AlertReader = ({ anomalies }, rule, { nowMs }) => {
  const { signal, method } = rule.selector;
  const watching = anomalies.detectors.filter(
    (detector) =>
      (signal === undefined || detector.signal === signal) && (method === undefined || detector.method === method),
  );
  if (watching.length === 0) return noReading;
  const changed = watching.filter(({ changed_at: at }) => at !== undefined && toEpochMs(at) > nowMs - rule.windowMs);
  const samples = Math.max(...watching.map(({ sample_count }) => sample_count));
  return plainReading(
    changed.length,
    samples,
    rule,
    listed(changed.map((detector) => `${detector.signal} ${detector.method}`)),
  );
};

import type { AlertState, Metric } from "../../monitor-report.ts";
import { absent, numberText, steadyText } from "./number-text.ts";

/** Metrics that are shares of rows or scores from 0 to 1: written with four decimals and drawn on a scale of their own. */
const shares = new Set([
  "accuracy",
  "balanced_accuracy",
  "precision",
  "recall",
  "f1",
  "f_beta",
  "roc_auc",
  "average_precision",
  "top_k",
  "ece",
  "brier",
]);

const names: Readonly<Record<string, string>> = {
  accuracy: "Accuracy",
  balanced_accuracy: "Balanced accuracy",
  precision: "Precision",
  recall: "Recall",
  f1: "F1",
  f_beta: "F-beta",
  log_loss: "Log loss",
  roc_auc: "ROC AUC",
  average_precision: "Average precision",
  brier: "Brier score",
  ece: "Calibration error (ECE)",
  top_k: "Top-k accuracy",
  mse: "MSE",
  rmse: "RMSE",
  mae: "MAE",
  r2: "R²",
  confidence: "Mean confidence",
  entropy: "Mean entropy",
};

/** The metric that stands for a model in one number: the first of these that it has. */
const headlines: readonly string[] = ["accuracy", "rmse", "mse", "roc_auc", "f1"];

/** What two metrics share if they are the same one, at another time or estimated instead of counted. */
export function metricKey({ name, label, parameter }: Pick<Metric, "name" | "label" | "parameter">): string {
  return JSON.stringify([name, label, parameter ?? null]);
}

/** The name of a metric for people: `F-beta (2), benign`. */
export function metricName({ name, label, parameter }: Pick<Metric, "name" | "label" | "parameter">): string {
  const known = names[name] ?? name;
  const title =
    parameter === undefined ? known : name === "top_k" ? `Top-${parameter} accuracy` : `${known} (${parameter})`;
  return label === "" ? title : `${title}, ${label}`;
}

/** Whether a metric lies between 0 and 1. */
export function isShare({ name }: Pick<Metric, "name">): boolean {
  return shares.has(name);
}

/** A value of a metric with the digits that suit it. */
export function metricValueText(metric: Pick<Metric, "name">, value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return absent;
  if (isShare(metric)) return value.toFixed(4);
  return Math.abs(value) < 10 && !Number.isInteger(value) ? steadyText(value, 4) : numberText(value);
}

/** `[0.9468, 0.9588]`; empty where there is no interval. */
export function intervalText(metric: Metric): string {
  if (metric.lower === undefined || metric.upper === undefined) return "";
  return `[${metricValueText(metric, metric.lower)}, ${metricValueText(metric, metric.upper)}]`;
}

/** The metric that a list of models shows of each; undefined: quality is not known. */
export function headlineMetric(metrics: readonly Metric[]): Metric | undefined {
  for (const name of headlines) {
    const found = metrics.find((metric) => metric.name === name && (metric.label === "" || metric.label === "macro"));
    if (found !== undefined) return found;
  }
  return metrics[0];
}

/** The word for the state of an alert. */
export function alertStateText(state: AlertState): string {
  return state.replace("ALERT_STATE_", "").toLowerCase().replace("unspecified", "unknown");
}

/** Firing first, then pending, unknown, ok: the order in which alerts are looked at. */
export function alertRank(state: AlertState): number {
  return ["ALERT_STATE_FIRING", "ALERT_STATE_PENDING", "ALERT_STATE_UNKNOWN"].indexOf(state) >>> 0;
}

/** What became of an outcome, in a word: `accepted`. */
export function outcomeStatusText(status: string): string {
  return status.replace("OUTCOME_STATUS_", "").toLowerCase().replaceAll("_", " ");
}

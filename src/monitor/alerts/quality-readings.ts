import type { Metric, ModelReport } from "../monitor-report.ts";
import { estimatePrefix } from "./alert-metrics.ts";
import { type AlertReader, noReading, plainReading, plainThreshold } from "./alert-reading.ts";
import type { AlertRule, AlertSelector } from "./alert-rule.ts";

/** Metrics that are a share of the rows that they rest on: their standard error follows from the share itself. */
const shares: ReadonlySet<string> = new Set(["accuracy", "top_k"]);

/** Metrics whose intervals are Wilson's of 95 %, or made of such: half of one is about so many standard errors. */
const wilsonMetrics: ReadonlySet<string> = new Set(["precision", "recall"]);
const wilsonErrors = 1.96;

/** Half of every other interval in standard errors. */
const meanErrors = 3;

/** A metric of the quality report, realised or estimated. Estimates that no calibration map stands behind only inform: they are no reading. */
export const readMetric: AlertReader = (report, rule) => {
  const isEstimate = rule.metric.startsWith(estimatePrefix);
  if (isEstimate && !report.quality.estimates_calibrated) return noReading;
  const name = isEstimate ? rule.metric.slice(estimatePrefix.length) : rule.metric;
  const metric = findMetric(isEstimate ? report.quality.estimates : report.quality.metrics, name, rule.selector);
  if (metric === undefined) return noReading;
  return {
    value: metric.value,
    samples: metric.sample_count,
    threshold: thresholdOf(metric, rule),
    subject: metric.label,
  };
};

/** The metric of a name and label; without a label the one of the whole, else the macro average, else the first. */
function findMetric(metrics: readonly Metric[], name: string, { label, parameter }: AlertSelector): Metric | undefined {
  const named = metrics.filter(
    (metric) => metric.name === name && (parameter === undefined || metric.parameter === parameter),
  );
  if (label !== undefined) return named.find((metric) => metric.label === label);
  return named.find((metric) => metric.label === "") ?? named.find((metric) => metric.label === "macro") ?? named.at(0);
}

/** @returns undefined where the reference says nothing of the metric, or an error is needed that is not known */
function thresholdOf(metric: Metric, { threshold }: AlertRule): number | undefined {
  if (threshold.kind !== "reference") return plainThreshold(threshold);
  const { expected } = metric;
  if (expected === undefined) return undefined;
  const base = threshold.factor * expected + threshold.offset;
  if (threshold.errors === 0) return base;
  const error = standardError(metric, expected);
  return error === undefined ? undefined : base + threshold.errors * Math.hypot(error, metric.expected_error ?? 0);
}

/** Standard error of a metric at its sample count, were its true value `expected`; undefined: not known. */
function standardError({ name, value, lower, upper, sample_count }: Metric, expected: number): number | undefined {
  if (shares.has(name) && sample_count > 0) return shareError(expected, sample_count);
  if (lower === undefined || upper === undefined) return undefined;
  if (wilsonMetrics.has(name)) return (upper - lower) / (2 * wilsonErrors);
  return Math.max(upper - value, value - lower) / meanErrors; // one side may end where the metric does
}

/** Standard error of a share of `count` rows. */
export function shareError(share: number, count: number): number {
  const bounded = Math.min(1, Math.max(0, share));
  return Math.sqrt((bounded * (1 - bounded)) / count);
}

/** How far realised and estimated accuracy of the same predictions lie apart, in either direction. */
export const readEstimateGap: AlertReader = (report, { threshold }) => {
  const { metrics, window_estimates: estimates, estimates_calibrated } = report.quality;
  const realised = findMetric(metrics, "accuracy", {});
  const estimated = findMetric(estimates, "accuracy", {});
  if (realised === undefined || estimated === undefined || !estimates_calibrated) return noReading;
  const reading = {
    value: Math.abs(realised.value - estimated.value),
    samples: Math.min(realised.sample_count, estimated.sample_count),
    subject: "accuracy",
  };
  if (threshold.kind !== "errors") return { ...reading, threshold: plainThreshold(threshold) };
  const errors = [realised, estimated].map((metric) => shareError(metric.value, metric.sample_count));
  return { ...reading, threshold: threshold.errors * Math.hypot(...errors) };
};

/** Share of predictions whose truth is known. */
export const readCoverage: AlertReader = ({ quality }, rule) =>
  plainReading(quality.label_coverage, quality.predictions, rule);

/** Quantile of the time from prediction to outcome, seconds. */
export const readDelay: AlertReader = (report, rule) => {
  const { label_delay_p50_seconds: p50, label_delay_p95_seconds: p95 } = report.quality;
  return plainReading(rule.selector.quantile === 0.5 ? p50 : p95, acceptedOutcomes(report), rule);
};

function acceptedOutcomes({ quality }: ModelReport): number {
  return quality.outcomes.find(({ status }) => status === "OUTCOME_STATUS_ACCEPTED")?.count ?? 0;
}

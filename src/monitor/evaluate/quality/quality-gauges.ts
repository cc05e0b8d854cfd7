import { scoreCount } from "../../../statistics/class-scores.ts";
import type { MeasuredMetric } from "../../../statistics/measured-metric.ts";
import type { Prediction, Truth } from "../../prediction.ts";
import { instruments } from "../../telemetry/instruments.ts";
import { maxClassSeries } from "../../telemetry/quality-instruments.ts";
import type { SeriesGroup } from "../../telemetry/series-registry.ts";
import type { ClassificationRules } from "./classification-measure.ts";
import { estimateMetrics } from "./estimate-metrics.ts";
import type { QualityEvaluation, QualitySources } from "./quality-evaluation.ts";

/** What a metric was worked out from: truths, or scores alone, with or without a calibration that was fitted on labelled rows. */
type MetricBasis = "outcomes" | "estimate" | "uncalibrated_estimate";

const averages = ["", "macro", "weighted", "micro"];

/**
 * Gauges of metrics of the window: value, rows, and bounds. A metric that rests on too few rows, or cannot be worked out, has no points.
 * @param evaluate the quality of now
 */
export function observeQuality<Judged>(
  group: SeriesGroup,
  sources: QualitySources<Judged>,
  evaluate: () => QualityEvaluation,
): void {
  const { watch, minSamples } = sources;
  const current = lookUp(evaluate, minSamples);
  const possible = possibleMetrics(sources);
  observeMetrics(group, "outcomes", possible.metrics, (key) => current().metrics.get(key));
  const basis = watch?.isCalibrated === true ? "estimate" : "uncalibrated_estimate";
  observeMetrics(group, basis, possible.estimates, (key) => current().estimates.get(key));
}

/** Metrics and estimates of an evaluation by their key; put together once for each. */
function lookUp(evaluate: () => QualityEvaluation, minSamples: number) {
  let last: QualityEvaluation | undefined;
  let found = { metrics: shownMetrics([], 0), estimates: shownMetrics([], 0) };
  return () => {
    const evaluation = evaluate();
    if (evaluation === last) return found;
    last = evaluation;
    const { metrics, estimates } = evaluation;
    found = { metrics: shownMetrics(metrics, minSamples), estimates: shownMetrics(estimates, minSamples) };
    return found;
  };
}

/** @param find the metric of now by its {@link metricKey} */
function observeMetrics(
  group: SeriesGroup,
  basis: MetricBasis,
  metrics: readonly MeasuredMetric[],
  find: (key: string) => MeasuredMetric | undefined,
): void {
  for (const metric of metrics) {
    const { name, label, parameter } = metric;
    const attributes = {
      "sluice.metric": name,
      "sluice.basis": basis,
      ...(label === "" ? {} : { "sluice.class": label }),
      ...(parameter === undefined ? {} : { "sluice.parameter": String(parameter) }),
    };
    const key = metricKey(metric);
    group.observe(instruments.qualityValue, () => find(key)?.value, attributes);
    group.observe(instruments.qualitySamples, () => find(key)?.rows, attributes);
    group.observe(instruments.qualityLower, () => find(key)?.interval?.lower, attributes);
    group.observe(instruments.qualityUpper, () => find(key)?.interval?.upper, attributes);
  }
}

/** One of each metric that there may be: those of rows of every class. Their values mean nothing. */
function possibleMetrics<Judged>({ measure, watch, rules }: QualitySources<Judged>) {
  const judged = measure.create();
  const seen = watch?.create();
  for (const [prediction, truth] of rules === undefined ? regressionRows(measure.width) : classRows(rules)) {
    measure.record(judged, prediction, truth, 1);
    if (seen !== undefined) watch?.record(seen, prediction);
  }
  const hasSeries = ({ label }: MeasuredMetric) =>
    averages.includes(label) || (rules?.labels.length ?? measure.width) <= maxClassSeries;
  const estimates = seen === undefined || rules === undefined ? [] : estimateMetrics(seen, rules);
  return { metrics: measure.metrics(judged).filter(hasSeries), estimates: estimates.filter(hasSeries) };
}

function classRows(rules: ClassificationRules): readonly (readonly [Prediction, Truth])[] {
  const values = new Float32Array(scoreCount(rules)).fill(1 / rules.classes);
  return rules.labels.map((_, index) => [{ atMs: 0, predictedClass: index, values }, index]);
}

function regressionRows(width: number): readonly (readonly [Prediction, Truth])[] {
  return [0, 1].map((value) => [
    { atMs: 0, predictedClass: -1, values: new Float32Array(width) },
    new Float64Array(width).fill(value),
  ]);
}

/** The metrics that rest on enough rows, by {@link metricKey}. */
function shownMetrics(metrics: readonly MeasuredMetric[], minSamples: number): ReadonlyMap<string, MeasuredMetric> {
  const enough = metrics.filter(({ rows }) => rows >= minSamples);
  return new Map(enough.map((metric) => [metricKey(metric), metric]));
}

/** What tells metrics of one window apart. */
function metricKey({ name, label, parameter }: MeasuredMetric): string {
  return `${name}\u0000${label}\u0000${parameter ?? ""}`;
}

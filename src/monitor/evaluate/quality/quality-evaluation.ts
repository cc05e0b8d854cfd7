import { type ConfusionMatrix, type MetricValue, toTimestamp } from "../../../model/package-messages.ts";
import type { MeasuredMetric } from "../../../statistics/measured-metric.ts";
import { estimatedRows } from "../../../statistics/quality-estimate.ts";
import type { CalibrationBin, Metric, Window } from "../../monitor-report.ts";
import type { ClassificationRules } from "./classification-measure.ts";
import { estimateMetrics } from "./estimate-metrics.ts";
import type { QualityBlocks, QualityWindow } from "./quality-blocks.ts";
import type { QualityMeasure } from "./quality-measure.ts";
import type { PredictionWatch, SeenPredictions } from "./seen-predictions.ts";

/** What quality is worked out from. */
export interface QualitySources<Judged> {
  readonly blocks: QualityBlocks<Judged, SeenPredictions>;
  readonly measure: QualityMeasure<Judged>;
  /** Undefined: a regression. */
  readonly watch: PredictionWatch | undefined;
  readonly rules: ClassificationRules | undefined;
  /** Rows that a metric must rest on. */
  readonly minSamples: number;
}

/** Quality at one moment. */
export interface QualityEvaluation {
  /** The window whose truth is known; undefined: no truth is. */
  readonly window: Window | undefined;
  /** Its beginning, epoch milliseconds. */
  readonly fromMs: number | undefined;
  /** Empty where the window has too few rows. */
  readonly metrics: readonly MeasuredMetric[];
  readonly confusion: ConfusionMatrix | undefined;
  readonly calibration: readonly CalibrationBin[];
  /** Estimates of the latest predictions. */
  readonly estimates: readonly MeasuredMetric[];
  /** Estimates of the predictions of `window`, to hold beside `metrics`. */
  readonly windowEstimates: readonly MeasuredMetric[];
  /** Latest predictions that were looked at, by class. */
  readonly predictedCounts: readonly number[];
}

/** Where nothing can be said. */
export const noQuality: QualityEvaluation = {
  window: undefined,
  fromMs: undefined,
  metrics: [],
  confusion: undefined,
  calibration: [],
  estimates: [],
  windowEstimates: [],
  predictedCounts: [],
};

type SeenWindow<Judged> = QualityWindow<Judged, SeenPredictions>;

export function evaluateQuality<Judged>(sources: QualitySources<Judged>, nowMs: number): QualityEvaluation {
  const { blocks, measure, minSamples } = sources;
  const window = blocks.judged(nowMs, minSamples);
  const judged = measure.create();
  for (const { state } of window?.blocks ?? []) if (state.judged !== undefined) measure.merge(judged, state.judged);
  const rows = measure.rows(judged);
  const isEnough = rows >= minSamples;
  const latest = mergeSeen(sources, blocks.latest(nowMs));
  return {
    window: window && { from: toTimestamp(window.fromMs), to: toTimestamp(window.toMs), rows },
    fromMs: window?.fromMs,
    metrics: isEnough ? measure.metrics(judged) : [],
    confusion: isEnough ? measure.confusion(judged) : undefined,
    calibration: isEnough ? measure.calibration(judged) : [],
    estimates: estimatesOf(sources, latest),
    windowEstimates: isEnough && window !== undefined ? estimatesOf(sources, mergeSeen(sources, window)) : [],
    predictedCounts: latest === undefined ? [] : [...latest.classCounts.subarray(0, sources.rules?.labels.length)],
  };
}

function mergeSeen<Judged>({ watch }: QualitySources<Judged>, window: SeenWindow<Judged>): SeenPredictions | undefined {
  if (watch === undefined) return undefined;
  const merged = watch.create();
  for (const { state } of window.blocks) if (state.seen !== undefined) watch.merge(merged, state.seen);
  return merged;
}

function estimatesOf<Judged>(
  { rules, minSamples }: QualitySources<Judged>,
  seen: SeenPredictions | undefined,
): readonly MeasuredMetric[] {
  if (rules === undefined || seen === undefined) return [];
  return estimatedRows(seen.estimate) >= minSamples ? estimateMetrics(seen, rules) : [];
}

/** A metric as reports tell it. @param expected by the reference profile, any metrics */
export function toMetric(metric: MeasuredMetric, expected: readonly MetricValue[] = []): Metric {
  const { name, label, value, interval, rows, isZeroDivision, parameter } = metric;
  const reference = parameter === undefined && expected.find((one) => one.name === name && one.label === label);
  return {
    name,
    label,
    ...(parameter === undefined ? {} : { parameter }),
    value,
    ...(interval === undefined ? {} : interval),
    sample_count: rows,
    zero_division: isZeroDivision,
    ...(reference ? expectedFields(reference) : {}),
  };
}

function expectedFields({ value, standard_error }: MetricValue): Pick<Metric, "expected" | "expected_error"> {
  return { expected: value, ...(standard_error === undefined ? {} : { expected_error: standard_error }) };
}

import type { Metric, QualityReport } from "../../monitor-report.ts";
import { metricKey } from "./metric-text.ts";

/** A metric as it was counted, and as it is estimated. */
export interface MetricRow {
  /** Which one it is. */
  readonly metric: Metric;
  /** Undefined: no truths are known that it could be counted from. */
  readonly realized: Metric | undefined;
  readonly estimate: Metric | undefined;
}

/** Every metric of a window: what was counted, with the estimate of the same predictions beside it, then what is only estimated. */
export function metricRows({ metrics, estimates, window_estimates }: QualityReport): readonly MetricRow[] {
  const beside = new Map(window_estimates.map((estimate) => [metricKey(estimate), estimate]));
  const counted = new Set(metrics.map(metricKey));
  return [
    ...metrics.map((metric) => ({ metric, realized: metric, estimate: beside.get(metricKey(metric)) })),
    ...estimates
      .filter((estimate) => !counted.has(metricKey(estimate)))
      .map((estimate) => ({ metric: estimate, realized: undefined, estimate })),
  ];
}

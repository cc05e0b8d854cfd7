import { toEpochMs } from "../../model/package-messages.ts";
import type { ModelReport, TrafficPoint } from "../monitor-report.ts";
import { type AlertReader, plainReading, type SubjectReading } from "./alert-reading.ts";
import type { AlertRule } from "./alert-rule.ts";

/** The intervals of the report that end within a rule's window. */
function pointsWithin({ history }: ModelReport, { windowMs }: AlertRule, nowMs: number): readonly TrafficPoint[] {
  return history.filter(({ at }) => toEpochMs(at) > nowMs - windowMs);
}

function total(points: readonly TrafficPoint[], of: (point: TrafficPoint) => number): number {
  return points.reduce((sum, point) => sum + of(point), 0);
}

/** Share of requests that failed or were refused. */
export const readErrorRatio: AlertReader = (report, rule, { nowMs }) => {
  const points = pointsWithin(report, rule, nowMs);
  const failures = total(points, (point) => point.failures);
  const all = failures + total(points, (point) => point.requests);
  return plainReading(all > 0 ? failures / all : undefined, all, rule);
};

/** A quantile of the time from arrival to answer, seconds: the mean of the intervals' quantiles, weighted by their requests. */
export const readLatency: AlertReader = (report, rule, { nowMs }) => {
  const { quantile } = rule.selector;
  return weightedMean(report, rule, nowMs, (point) =>
    quantile === 0.5 ? point.p50_seconds : quantile === 0.95 ? point.p95_seconds : point.p99_seconds,
  );
};

/** Mean time of a stage, seconds; without a stage, of all four together. */
export const readStageSeconds: AlertReader = (report, rule, { nowMs }) =>
  weightedMean(report, rule, nowMs, (point) => {
    const stages: Readonly<Record<string, number>> = {
      queue: point.queue_seconds,
      compute_input: point.compute_input_seconds,
      compute_infer: point.compute_infer_seconds,
      compute_output: point.compute_output_seconds,
    };
    const { stage } = rule.selector;
    return stage === undefined ? Object.values(stages).reduce((sum, seconds) => sum + seconds, 0) : stages[stage];
  });

function weightedMean(
  report: ModelReport,
  rule: AlertRule,
  nowMs: number,
  of: (point: TrafficPoint) => number | undefined,
): SubjectReading {
  let [sum, requests] = [0, 0];
  for (const point of pointsWithin(report, rule, nowMs)) {
    const value = of(point);
    if (value === undefined || point.requests === 0) continue;
    sum += value * point.requests;
    requests += point.requests;
  }
  return plainReading(requests > 0 ? sum / requests : undefined, requests, rule);
}

/** Requests that waited, on average over the ends of the intervals. */
export const readQueueSize: AlertReader = (report, rule, { nowMs }) => {
  const points = pointsWithin(report, rule, nowMs);
  const mean = total(points, (point) => point.queue_size) / points.length;
  return plainReading(points.length > 0 ? mean : undefined, points.length, rule);
};

/** Requests a second, answered or not. */
export const readRequestRate: AlertReader = (report, rule, { nowMs }) => {
  const points = pointsWithin(report, rule, nowMs);
  const seconds = total(points, (point) => point.seconds);
  const rate = total(points, (point) => point.requests + point.failures) / seconds;
  return plainReading(seconds > 0 ? rate : undefined, points.length, rule);
};

/** Records that the monitor has left out within the rule's window. */
export const readDropped: AlertReader = ({ dropped }, rule, { growth }) => {
  const { amount, evaluations } = growth(dropped.reduce((sum, { count }) => sum + count, 0));
  return plainReading(amount, evaluations, rule);
};

import type { DriftScore, ModelReport, SignalReport, TrafficPoint } from "../../monitor-report.ts";

/** Traffic of a model version in a nutshell: its last interval. */
export interface TrafficFacts {
  readonly requestsPerSecond: number;
  readonly rowsPerSecond: number;
  /** Of all requests of the interval, those that failed; undefined without requests. */
  readonly failureShare: number | undefined;
  readonly p50Seconds: number | undefined;
  readonly p99Seconds: number | undefined;
}

/** The last interval of a history; undefined when there is none yet. */
export function trafficFacts(history: readonly TrafficPoint[]): TrafficFacts | undefined {
  const last = history.at(-1);
  if (last === undefined) return undefined;
  const all = last.requests + last.failures;
  return {
    requestsPerSecond: last.requests / last.seconds,
    rowsPerSecond: last.rows / last.seconds,
    failureShare: all === 0 ? undefined : last.failures / all,
    p50Seconds: last.p50_seconds,
    p99Seconds: last.p99_seconds,
  };
}

/** How far a score is beyond the greater of its two limits: 1 is just there, 2 is twice as much. */
export function driftRatio({ value, critical, effect_threshold }: DriftScore): number {
  const limit = Math.max(critical, effect_threshold);
  return limit > 0 ? value / limit : value > 0 ? Number.POSITIVE_INFINITY : 0;
}

/** The score of a signal that is furthest beyond its limits; undefined: nothing is compared. */
export function leadingScore(signal: SignalReport): DriftScore | undefined {
  return signal.scores.reduce<DriftScore | undefined>(
    (best, score) => (best === undefined || driftRatio(score) > driftRatio(best) ? score : best),
    undefined,
  );
}

/** Share of a signal's values that should not be. */
export function anomalyShare(signal: SignalReport): number {
  return signal.anomalies.reduce((sum, { share }) => sum + share, 0);
}

/** Alerts of a model by state. */
export function alertCounts({ alerts }: ModelReport): { readonly firing: number; readonly pending: number } {
  return {
    firing: alerts.filter(({ state }) => state === "ALERT_STATE_FIRING").length,
    pending: alerts.filter(({ state }) => state === "ALERT_STATE_PENDING").length,
  };
}

/** How many runs of a history had so many rows, by ascending size. */
export function batchSizes(
  history: readonly TrafficPoint[],
): readonly { readonly upTo: number; readonly count: number }[] {
  const counts = new Map<number, number>();
  for (const { batch_sizes } of history) {
    for (const { up_to_rows, count } of batch_sizes) counts.set(up_to_rows, (counts.get(up_to_rows) ?? 0) + count);
  }
  return [...counts].map(([upTo, count]) => ({ upTo, count })).sort((a, b) => a.upTo - b.upTo);
}

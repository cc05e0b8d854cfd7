import type { NumericProfile, SignalProfile } from "../../model/package-messages.ts";
import type { Signal } from "../collect/sampled-rows.ts";
import {
  anomalyPlaces,
  valueCount,
  valueInfinite,
  valueM2,
  valueMaximum,
  valueMean,
  valueMinimum,
  valueNan,
  valueNull,
  valueTotal,
  valueUnseen,
} from "../collect/value-counts.ts";
import type { SignalReport } from "../monitor-report.ts";

/**
 * What was counted of a signal, without a reference: moments and what should not be.
 * @param start its place in the counts
 * @param isBrief without the moments
 */
export function signalReport(signal: Signal, numbers: Float64Array, start: number, isBrief: boolean): SignalReport {
  const of = (place: number) => numbers[start + place] ?? 0;
  const total = of(valueTotal);
  const anomalies = anomalyPlaces.flatMap(([kind, place]) => {
    const count = of(place);
    return count === 0 ? [] : [{ kind, count, share: count / total, reference_share: 0 }];
  });
  const report = { name: signal.name, role: signal.role, scores: [], anomalies, drifted: false };
  return total === 0 || isBrief ? report : { ...report, current: currentProfile(signal, of) };
}

function currentProfile(signal: Signal, of: (place: number) => number): SignalProfile {
  const { name, tensor, column, datatype, role, statistic } = signal;
  const identity = { name, tensor, column, datatype, role, ...(statistic && { statistic }) };
  if (signal.kind === "categorical") {
    const seen = of(valueTotal) - of(valueNull);
    return { ...identity, categorical: { categories: [], other_count: seen, null_count: of(valueNull) } };
  }
  const hasNumbers = of(valueCount) > 0;
  const numeric: NumericProfile = {
    edges: [],
    counts: [],
    underflow_count: 0,
    overflow_count: 0,
    null_count: of(valueNull) + of(valueNan) + of(valueUnseen),
    infinite_count: of(valueInfinite),
    count: of(valueCount),
    mean: of(valueMean),
    m2: of(valueM2),
    minimum: hasNumbers ? of(valueMinimum) : 0,
    maximum: hasNumbers ? of(valueMaximum) : 0,
    quantiles: [],
  };
  return signal.kind === "score" ? { ...identity, score: numeric } : { ...identity, numeric };
}

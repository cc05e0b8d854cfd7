import type { NumericProfile, SignalProfile } from "../../model/package-messages.ts";
import {
  above,
  below,
  clearNumericHistogram,
  createNumericHistogram,
  infinite,
  mergeNumericHistogram,
  missing,
  momentCount,
  momentM2,
  momentMaximum,
  momentMean,
  momentMinimum,
  type NumericHistogram,
  recordNumber,
} from "../../statistics/numeric-histogram.ts";
import { markInfinite, markNan, markNull, markOk, markUnseen } from "../collect/sampled-rows.ts";
import type { AnomalyKind } from "../monitor-report.ts";

/** What the values of one signal were, on the edges or categories of its reference. State, and algebra over it. */
export type SignalCounts = NumericCounts | CategoricalCounts;

/** Of a number or a score. */
export interface NumericCounts {
  readonly kind: "numeric";
  readonly histogram: NumericHistogram;
  /** Values that were not there at all; those that were NaN are in the histogram. */
  readonly nulls: Float64Array;
}

/** Of a category: one count for each that the reference knows, then the others, then the missing ones. */
export interface CategoricalCounts {
  readonly kind: "categorical";
  readonly counts: Float64Array;
}

/** Empty counts for a signal of a profile. */
export function createSignalCounts({ numeric, score, categorical }: SignalProfile): SignalCounts {
  const numbers = numeric ?? score;
  return numbers === undefined
    ? { kind: "categorical", counts: new Float64Array((categorical?.categories.length ?? 0) + 2) }
    : {
        kind: "numeric",
        histogram: createNumericHistogram(Float64Array.from(numbers.edges)),
        nulls: new Float64Array(1),
      };
}

/** Counts one value as the collector hands it over. @param mark what the value is; see sampled-rows.ts */
export function recordSignal(counts: SignalCounts, value: number, mark: number): void {
  if (counts.kind === "categorical") {
    const known = counts.counts.length - 2;
    if (mark === markOk)
      addOne(counts.counts, value); // a category's number is its index in the reference
    else if (mark === markUnseen) addOne(counts.counts, known);
    else if (mark === markNull || mark === markNan) addOne(counts.counts, known + 1);
  } else if (mark === markOk) recordNumber(counts.histogram, value);
  else if (mark === markNan) recordNumber(counts.histogram, Number.NaN);
  else if (mark === markInfinite) recordNumber(counts.histogram, Number.POSITIVE_INFINITY);
  else if (mark === markNull) addOne(counts.nulls, 0);
}

function addOne(counts: Float64Array, place: number): void {
  counts[place] = (counts[place] as number) + 1; // every place is below length
}

/** Adds what others of the same signal have counted. */
export function mergeSignalCounts(into: SignalCounts, from: SignalCounts): void {
  if (into.kind === "numeric" && from.kind === "numeric") {
    mergeNumericHistogram(into.histogram, from.histogram);
    into.nulls[0] = (into.nulls[0] as number) + (from.nulls[0] as number); // one place each
  } else if (into.kind === "categorical" && from.kind === "categorical") {
    for (let i = 0; i < into.counts.length; i++)
      into.counts[i] = (into.counts[i] as number) + (from.counts[i] as number); // as many
  }
}

/** Forgets what was counted. */
export function clearSignalCounts(counts: SignalCounts): void {
  if (counts.kind === "categorical") counts.counts.fill(0);
  else {
    clearNumericHistogram(counts.histogram);
    counts.nulls[0] = 0;
  }
}

/**
 * The counts that scores compare, in the order in which {@link referenceBins} has them: below the edges, the bins, above the edges; or the
 * categories and all others. Values that are no value at all are left out: they are told of as anomalous ones.
 */
export function comparedBins(counts: SignalCounts): Float64Array {
  if (counts.kind === "categorical") return counts.counts.subarray(0, counts.counts.length - 1);
  const { edges, counts: all } = counts.histogram;
  const bins = edges.length - 1;
  const compared = new Float64Array(bins + 2);
  compared[0] = all[bins + below] as number; // four places behind the bins
  compared.set(all.subarray(0, bins), 1);
  compared[bins + 1] = all[bins + above] as number;
  return compared;
}

/** As {@link comparedBins}, of a reference. */
export function referenceBins({ numeric, score, categorical }: SignalProfile): Float64Array {
  const numbers = numeric ?? score;
  if (numbers !== undefined) return Float64Array.of(numbers.underflow_count, ...numbers.counts, numbers.overflow_count);
  const { categories = [], other_count = 0 } = categorical ?? {};
  return Float64Array.of(...categories.map(({ count }) => count), other_count);
}

/** The counts as a profile of the same signal. Quantiles are left to the reference. */
export function toSignalProfile(reference: SignalProfile, counts: SignalCounts): SignalProfile {
  const { numeric, score, categorical, ...identity } = reference;
  if (counts.kind === "categorical") {
    const { categories = [] } = categorical ?? {};
    const places = counts.counts;
    return {
      ...identity,
      categorical: {
        categories: categories.map((category, i) => ({ ...category, count: places[i] ?? 0 })),
        other_count: places[categories.length] ?? 0,
        null_count: places[categories.length + 1] ?? 0,
      },
    };
  }
  const profile = toNumericProfile(counts);
  return score === undefined ? { ...identity, numeric: profile } : { ...identity, score: profile };
}

/** The counts of a number as a profile. Quantiles are left out. */
export function toNumericProfile({ histogram: { edges, counts, moments }, nulls }: NumericCounts): NumericProfile {
  const bins = edges.length - 1;
  const extra = (place: number) => counts[bins + place] as number; // four places behind the bins
  const count = moments[momentCount] as number; // five moments
  return {
    edges: [...edges],
    counts: [...counts.subarray(0, bins)],
    underflow_count: extra(below),
    overflow_count: extra(above),
    null_count: extra(missing) + (nulls[0] ?? 0),
    infinite_count: extra(infinite),
    count,
    mean: moments[momentMean] as number,
    m2: moments[momentM2] as number,
    minimum: count === 0 ? 0 : (moments[momentMinimum] as number),
    maximum: count === 0 ? 0 : (moments[momentMaximum] as number),
    quantiles: [],
  };
}

/** Shares of values that should not be in the rows of a reference, by their kind. A score has no range that it would have to keep. */
export function referenceShares({ numeric, score, categorical }: SignalProfile): ReadonlyMap<AnomalyKind, number> {
  if (categorical !== undefined) {
    const { categories, other_count: other, null_count: missingOnes } = categorical;
    const total = categories.reduce((sum, { count }) => sum + count, other + missingOnes);
    return new Map([
      ["null", ratio(missingOnes, total)],
      ["unseen_category", ratio(other, total)],
    ]);
  }
  const numbers = numeric ?? score;
  if (numbers === undefined) return new Map();
  const { count, null_count: nans, infinite_count: infinities, underflow_count: under, overflow_count: over } = numbers;
  const total = count + nans + infinities;
  return new Map([
    ["nan", ratio(nans, total)],
    ["inf", ratio(infinities, total)],
    ["out_of_range", ratio(under + over, total)],
  ]);
}

function ratio(count: number, total: number): number {
  return total === 0 ? 0 : count / total;
}

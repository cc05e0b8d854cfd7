import type { NumericProfile, SignalProfile } from "../../model/package-messages.ts";
import {
  type BinGroups,
  type GroupingLimits,
  groupCategories,
  groupOrderedBins,
  sumGroups,
} from "../../statistics/bin-groups.ts";
import { sumOf } from "../../statistics/distribution-distance.ts";
import type { DriftReference } from "../../statistics/drift-test.ts";
import { referenceBins } from "./signal-counts.ts";

/** A signal of a profile as drift scores compare with it. */
export interface SignalReference {
  readonly profile: SignalProfile;
  /** Which of the compared bins belong together. */
  readonly groups: BinGroups;
  readonly drift: DriftReference;
}

/**
 * What a signal is compared with; undefined where nothing can be: it has no values, or just as many as one group needs.
 *
 * A number that is nearly always the same is compared like a category: that value, others that are frequent enough, and "all others". In order
 * its rare values would join it as neighbours, and could become frequent unnoticed.
 */
export function createSignalReference(profile: SignalProfile, windowRows: number): SignalReference | undefined {
  const bins = referenceBins(profile);
  const limits = { referenceRows: sumOf(bins), windowRows };
  if (!(limits.referenceRows > 0)) return undefined;
  const numbers = profile.numeric ?? profile.score;
  const ordered = numbers === undefined ? undefined : groupOrderedBins(bins, limits);
  const isOrdered = ordered !== undefined && ordered.groupCount > 1;
  if (numbers !== undefined && isOrdered && !hidesBins(ordered, bins)) return inOrder(profile, numbers, ordered, bins);
  const unordered = numbers === undefined ? groupCategories(bins, limits) : groupValues(bins, limits);
  if (unordered.groupCount > 1) return { profile, groups: unordered, drift: { counts: grouped(unordered, bins) } };
  return numbers !== undefined && isOrdered ? inOrder(profile, numbers, ordered, bins) : undefined;
}

function inOrder(
  profile: SignalProfile,
  numbers: NumericProfile,
  groups: BinGroups,
  bins: Float64Array,
): SignalReference {
  const counts = grouped(groups, bins);
  const scale = Math.sqrt(numbers.m2 / Math.max(1, numbers.count - 1));
  return { profile, groups, drift: { counts, positions: groupPositions(numbers, groups, bins), scale: scale || 1 } };
}

/** Whether most rows are in one group of several bins: what moves between these does not show. */
function hidesBins({ groupOf, groupCount }: BinGroups, bins: Float64Array): boolean {
  const half = sumOf(bins) / 2;
  const counts = new Float64Array(groupCount);
  const largest = new Float64Array(groupCount);
  for (let i = 0; i < bins.length; i++) {
    const group = groupOf[i] as number; // one for each bin
    const count = bins[i] as number;
    counts[group] = (counts[group] as number) + count;
    largest[group] = Math.max(largest[group] as number, count);
  }
  return counts.some((count, group) => count > half && (largest[group] as number) < count);
}

/** Bins of a number as categories, with what is beyond the edges among all others. */
function groupValues(bins: Float64Array, limits: GroupingLimits): BinGroups {
  const { groupOf, groupCount } = groupCategories(
    Float64Array.of(...bins.subarray(1), bins[0] as number), // the last one is that of all others
    limits,
  );
  return { groupOf: Int32Array.of(groupOf.at(-1) as number, ...groupOf.subarray(0, -1)), groupCount };
}

function grouped(groups: BinGroups, bins: Float64Array): Float64Array {
  const counts = new Float64Array(groups.groupCount);
  sumGroups(groups, bins, counts);
  return counts;
}

/** Where the mass of each group lies: the mean of its bins' middles by their counts. What is beyond the edges counts as lying at them. */
function groupPositions(
  { edges }: NumericProfile,
  { groupOf, groupCount }: BinGroups,
  bins: Float64Array,
): Float64Array {
  const sums = new Float64Array(groupCount);
  const weights = new Float64Array(groupCount);
  const edge = (i: number) => edges[Math.max(0, Math.min(edges.length - 1, i))] as number; // within the edges
  for (let i = 0; i < bins.length; i++) {
    const group = groupOf[i] as number; // one for each bin
    const weight = bins[i] as number;
    sums[group] = (sums[group] as number) + weight * ((edge(i - 1) + edge(i)) / 2);
    weights[group] = (weights[group] as number) + weight;
  }
  return sums.map((sum, group) => sum / (weights[group] as number)); // a group has rows
}

import type { NumericProfile, SignalProfile } from "../../model/package-messages.ts";
import { type BinGroups, groupCategories, groupOrderedBins, sumGroups } from "../../statistics/bin-groups.ts";
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
 * A number that was always the same is compared like a category with that one value: what is beyond is "all others".
 */
export function createSignalReference(profile: SignalProfile, windowRows: number): SignalReference | undefined {
  const bins = referenceBins(profile);
  const limits = { referenceRows: sumOf(bins), windowRows };
  if (!(limits.referenceRows > 0)) return undefined;
  const numbers = profile.numeric ?? profile.score;
  const ordered = numbers === undefined ? undefined : groupOrderedBins(bins, limits);
  if (numbers !== undefined && ordered !== undefined && ordered.groupCount > 1) {
    const positions = groupPositions(numbers, ordered, bins);
    const scale = Math.sqrt(numbers.m2 / Math.max(1, numbers.count - 1));
    return {
      profile,
      groups: ordered,
      drift: { counts: grouped(ordered, bins), positions, scale: scale > 0 ? scale : 1 },
    };
  }
  const groups = numbers === undefined ? groupCategories(bins, limits) : groupOutside(bins.length);
  if (groups.groupCount < 2) return undefined;
  return { profile, groups, drift: { counts: grouped(groups, bins) } };
}

function grouped(groups: BinGroups, bins: Float64Array): Float64Array {
  const counts = new Float64Array(groups.groupCount);
  sumGroups(groups, bins, counts);
  return counts;
}

/** Inside of the edges, and outside. */
function groupOutside(bins: number): BinGroups {
  const groupOf = new Int32Array(bins);
  groupOf[0] = 1;
  groupOf[bins - 1] = 1;
  return { groupOf, groupCount: 2 };
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

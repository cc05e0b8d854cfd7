/**
 * Bins put together so that each group has enough rows for the laws of the scores to hold: a share that rests on one or two rows is noise, and
 * its logarithm more so.
 */
export interface BinGroups {
  /** Group of each bin. */
  readonly groupOf: Int32Array;
  readonly groupCount: number;
}

/** Rows that a group must expect, in the reference and in the smallest window (Cochran's rule). */
export const leastExpectedRows = 5;

/** What is asked of a group. */
export interface GroupingLimits {
  /** Rows of the reference. */
  readonly referenceRows: number;
  /** Rows of the smallest window. */
  readonly windowRows: number;
}

/** Least count in the reference that a group needs. */
function leastCount({ referenceRows, windowRows }: GroupingLimits): number {
  return Math.max(leastExpectedRows, (leastExpectedRows * referenceRows) / windowRows);
}

/**
 * Groups of ordered bins: each takes bins from the left until it has enough; what is left over at the right joins the last group. Bins beyond
 * the edges, which are empty in most references, so join their neighbours, and the outer groups are open.
 */
export function groupOrderedBins(reference: ArrayLike<number>, limits: GroupingLimits): BinGroups {
  const least = leastCount(limits);
  const groupOf = new Int32Array(reference.length);
  let group = 0;
  let count = 0;
  for (let i = 0; i < reference.length; i++) {
    groupOf[i] = group;
    count += reference[i] as number; // i is below length
    if (count < least) continue;
    group++;
    count = 0;
  }
  const groupCount = Math.max(1, group);
  for (let i = 0; i < groupOf.length; i++) groupOf[i] = Math.min(groupOf[i] as number, groupCount - 1);
  return { groupOf, groupCount };
}

/**
 * Groups of bins without an order, of which the last holds "all others": bins with too few rows join it. It stays a group of its own however
 * few it has, because a category that the reference does not know is what has to be noticed.
 */
export function groupCategories(reference: ArrayLike<number>, limits: GroupingLimits): BinGroups {
  const least = leastCount(limits);
  const groupOf = new Int32Array(reference.length);
  let groups = 0;
  const others: number[] = [];
  for (let i = 0; i < reference.length - 1; i++) {
    if ((reference[i] as number) >= least) groupOf[i] = groups++;
    else others.push(i);
  }
  for (const i of [...others, reference.length - 1]) groupOf[i] = groups;
  return { groupOf, groupCount: groups + 1 };
}

/** Adds the counts of each group up into `into`, which has a place for each. */
export function sumGroups({ groupOf }: BinGroups, counts: ArrayLike<number>, into: Float64Array): void {
  into.fill(0);
  for (let i = 0; i < groupOf.length; i++) {
    const group = groupOf[i] as number; // i is below length
    into[group] = (into[group] as number) + (counts[i] as number);
  }
}

import type { RunTimeEstimate } from "./run-time-model.ts";

/** Consecutive length buckets, both ends included. */
export interface BucketRange {
  readonly low: number;
  readonly high: number;
}

/** What waits, by length bucket. */
export interface WaitingLengths {
  /** Ascending. */
  readonly lengths: readonly number[];
  readonly rows: readonly number[];
  /** The bucket of the request that runs in any case. */
  readonly head: number;
  /** Of a batch. */
  readonly maxRows: number;
}

/**
 * Which length buckets run together: those around the bucket of the oldest request for which one run at the longest length saves more than the
 * padding costs (docs/adr/0009). A run is taken to cost, beside its rows, what it costs in the cheapest bucket, and a row of a shorter
 * length at most its share of a row of the longest: of lengths that always run with longer ones nothing newer is known than their warm-up,
 * and a wrong guess would keep itself true.
 * @param runTime by bucket; undefined: not known yet, and nothing is padded to such a length
 */
export function chooseBuckets(
  { lengths, rows, head, maxRows }: WaitingLengths,
  runTime: (bucket: number) => RunTimeEstimate | undefined,
): BucketRange {
  const estimates = lengths.map((_, bucket) => runTime(bucket));
  const fixedMs = Math.min(...estimates.map((estimate) => estimate?.fixedMs ?? Number.POSITIVE_INFINITY));
  let best: BucketRange = { low: head, high: head };
  let bestSavedMs = 0;
  for (let high = head; high < lengths.length; high++) {
    const perRowMs = estimates[high]?.perRowMs;
    if (perRowMs === undefined || (high > head && rowsOf(rows, high) === 0)) continue;
    const perStepMs = perRowMs / (lengths[high] ?? 1);
    let together = 0;
    let runsApart = 0;
    let wastedMs = 0;
    for (let low = high; low >= 0; low--) {
      const waiting = rowsOf(rows, low);
      if (waiting === 0 && low !== head) continue;
      const ownMs = Math.min(estimates[low]?.perRowMs ?? Number.POSITIVE_INFINITY, perStepMs * (lengths[low] ?? 0));
      together += waiting;
      runsApart += Math.ceil(waiting / maxRows);
      wastedMs += waiting * (perRowMs - ownMs);
      const savedMs = fixedMs * (runsApart - Math.ceil(together / maxRows)) - wastedMs;
      if (low > head || savedMs <= bestSavedMs) continue;
      best = { low, high };
      bestSavedMs = savedMs;
    }
  }
  return best;
}

function rowsOf(rows: readonly number[], bucket: number): number {
  return rows[bucket] ?? 0;
}

import { predictRunMs, type RunTimeEstimate } from "./run-time-model.ts";

/** Consecutive length buckets, both ends included. */
export interface BucketRange {
  readonly low: number;
  readonly high: number;
}

/**
 * Which length buckets run together: those around the bucket of the oldest request for which one run at the longest length is predicted to save most
 * time against runs of their own. Buckets whose run times are not known yet run alone, by which they become known.
 * @param rows that wait, by bucket
 * @param head the bucket of the request that runs in any case
 * @param maxRows of a batch
 */
export function chooseBuckets(
  rows: readonly number[],
  head: number,
  maxRows: number,
  runTime: (bucket: number) => RunTimeEstimate | undefined,
): BucketRange {
  const runMs = (bucket: number, count: number): number => {
    const estimate = runTime(bucket);
    if (estimate === undefined) return Number.NaN;
    return predictRunMs(estimate, count) + (Math.ceil(count / maxRows) - 1) * estimate.fixedMs;
  };
  let best: BucketRange = { low: head, high: head };
  let bestSavedMs = 0;
  for (let high = head; high < rows.length; high++) {
    if (high > head && (rows[high] ?? 0) === 0) continue;
    let together = 0;
    let apartMs = 0;
    for (let low = high; low >= 0; low--) {
      const waiting = rows[low] ?? 0;
      if (waiting === 0 && low !== head) continue;
      together += waiting;
      apartMs += runMs(low, waiting);
      if (low > head) continue;
      const savedMs = apartMs - runMs(high, together); // NaN where one is unknown
      if (savedMs > bestSavedMs) {
        best = { low, high };
        bestSavedMs = savedMs;
      }
    }
  }
  return best;
}

/** A median with its interval: where the true median lies in at least 95 of 100 such runs, whatever the distribution. */
export interface Estimate {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly count: number;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/**
 * Median and interval by order statistics: the true median lies below the k-th smallest of n values with the probability of at most k - 1 heads in n
 * tosses. Of ten values that makes the second smallest and the second largest; of fewer than six the whole range, which is then less sure.
 */
export function estimate(values: readonly number[]): Estimate {
  const sorted = values.toSorted((a, b) => a - b);
  const count = sorted.length;
  let skipped = 0;
  let tail = 2 ** -count;
  let term = tail;
  for (let k = 1; k < count / 2; k++) {
    term = (term * (count - k + 1)) / k;
    tail += term;
    if (tail > 0.025) break;
    skipped = k;
  }
  const low = sorted[skipped] ?? Number.NaN;
  const high = sorted[count - 1 - skipped] ?? Number.NaN;
  return { median: median(values), low, high, count };
}

/** A bound that a measurement must keep. */
export interface Budget {
  readonly bound: "at most" | "at least";
  readonly value: number;
}

/** `unclear`: the interval reaches across the bound, more pairs are needed. */
export type Verdict = "holds" | "misses" | "unclear";

export function judge({ low, high }: Estimate, { bound, value }: Budget): Verdict {
  const [best, worst] = bound === "at most" ? [low, high] : [-high, -low];
  const limit = bound === "at most" ? value : -value;
  if (worst <= limit) return "holds";
  return best > limit ? "misses" : "unclear";
}

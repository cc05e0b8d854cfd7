/** Buckets a factor of two: quantiles are right to 9 %. */
const bucketsPerDoubling = 8;

/** From a millisecond to the longest label horizon, a year. */
const buckets = bucketsPerDoubling * 36;

/** How long truths took, in constant memory. */
export class LabelDelays {
  readonly #counts = new Float64Array(buckets);
  #total = 0;

  /** @param delayMs from the prediction to its truth; below a millisecond is one */
  record(delayMs: number): void {
    const bucket = Math.floor(bucketsPerDoubling * Math.log2(Math.max(1, delayMs)));
    const place = Math.min(buckets - 1, bucket);
    this.#counts[place] = (this.#counts[place] ?? 0) + 1;
    this.#total += 1;
  }

  /** Seconds within which a share of the truths came; undefined without any. */
  quantile(share: number): number | undefined {
    if (this.#total === 0) return undefined;
    let left = share * this.#total;
    let bucket = 0;
    for (; bucket < buckets - 1; bucket++) {
      left -= this.#counts[bucket] ?? 0;
      if (left <= 0) break;
    }
    return 2 ** ((bucket + 0.5) / bucketsPerDoubling) / 1000;
  }
}

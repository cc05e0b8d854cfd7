import { hashId, hashWords, isSampled } from "../outcomes/id-hash.ts";

/** Chooses the requests that are written. */
export class PayloadSampler {
  readonly #share: number;
  readonly #maxPerSecond: number;
  readonly #random: () => number;
  readonly #hashed = new Uint32Array(hashWords);
  /** Requests that may be chosen at this moment; at most those of a second, at least one. */
  #allowance: number;
  #seenMs = Number.NEGATIVE_INFINITY;

  /** @param random 0 to 1, for requests without an id */
  constructor(share: number, maxPerSecond: number, random: () => number = Math.random) {
    this.#share = share;
    this.#maxPerSecond = maxPerSecond;
    this.#random = random;
    this.#allowance = Math.max(1, maxPerSecond);
  }

  /**
   * Whether a request is written. One with a prediction id is chosen by it, so that every server, and the store of predictions, choose the same;
   * others are drawn by lot. Of those that are chosen, the ones above the rate are not written.
   * @param nowMs of a clock that does not go back
   */
  choose(predictionId: string, nowMs: number): boolean {
    if (!this.#isInShare(predictionId)) return false;
    const refill = Math.max(0, nowMs - this.#seenMs) * (this.#maxPerSecond / 1000);
    this.#allowance = Math.min(Math.max(1, this.#maxPerSecond), this.#allowance + refill);
    this.#seenMs = nowMs;
    if (this.#allowance < 1) return false;
    this.#allowance--;
    return true;
  }

  #isInShare(predictionId: string): boolean {
    if (this.#share >= 1) return true;
    if (predictionId === "") return this.#random() < this.#share;
    hashId(predictionId, this.#hashed);
    return isSampled(this.#hashed, this.#share);
  }
}

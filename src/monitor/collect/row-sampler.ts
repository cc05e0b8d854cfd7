/** How much of the rate of before counts after one look: bursts of a second or two count, those of a minute ago do not. */
const smoothing = 0.5;

/** Of a shorter time the rate would be that of a few requests. */
const shortestLookMs = 500;

/**
 * Chooses rows for row statistics: each with the same probability, which follows from the rate of rows so that at most `maxPerSecond` are
 * chosen, and never more than that by a bucket of tokens. What is chosen depends on the hashed number of the row alone, not on its content, so
 * shares among the chosen rows are those among all. Costs a comparison for a request without a chosen row.
 */
export class RowSampler {
  readonly #maxPerSecond: number;
  #state: number;
  #probability = 1;
  /** Rows to pass by until the next chosen one. */
  #skip: number;
  #tokens: number;
  #refilledMs = Number.NaN;
  #rate = 0;
  #seenBefore = 0;
  #chosenBefore = 0;
  #chosenRate = 0;
  #lookedMs: number | undefined;
  /** Rows that there were. */
  seen = 0;
  /** Rows that were chosen. */
  chosen = 0;

  /**
   * @param seed of the hashed row numbers
   * @param startMs when it begins, on the clock of {@link adapt}; absent: with the first look, whose rows have no rate then
   */
  constructor(maxPerSecond: number, seed = 0, startMs?: number) {
    this.#lookedMs = startMs;
    this.#maxPerSecond = maxPerSecond;
    this.#tokens = Math.max(1, maxPerSecond);
    this.#state = seed >>> 0;
    this.#probability = maxPerSecond > 0 ? 1 : 0;
    this.#skip = maxPerSecond > 0 ? 0 : Number.POSITIVE_INFINITY;
  }

  /** Probability of a row now. */
  get probability(): number {
    return this.#probability;
  }

  /** Rows a second that there are, and that are chosen, by the latest looks. */
  get ratePerSecond(): number {
    return this.#rate;
  }

  get chosenPerSecond(): number {
    return this.#chosenRate;
  }

  /**
   * The first chosen row of a request of so many; -1: none. The next ones are told by {@link next}, until it says -1.
   * @param nowMs monotonic milliseconds
   */
  first(rows: number, nowMs: number): number {
    this.seen += rows;
    if (this.#skip >= rows) {
      this.#skip -= rows;
      return -1;
    }
    this.#refill(nowMs);
    return this.#choose(this.#skip, rows);
  }

  /** The chosen row after `row`; -1: none. */
  next(row: number, rows: number): number {
    return this.#choose(row + 1 + this.#gap(), rows);
  }

  /** Adapts the probability to the rate of rows; to be called about once a second. */
  adapt(nowMs: number): void {
    const beforeMs = this.#lookedMs;
    if (beforeMs !== undefined && Math.abs(nowMs - beforeMs) < shortestLookMs) return;
    this.#lookedMs = nowMs;
    const seen = this.seen - this.#seenBefore;
    const chosen = this.chosen - this.#chosenBefore;
    this.#seenBefore = this.seen;
    this.#chosenBefore = this.chosen;
    if (beforeMs === undefined || !(nowMs > beforeMs)) return;
    const seconds = (nowMs - beforeMs) / 1000;
    const smooth = (old: number, value: number) => (old === 0 ? value : smoothing * old + (1 - smoothing) * value);
    const latest = seen / seconds;
    this.#rate = smooth(this.#rate, latest);
    this.#chosenRate = smooth(this.#chosenRate, chosen / seconds);
    if (this.#maxPerSecond === 0) return;
    const expected = Math.max(this.#rate, latest); // down at once, up slowly
    const probability = expected > this.#maxPerSecond ? this.#maxPerSecond / expected : 1;
    if (probability === this.#probability) return;
    this.#probability = probability;
    this.#skip = this.#gap();
  }

  #choose(row: number, rows: number): number {
    if (row >= rows) {
      this.#skip = row - rows;
      return -1;
    }
    if (this.#tokens < 1) {
      this.#skip = this.#gap(); // the rest of the request goes by
      return -1;
    }
    this.#tokens--;
    this.chosen++;
    return row;
  }

  #refill(nowMs: number): void {
    if (nowMs > this.#refilledMs) {
      const earned = ((nowMs - this.#refilledMs) / 1000) * this.#maxPerSecond;
      this.#tokens = Math.min(Math.max(1, this.#maxPerSecond), this.#tokens + earned);
    }
    if (!(nowMs <= this.#refilledMs)) this.#refilledMs = nowMs;
  }

  /** Rows that are not chosen before the next one that is: geometrically distributed, as if each were decided by itself. */
  #gap(): number {
    if (this.#probability >= 1) return 0;
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    const uniform = (mix(this.#state) + 1) / (2 ** 32 + 1);
    return Math.floor(Math.log(uniform) / Math.log1p(-this.#probability));
  }
}

/** A hash of 32 bits in which every bit of the input turns every bit of the output with a half of probability (the finalizer of MurmurHash3). */
function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Something that counts records it had to leave out; a {@link CounterSeries} is one. */
export interface DropCounter {
  add(amount: number): void;
}

/**
 * One number that an instrument tells: a sum (only non-negative amounts) or a level. It lives in a typed array, so that a record on the
 * hot path neither allocates nor boxes.
 */
export class CounterSeries {
  readonly #cell = new Float64Array(1);
  readonly #dropped: DropCounter | undefined;

  /** @param dropped hears of amounts that are not finite. */
  constructor(dropped?: DropCounter) {
    this.#dropped = dropped;
  }

  get value(): number {
    return this.#cell[0] ?? 0;
  }

  /** Adds; a NaN or an Infinity would stay for ever and is dropped. */
  add(amount: number): void {
    if (Number.isFinite(amount)) this.#cell[0] = this.value + amount;
    else this.#dropped?.add(1);
  }

  set(value: number): void {
    if (Number.isFinite(value)) this.#cell[0] = value;
    else this.#dropped?.add(1);
  }
}

/** A histogram at one moment: plain arrays, owned by whoever asked. */
export interface HistogramSnapshot {
  /** Shared by all snapshots of an instrument. */
  readonly boundaries: readonly number[];
  /** One more than boundaries. */
  readonly counts: readonly number[];
  /** Undefined: the values can be negative, and a sum that goes down is no counter. */
  readonly sum: number | undefined;
  readonly count: number;
}

/** Counts per bucket (lower bound excluded, upper bound included, as in OpenTelemetry) and the sum of what was recorded. */
export class HistogramSeries {
  readonly #given: readonly number[];
  readonly #boundaries: Float64Array;
  readonly #counts: Float64Array;
  readonly #sum = new Float64Array(1);
  readonly #dropped: DropCounter | undefined;

  /**
   * @param boundaries ascending, finite.
   * @param dropped hears of values that are not finite.
   */
  constructor(boundaries: readonly number[], dropped?: DropCounter) {
    this.#given = boundaries;
    this.#boundaries = Float64Array.from(boundaries);
    this.#counts = new Float64Array(boundaries.length + 1);
    this.#dropped = dropped;
  }

  /** Counts one value; a NaN or an Infinity is dropped. */
  record(value: number): void {
    if (!Number.isFinite(value)) {
      this.#dropped?.add(1);
      return;
    }
    const boundaries = this.#boundaries;
    let low = 0;
    let high = boundaries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((boundaries[middle] ?? 0) < value) low = middle + 1;
      else high = middle;
    }
    this.#counts[low] = (this.#counts[low] ?? 0) + 1;
    this.#sum[0] = (this.#sum[0] ?? 0) + value;
  }

  /** Adds what another histogram with the same boundaries holds. */
  merge(other: HistogramSeries): void {
    for (const [index, count] of other.#counts.entries()) this.#counts[index] = (this.#counts[index] ?? 0) + count;
    this.#sum[0] = (this.#sum[0] ?? 0) + (other.#sum[0] ?? 0);
  }

  get count(): number {
    let count = 0;
    for (let index = 0; index < this.#counts.length; index++) count += this.#counts[index] ?? 0;
    return count;
  }

  snapshot(): HistogramSnapshot {
    const counts = new Array<number>(this.#counts.length);
    let count = 0;
    for (let index = 0; index < counts.length; index++) {
      const bucket = this.#counts[index] ?? 0;
      counts[index] = bucket;
      count += bucket;
    }
    return { boundaries: this.#given, counts, sum: this.#sum[0] ?? 0, count };
  }
}

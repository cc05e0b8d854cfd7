/** How many rows arrive: a rate that forgets exponentially. Costs one exponential for each turn of the event loop in which something arrives. */
export class ArrivalRate {
  readonly #memoryMs: number;
  #rows = 0;
  #atMs = Number.NEGATIVE_INFINITY;

  /** @param memoryMs the time constant: what arrived so long ago counts as 1/e */
  constructor(memoryMs: number) {
    this.#memoryMs = memoryMs;
  }

  record(now: number, rows: number): void {
    this.#rows = this.#decayed(now) + rows;
    this.#atMs = now;
  }

  /** Rows a millisecond at this moment. */
  perMs(now: number): number {
    return this.#decayed(now) / this.#memoryMs;
  }

  #decayed(now: number): number {
    return now === this.#atMs ? this.#rows : this.#rows * Math.exp((this.#atMs - now) / this.#memoryMs);
  }
}

/** Weight that what was measured keeps with each further batch. */
const memory = 0.9;

/**
 * How many rows a model works off in a millisecond while it has work, all instances together: rows over the time in which they were served,
 * the latest batches counting most. Time without work does not count. Pure state.
 */
export class ServiceRate {
  #rows = 0;
  #busyMs = 0;
  #lastEndMs = Number.NEGATIVE_INFINITY;
  #isBacklogged = false;

  /** Rows a millisecond; 0: nothing was measured yet. */
  get rowsPerMs(): number {
    return this.#busyMs > 0 ? this.#rows / this.#busyMs : 0;
  }

  /**
   * A batch has ended.
   * @param takenMs when it was formed
   * @param isBacklogged a whole batch waits now, so that the time to the next end is spent on the next rows even if the process is busy with others
   */
  record(rows: number, takenMs: number, endedMs: number, isBacklogged: boolean): void {
    const startMs = this.#isBacklogged ? this.#lastEndMs : Math.max(this.#lastEndMs, takenMs);
    this.#rows = this.#rows * memory + rows;
    this.#busyMs = this.#busyMs * memory + Math.max(0, endedMs - startMs);
    this.#lastEndMs = endedMs;
    this.#isBacklogged = isBacklogged;
  }

  /** Nothing ran for a while although there was work, because no process was there: that time does not count. */
  interrupt(): void {
    this.#isBacklogged = false;
  }

  /** How long so many rows take, in milliseconds; 0 while nothing was measured. */
  timeFor(rows: number): number {
    return this.#rows > 0 ? (rows * this.#busyMs) / this.#rows : 0;
  }
}

/** Even an empty queue is no reason to come back at once. */
const shortestPushbackMs = 10;
/** Later than this nobody knows what the queue will be like. */
const longestPushbackMs = 10_000;
/** How far pushbacks are spread, so that clients do not return together. */
const spread = 0.2;

/**
 * After how long a refused client may come back: when what waits now will have been worked off, give or take a fifth. A whole number, because
 * clients read it as one.
 * @param random from 0 to 1
 */
export function pushbackMs(drainMs: number, random: number): number {
  const spreadMs = drainMs * (1 - spread + 2 * spread * random);
  return Math.round(Math.min(longestPushbackMs, Math.max(shortestPushbackMs, spreadMs)));
}

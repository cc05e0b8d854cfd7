/** How fast the least that was seen is forgotten: by a factor of two within 35 batches, so that one lucky run does not count for ever. */
const decay = 1.02;

/**
 * How long rows take at least, for promises that must not be broken by a guess: from the fastest of the latest full batches, since what waits
 * together runs together. Until one was seen, each batch is taken for as fast as the fastest of any size. Pure state.
 */
export class LeastWait {
  /** Milliseconds a row in full batches; 0: none was seen. */
  #fullRowMs = 0;
  /** Milliseconds a batch of any size; 0: none was seen. */
  #batchMs = 0;
  /** Share of it that is still believed. */
  #trust = 1;
  readonly #maxRows: number;

  /** @param maxRows most rows of a batch */
  constructor(maxRows: number) {
    this.#maxRows = maxRows;
  }

  /** A batch has run. @param isFull no other request fitted in @param busyMs the time of its stages, without waiting */
  onRan(rows: number, isFull: boolean, busyMs: number): void {
    this.#trust = 1;
    this.#batchMs = least(this.#batchMs, busyMs);
    if (isFull) this.#fullRowMs = least(this.#fullRowMs, busyMs / Math.max(1, rows));
  }

  /** A request was refused for a run time that may be out of date: believe half, until a batch has run. */
  doubt(): void {
    this.#trust /= 2;
  }

  /** Milliseconds that so many rows take on so many instances; 0 while nothing is known. */
  timeFor(rows: number, instances: number): number {
    const rowMs = this.#fullRowMs > 0 ? this.#fullRowMs : this.#batchMs / this.#maxRows;
    return (this.#trust * rows * rowMs) / Math.max(1, instances);
  }
}

function least(known: number, seen: number): number {
  return known === 0 ? seen : Math.min(known * decay, seen);
}

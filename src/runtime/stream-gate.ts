/** Where streams wait before they read on: while a model has as much of theirs as it should, more would only wait in its queue. */
export interface Gate {
  /** Streams should not read now. */
  readonly isFull: boolean;
  /** Calls back once, when it is this one's turn to read on. */
  whenRoom(listener: () => void): void;
  /** Forgets a listener, for a stream that ended while it waited. */
  forget(listener: () => void): void;
}

/** Nobody ever waits here. */
export const openGate: Gate = { isFull: false, whenRoom: (listener) => listener(), forget() {} };

/** Weight of the latest message in the average of their rows. */
const averageWeight = 0.05;

/**
 * The gate of one model version. Counts rows of stream messages that are under way in the model; what a stream has read already is let in, so
 * the limit may be exceeded by one message for each stream. Streams go on in the order in which they stopped.
 */
export class StreamGate implements Gate {
  /** Most rows of streams at a time. */
  limitRows = Number.POSITIVE_INFINITY;
  #rows = 0;
  #averageRows = 1;
  readonly #waiting: (() => void)[] = [];

  /** Rows of stream messages under way. */
  get rows(): number {
    return this.#rows;
  }

  get isFull(): boolean {
    return this.#rows >= this.limitRows;
  }

  /** Streams that wait. */
  get waitingCount(): number {
    return this.#waiting.length;
  }

  whenRoom(listener: () => void): void {
    this.#waiting.push(listener);
  }

  forget(listener: () => void): void {
    const index = this.#waiting.indexOf(listener);
    if (index >= 0) this.#waiting.splice(index, 1);
  }

  enter(rows: number): void {
    this.#rows += rows;
    this.#averageRows += averageWeight * (rows - this.#averageRows);
  }

  leave(rows: number): void {
    this.#rows -= rows;
  }

  /**
   * Lets as many streams go on as there is room for their messages, all of them when nothing is under way: one that has nothing to send at the
   * moment must not keep the others waiting. Called once after several have left, because those that go on take a while to arrive.
   */
  wake(): void {
    if (this.#waiting.length === 0 || this.isFull) return;
    const room = Math.ceil((this.limitRows - this.#rows) / Math.max(1, this.#averageRows));
    for (const listener of this.#waiting.splice(0, this.#rows === 0 ? this.#waiting.length : room)) listener();
  }
}

/**
 * Tells a queue that stands from one that only takes up a burst, by the shortest wait of an interval (CoDel, with the rules of Facebook's
 * folly): while even that is above the target, whoever has waited far beyond it is shed. Pure state; the caller tells the time.
 */
export class Codel {
  readonly #intervalMs: number;
  #endMs = Number.NEGATIVE_INFINITY;
  #shortestMs = Number.POSITIVE_INFINITY;
  #isOverloaded = false;

  /** @param intervalMs how long the shortest wait must have been above the target */
  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /** Even the shortest wait of the last whole interval was above the target. */
  get isOverloaded(): boolean {
    return this.#isOverloaded;
  }

  /**
   * Something left the queue.
   * @param waitMs how long it had waited; of several at a time, the shortest
   * @param targetMs the longest wait that is nothing to worry about
   */
  record(waitMs: number, now: number, targetMs: number): void {
    if (now > this.#endMs) {
      // An interval in which nothing was taken ends here too: it says nothing, and one wait alone is no standing queue.
      this.#isOverloaded = this.#shortestMs > targetMs && this.#shortestMs < Number.POSITIVE_INFINITY;
      this.#endMs = now + this.#intervalMs;
      this.#shortestMs = waitMs;
    } else if (waitMs < this.#shortestMs) {
      this.#shortestMs = waitMs;
    }
  }
}

import { setImmediate } from "node:timers/promises";

/** Pieces of work of one collection between which the event loop gets its turns, so that requests never wait for all of it. */
export class Turns {
  readonly #perTurn: number;
  #spent = 0;

  /** @param perTurn pieces of work that take well under a millisecond together */
  constructor(perTurn: number) {
    this.#perTurn = perTurn;
  }

  /** To be awaited before so many more pieces: gives the event loop a turn where too many came before. */
  async before(pieces: number): Promise<void> {
    if (this.#spent > 0 && this.#spent + pieces > this.#perTurn) {
      this.#spent = 0;
      await setImmediate();
    }
    this.#spent += pieces;
  }

  /** The results of many pieces, in their order. */
  async map<T, R>(items: readonly T[], convert: (item: T) => R): Promise<R[]> {
    const results: R[] = [];
    for (let start = 0; start < items.length; start += this.#perTurn) {
      const part = items.slice(start, start + this.#perTurn);
      await this.before(part.length);
      for (const item of part) results.push(convert(item));
    }
    return results;
  }
}

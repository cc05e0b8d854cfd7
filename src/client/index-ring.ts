/**
 * Values by consecutive indexes, of which only a stretch is in use at a time. Places are used again, and an emptied one holds nothing, so that no
 * value of the past keeps another alive.
 */
export class IndexRing<T> {
  readonly #places: (T | undefined)[];
  readonly #mask: number;

  /** @param length how far the largest index in use is from the smallest, at least */
  constructor(length: number) {
    const places = 2 ** Math.ceil(Math.log2(Math.max(2, length)));
    this.#places = new Array<T | undefined>(places).fill(undefined);
    this.#mask = places - 1;
  }

  /** Indexes that may be in use at a time: those below the smallest one plus this. */
  get length(): number {
    return this.#places.length;
  }

  /** What stands at an index in use; undefined: nothing. For other indexes it may be the value of another. */
  at(index: number): T | undefined {
    return this.#places[index & this.#mask];
  }

  set(index: number, value: T | undefined): void {
    this.#places[index & this.#mask] = value;
  }
}

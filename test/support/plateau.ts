import assert from "node:assert/strict";
import { neededBytes } from "./process-memory.ts";

/** Whether memory stops growing: compares the second half of a series of measurements with the first, as warming up is no leak. */
export class Plateau {
  readonly #measure: () => number;
  readonly #sizes: number[] = [];

  /** @param measure bytes; by default what this process needs after a full collection */
  constructor(measure: () => number = neededBytes) {
    this.#measure = measure;
  }

  measure(): void {
    this.#sizes.push(this.#measure());
  }

  /** @throws AssertionError when the second half lies more than `maxBytes` above the first */
  assertFlat(maxBytes: number): void {
    const middle = Math.ceil(this.#sizes.length / 2);
    const growth = Math.max(...this.#sizes.slice(middle)) - Math.max(...this.#sizes.slice(0, middle));
    assert.ok(growth <= maxBytes, `memory grew by ${growth} bytes: ${this.#sizes.join(", ")}`);
  }
}

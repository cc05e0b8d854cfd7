/** What the payload logs of all models hold in memory at most: requests under way and what waits to be written. */
export const maxPayloadBytes = 32 * 1024 * 1024;

/** Bytes that the payload logs of a server may still take. */
export class PayloadMemory {
  readonly #maxBytes: number;
  #usedBytes = 0;

  constructor(maxBytes = maxPayloadBytes) {
    this.#maxBytes = maxBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** @returns false when there is no room: nothing was taken then */
  take(bytes: number): boolean {
    if (this.#usedBytes + bytes > this.#maxBytes) return false;
    this.#usedBytes += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#usedBytes -= bytes;
  }
}

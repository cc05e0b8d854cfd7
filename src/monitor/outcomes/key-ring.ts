import { randomBytes } from "node:crypto";
import { assert } from "../../errors.ts";
import { hashWords } from "./id-hash.ts";

/** Bytes of one place: its key, and its share of the index, which is two to four times as long as the ring. */
export const keyPlaceBytes = hashWords * 4 + 4 * 4;

/** Places of the index for each of the ring at least, so that look-ups stay short. */
const indexShare = 2;

/**
 * The last `capacity` keys of 128 bits, found by their value: a ring of places, and an open-addressing index over it with linear probing. A full
 * ring gives the oldest place to the next key. Where a key stands in the index depends on a secret of the process, so that nobody can choose keys
 * that crowd together (multilinear hashing, Carter and Wegman 1979).
 */
export class KeyRing {
  readonly capacity: number;
  readonly #keys: Uint32Array;
  /** Place + 1 of a key; 0: empty. */
  readonly #index: Int32Array;
  readonly #mask: number;
  readonly #shift: number;
  readonly #secret: Uint32Array;
  /** The oldest place, and how many follow. */
  #first = 0;
  #size = 0;

  /** @param secret {@link hashWords} words; default: random */
  constructor(capacity: number, secret: Uint32Array = randomWords()) {
    assert(Number.isSafeInteger(capacity) && capacity > 0 && capacity <= 2 ** 29, `a ring of ${capacity} keys`);
    this.capacity = capacity;
    this.#keys = new Uint32Array(capacity * hashWords);
    const bits = Math.max(1, Math.ceil(Math.log2(capacity * indexShare)));
    this.#index = new Int32Array(2 ** bits);
    this.#mask = 2 ** bits - 1;
    this.#shift = 32 - bits;
    this.#secret = secret.map((word) => word | 1); // odd multipliers lose no bit
  }

  /** Keys that it holds. */
  get size(): number {
    return this.#size;
  }

  /** The place that the next {@link add} takes from another key when the ring is full: the oldest. */
  get oldest(): number {
    return this.#first;
  }

  /** The place of a key; -1: it is not here. */
  find(key: Uint32Array): number {
    const at = this.#probe(key);
    return (this.#index[at] ?? 0) - 1;
  }

  /** Gives a place to a key that is not here; a full ring forgets its oldest. @returns the place */
  add(key: Uint32Array): number {
    if (this.#size === this.capacity) this.dropOldest();
    const place = (this.#first + this.#size) % this.capacity;
    this.#keys.set(key, place * hashWords);
    this.#index[this.#probe(key)] = place + 1;
    this.#size++;
    return place;
  }

  /** Forgets the oldest key; only while there is one. */
  dropOldest(): void {
    assert(this.#size > 0, "nothing to drop from an empty ring");
    this.#removeFromIndex(this.#probe(this.#keyAt(this.#first)));
    this.#first = (this.#first + 1) % this.capacity;
    this.#size--;
  }

  #keyAt(place: number): Uint32Array {
    return this.#keys.subarray(place * hashWords, (place + 1) * hashWords);
  }

  /** Where a key stands in the index, or where it would. */
  #probe(key: Uint32Array): number {
    const keys = this.#keys;
    for (let at = this.#home(key, 0); ; at = (at + 1) & this.#mask) {
      const place = (this.#index[at] ?? 0) - 1;
      if (place < 0) return at;
      const offset = place * hashWords;
      if (
        keys[offset] === key[0] &&
        keys[offset + 1] === key[1] &&
        keys[offset + 2] === key[2] &&
        keys[offset + 3] === key[3]
      )
        return at;
    }
  }

  /** Where a key would stand if nobody else did. */
  #home(keys: Uint32Array, offset: number): number {
    let sum = 0;
    for (let word = 0; word < hashWords; word++) {
      sum = (sum + Math.imul(keys[offset + word] ?? 0, this.#secret[word] ?? 1)) | 0;
    }
    return (Math.imul(sum ^ (sum >>> 15), 0x2c1b3c6d) >>> this.#shift) & this.#mask;
  }

  /** Closes the gap: whoever was pushed on by the one that leaves moves back (Knuth, TAOCP 3, 6.4 R). */
  #removeFromIndex(removed: number): void {
    let gap = removed;
    for (let at = (gap + 1) & this.#mask; (this.#index[at] ?? 0) !== 0; at = (at + 1) & this.#mask) {
      const place = (this.#index[at] ?? 0) - 1;
      const home = this.#home(this.#keys, place * hashWords);
      const isReachable = ((at - home) & this.#mask) >= ((at - gap) & this.#mask); // its home lies at or before the gap
      if (!isReachable) continue;
      this.#index[gap] = place + 1;
      gap = at;
    }
    this.#index[gap] = 0;
  }
}

function randomWords(): Uint32Array {
  const bytes = randomBytes(hashWords * 4);
  return Uint32Array.from({ length: hashWords }, (_, word) => bytes.readUInt32LE(word * 4));
}

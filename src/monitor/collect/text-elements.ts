/** The length of the element that begins at a position of BYTES data in raw layout; the caller knows that one does. */
function lengthAt(data: Uint8Array, position: number): number {
  const low = (data[position] ?? 0) | ((data[position + 1] ?? 0) << 8) | ((data[position + 2] ?? 0) << 16);
  return low + (data[position + 3] ?? 0) * 2 ** 24;
}

const noData = new Uint8Array();

/** Walks through the elements of BYTES data in raw layout without allocating; going forward costs what is skipped. */
export class TextElements {
  #data: Uint8Array = noData;
  #index = 0;
  /** Where the element of the index begins, its length included. */
  #position = 0;

  /** Where the text of the element last asked for begins and ends. */
  start = 0;
  end = 0;

  /** Turns to other data. */
  open(data: Uint8Array): void {
    this.#data = data;
    this.#index = 0;
    this.#position = 0;
  }

  /** Forgets the data, which belongs to somebody else. */
  close(): void {
    this.#data = noData;
  }

  get data(): Uint8Array {
    return this.#data;
  }

  /** Sets `start` and `end` to an element; false: the data ends before it. */
  seek(index: number): boolean {
    if (index < this.#index) {
      this.#index = 0;
      this.#position = 0;
    }
    const { length } = this.#data;
    while (this.#index < index) {
      if (this.#position + 4 > length) return false;
      this.#position += 4 + lengthAt(this.#data, this.#position);
      this.#index++;
    }
    this.start = this.#position + 4;
    if (this.start > length) return false;
    this.end = this.start + lengthAt(this.#data, this.#position);
    return this.end <= length;
  }
}

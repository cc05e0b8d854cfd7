/** FNV-1a, 32 bits. */
function hashOf(data: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (data[i] ?? 0), 0x01000193);
  return hash >>> 0;
}

/**
 * The places of known texts in a list, found by their UTF-8 bytes: a text out of a tensor is looked up where it lies, without making a string
 * of it.
 */
export class TextIndex {
  readonly #texts: readonly Uint8Array[];
  /** Index plus one by hash, open addressing; 0: free. A power of two at least twice the number of texts. */
  readonly #slots: Int32Array;

  /** @param texts each once */
  constructor(texts: readonly string[]) {
    this.#texts = texts.map((text) => Buffer.from(text, "utf8"));
    let size = 4;
    while (size < 2 * texts.length) size *= 2;
    this.#slots = new Int32Array(size);
    for (const [index, text] of this.#texts.entries()) {
      let slot = hashOf(text, 0, text.length) & (size - 1);
      while (this.#slots[slot] !== 0) slot = (slot + 1) & (size - 1);
      this.#slots[slot] = index + 1;
    }
  }

  /** The index of the text that these bytes are; -1: it is none of them. */
  find(data: Uint8Array, start: number, end: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = hashOf(data, start, end) & mask; ; slot = (slot + 1) & mask) {
      const index = (this.#slots[slot] ?? 0) - 1;
      if (index < 0 || this.#isAt(index, data, start, end)) return index;
    }
  }

  #isAt(index: number, data: Uint8Array, start: number, end: number): boolean {
    const text = this.#texts[index];
    if (text === undefined || text.length !== end - start) return false;
    for (let i = 0; i < text.length; i++) if (text[i] !== data[start + i]) return false;
    return true;
  }
}

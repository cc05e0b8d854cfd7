/** Smaller messages are cheap to allocate. */
const minPooledBytes = 64 * 1024;

/** Capacities are multiples of this, so that messages of nearly the same size share buffers. */
const stepBytes = 64 * 1024;

/**
 * Buffers of large messages, used again: a fresh megabyte costs more than filling it, because the system hands it out page by page and the
 * collector has to find it.
 */
export class MessagePool {
  readonly #maxBytes: number;
  readonly #free: ArrayBuffer[] = [];
  #freeBytes = 0;

  /** @param maxBytes most bytes that are kept while nobody uses them */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** A buffer of exactly so many bytes, with any content. */
  take(bytes: number): Buffer {
    if (bytes < minPooledBytes) return Buffer.allocUnsafe(bytes);
    const capacity = Math.ceil(bytes / stepBytes) * stepBytes;
    const free = this.#free.pop();
    if (free !== undefined) this.#freeBytes -= free.byteLength;
    const isFit = free !== undefined && free.byteLength >= bytes && free.byteLength <= 2 * capacity;
    const memory = isFit ? free : Buffer.allocUnsafeSlow(capacity).buffer;
    return Buffer.from(memory, 0, bytes);
  }

  /** Takes a buffer back that nobody looks at any more. */
  give(buffer: Buffer): void {
    const { buffer: memory } = buffer;
    if (buffer.length < minPooledBytes || !(memory instanceof ArrayBuffer)) return;
    if (this.#freeBytes + memory.byteLength > this.#maxBytes) return;
    this.#free.push(memory);
    this.#freeBytes += memory.byteLength;
  }
}

import type { Call } from "./call.ts";
import type { StreamItem } from "./stream-item.ts";

/** Answers of one stream that are written ahead of its reader: enough for HTTP/2 to be busy, few enough for the event loop to stay free. */
const maxAheadMessages = 64;
/** Bytes of them; one answer is always written. */
const maxAheadBytes = 256 * 1024;

/**
 * The requests of one stream whose models are decoupled. They have no place in the order of the stream: each answer leaves as it is made.
 * Answers that come from a source are made no faster than the reader takes them, those of the earliest source first, so that its
 * memory is free soonest.
 */
export class DecoupledItems {
  readonly #call: Pick<Call<Buffer>, "isOpen">;
  /** Without their last answer. */
  readonly #open = new Set<StreamItem>();
  /** Those of them with a source. */
  readonly #sources: StreamItem[] = [];
  #aheadMessages = 0;
  #aheadBytes = 0;
  #isPulling = false;

  constructor(call: Pick<Call<Buffer>, "isOpen">) {
    this.#call = call;
  }

  get isEmpty(): boolean {
    return this.#open.size === 0;
  }

  [Symbol.iterator](): Iterator<StreamItem> {
    return this.#open.values();
  }

  add(item: StreamItem): void {
    this.#open.add(item);
  }

  /** The item's last answer was given. */
  delete(item: StreamItem): void {
    this.#open.delete(item);
    const place = this.#sources.indexOf(item);
    if (place >= 0) this.#sources.splice(place, 1);
  }

  /** The answers of an item can be taken from now on. */
  addSource(item: StreamItem): void {
    this.#sources.push(item);
    this.pull();
  }

  /** Takes answers while the reader is not too far behind. */
  pull(): void {
    if (this.#isPulling) return;
    this.#isPulling = true;
    for (let item = this.#sources[0]; item !== undefined && this.#hasRoom; item = this.#sources[0]) item.pull();
    this.#isPulling = false;
  }

  /** An answer of a decoupled model was written. */
  onWritten(bytes: number): void {
    this.#aheadMessages++;
    this.#aheadBytes += bytes;
  }

  /** HTTP/2 took an answer. */
  onAccepted(bytes: number): void {
    this.#aheadMessages--;
    this.#aheadBytes -= bytes;
    this.pull();
  }

  /** The stream is over. */
  clear(): void {
    this.#open.clear();
    for (const item of this.#sources.splice(0)) item.dropSource();
  }

  /** Not once the call has its status: nobody would take the answers, and the sources are dropped when it closes. */
  get #hasRoom(): boolean {
    if (!this.#call.isOpen) return false;
    return this.#aheadMessages === 0 || (this.#aheadMessages < maxAheadMessages && this.#aheadBytes < maxAheadBytes);
  }
}

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Messages from this size on have memory of their own; smaller ones share slabs. */
export const bulkMessageBytes = 64 * 1024;

/** What may lie around a message in its memory: the prefix of gRPC, flag and length. */
const prefixBytes = 5;

/**
 * Gives the memory of a large message back at once, when nobody will read it any more: whoever kept a view finds it empty. The collector
 * would find it only in a full collection, since a message that waits for its batch outlives several young ones, and buffers outside the
 * heap are what makes V8 start full collections: a megabyte costs some 250 us to allocate and let go, and a quarter of that when it is given
 * back here. A message that shares its memory with others is left to the collector.
 */
export function releaseMessage(bytes: Buffer): void {
  const { buffer } = bytes;
  if (bytes.length < bulkMessageBytes || buffer.byteLength > bytes.length + prefixBytes) return;
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}

/** Bytes of large messages after which the young generation is collected. */
const collectionBytes = 16 * 1024 * 1024;

/**
 * Has the young generation collected as the bytes of large messages go by. Each MB arrives in slabs of 64 KB that are dead when its message
 * has been put together. They hang on so little heap that V8 does not come to collect it, sees their bytes pile up instead, and starts a
 * full collection every few dozen messages, which costs more than all the rest. A young one takes half a millisecond.
 */
export class YoungCollection {
  readonly #collect: () => void;
  #bytes = 0;

  /** @param collect collects the young generation, at once */
  constructor(collect: () => void = youngCollector()) {
    this.#collect = collect;
  }

  /** A message of {@link bulkMessageBytes} or more came or went. */
  onBulk(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < collectionBytes) return;
    this.#bytes = 0;
    this.#collect();
  }
}

/** V8 gives its `gc` function to contexts that are made while the flag is set. */
function youngCollector(): () => void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as NodeJS.GCFunction | undefined; // what the flag exposes
  setFlagsFromString("--no-expose-gc");
  return () => void collect?.({ type: "minor" });
}

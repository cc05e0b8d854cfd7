import { setFlagsFromString } from "node:v8";

/**
 * How far the heap may grow beyond what was alive after a full collection before the next one begins, percent. V8 leaves a heap of this size, once
 * its young generation has grown, only 8 MB: messages fill that in a tenth of a second, so that it marks the whole heap again and again although
 * nothing has become old (docs/adr/0005).
 */
const heapGrowingPercent = 400;

/**
 * Tells V8 that this process moves many bytes through a small heap. For a process that is a server, or a client of many rows, and nothing
 * else: the setting holds for the whole process, so `startServer` does not make it for the program that calls it.
 */
export function tuneHeapGrowth(): void {
  // Else 64 MB of buffers outside the heap begin a collection by themselves, whatever the limit, and a young generation may hold more of them than that.
  setFlagsFromString("--external-memory-accounted-in-global-limit");
  setFlagsFromString(`--heap-growing-percent=${heapGrowingPercent}`);
}

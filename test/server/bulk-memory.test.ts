import assert from "node:assert/strict";
import { constants, PerformanceObserver } from "node:perf_hooks";
import { test } from "node:test";
import { bulkMessageBytes, releaseMessage, YoungCollection } from "../../src/server/bulk-memory.ts";
import { eventually } from "../support/grpc-harness.ts";

test("the memory of a large message is given back, and views into it are empty", () => {
  const framed = Buffer.alloc(5 + bulkMessageBytes, 1);
  const message = framed.subarray(5); // as grpc-js hands it over
  const view = message.subarray(100, 200);
  releaseMessage(message);
  assert.deepEqual([message.length, view.length, framed.buffer.byteLength], [0, 0, 0]);
});

test("a message that shares its memory, or is small, is left alone", () => {
  const shared = Buffer.alloc(2 * bulkMessageBytes, 1).subarray(0, bulkMessageBytes);
  releaseMessage(shared);
  assert.equal(shared[bulkMessageBytes - 1], 1);
  const small = Buffer.alloc(bulkMessageBytes - 1, 1);
  releaseMessage(small);
  assert.equal(small.length, bulkMessageBytes - 1);
});

test("the young generation is collected once in 16 MB of bulk", () => {
  let collections = 0;
  const young = new YoungCollection(() => collections++);
  for (let i = 0; i < 64; i++) young.onBulk(2 ** 20);
  assert.equal(collections, 4);
});

test("the collector that V8 gives is the young generation's", async () => {
  const forced: (number | undefined)[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { kind, flags } = (entry as { detail?: { kind?: number; flags?: number } }).detail ?? {}; // of a "gc" entry
      if (flags === constants.NODE_PERFORMANCE_GC_FLAGS_FORCED) forced.push(kind);
    }
  });
  observer.observe({ entryTypes: ["gc"] });
  const young = new YoungCollection();
  for (let i = 0; i < 5; i++) young.onBulk(16 * 2 ** 20);
  await eventually(() => forced.length > 0, "a collection");
  observer.disconnect();
  const full = forced.filter((kind) => kind !== constants.NODE_PERFORMANCE_GC_MINOR);
  assert.ok(full.length <= 1, `kinds ${forced.join(", ")}`); // V8 takes the occasion to end a full one that is under way
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { inputBytes } from "../../../src/runtime/batching/request-measure.ts";
import { SlotLimit } from "../../../src/runtime/batching/slot-limit.ts";
import { QueueEntry } from "../../../src/runtime/queue/queue-entry.ts";
import { splitRequest } from "../../../src/runtime/split-request.ts";
import type { Tensor } from "../../../src/tensor.ts";
import { contextOf, RecordingReply, requestOf } from "../../support/runtime-requests.ts";
import { packBytes, someTensor } from "../../support/tensors.ts";

function entryOf(inputs: readonly Tensor[], rows: number): QueueEntry {
  const valid = { inputs, rows, shapeKey: "", outputs: [] };
  return new QueueEntry(requestOf(inputs), contextOf(), new RecordingReply(), valid, Number.POSITIVE_INFINITY);
}

describe("a request beyond a slot", () => {
  it("is cut so that every part fits, or refused", () => {
    const aRequest = fc
      .integer({ min: 1, max: 12 })
      .chain((rows) =>
        fc.tuple(
          someTensor("BYTES", [rows, 2]),
          someTensor("FP32", [rows, 3]),
          fc.integer({ min: 1, max: 400 }),
          fc.integer({ min: 1, max: 8 }),
        ),
      );
    fc.assert(
      fc.property(aRequest, ([strings, floats, slotBytes, maxRows]) => {
        const rows = strings.shape[0] as number;
        const entry = entryOf([strings, floats], rows);
        const limit = new SlotLimit(slotBytes, maxRows);
        try {
          limit.check(entry, entry.byteLength);
        } catch (error) {
          assert.equal((error as { reason?: string }).reason, "too_large");
          assert.ok(entry.byteLength > slotBytes);
          return;
        }
        const size = limit.rowsOf(entry);
        assert.ok(size >= 1 && size <= maxRows);
        for (const part of splitRequest(entry, size, new RecordingReply())) assert.ok(part.byteLength <= slotBytes);
      }),
      { numRuns: 300 },
    );
  });

  it("is one piece where the model does not batch", () => {
    const entry = entryOf([{ name: "x", datatype: "UINT8", shape: [9], data: new Uint8Array(9) }], 1);
    const limit = new SlotLimit(9, 0);
    limit.check(entry, entry.byteLength);
    assert.equal(limit.rowsOf(entry), Number.POSITIVE_INFINITY);
    assert.throws(() => new SlotLimit(8, 0).check(entry, entry.byteLength), {
      reason: "too_large",
      retryAfterMs: -1,
      message: "a request of 9 bytes exceeds the 8 bytes that a batch may carry (--arena-max-bytes)",
    });
  });

  it("counts its rows as they are padded", () => {
    const inputs = [{ name: "x", datatype: "UINT8", shape: [6, 10], data: new Uint8Array(60) } as const];
    const padded = { inputs, rows: 6, byteLength: 180, growth: 3 };
    assert.equal(new SlotLimit(180, 8).rowsOf(padded), 8);
    assert.equal(new SlotLimit(100, 8).rowsOf(padded), 3);
    assert.throws(() => new SlotLimit(29, 8).check(padded, 180), { reason: "too_large", message: /a row of 30 bytes/ });
  });

  it("is refused for one row that fits nowhere, naming it", () => {
    const data = packBytes([Buffer.alloc(2), Buffer.alloc(60), Buffer.alloc(2)]);
    const inputs = [{ name: "x", datatype: "BYTES", shape: [3], data } as const];
    assert.throws(() => new SlotLimit(50, 8).check({ inputs, rows: 3 }, inputBytes(inputs)), {
      reason: "too_large",
      message: /a row of 64 bytes/,
    });
  });

  it("takes no time to measure rows without bytes, however many a shape says", () => {
    const input: Tensor = { name: "x", datatype: "FP32", shape: [2 ** 50, 2, 0], data: new Uint8Array(0) };
    const request = { inputs: [input], rows: 2 ** 50, byteLength: 2 ** 52, growth: 2 ** 52 }; // its mask has bytes
    const limit = new SlotLimit(1000, 4);
    limit.check(request, request.byteLength);
    assert.equal(limit.rowsOf(request), 4);
  });
});

import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { createTensor } from "../../src/client/tensor-values.ts";
import { SlotLimit } from "../../src/runtime/slot-limit.ts";
import type { Tensor } from "../../src/tensor.ts";

function request(...inputs: Tensor[]) {
  const byteLength = inputs.reduce((sum, { data }) => sum + data.length, 0);
  return { inputs, rows: inputs[0]?.shape[0] ?? 0, byteLength };
}

/** Rows of 40 bytes. */
const numbers = (rows: number) => request(createTensor("X", "FP32", [rows, 10], new Float32Array(rows * 10)));

suite("a slot's limit", () => {
  test("what fits goes in parts of the largest batch", () => {
    assert.equal(new SlotLimit(1000, 8).rowsOf(numbers(25)), 8);
  });

  test("what does not fit goes in parts of as many rows as fit", () => {
    const limit = new SlotLimit(100, 8);
    limit.check(numbers(25), numbers(25).byteLength);
    assert.equal(limit.rowsOf(numbers(25)), 2);
    assert.equal(new SlotLimit(40, 8).rowsOf(numbers(25)), 1);
  });

  test("a row beyond the slot is refused with both sizes and the option", () => {
    assert.throws(() => new SlotLimit(39, 8).check(numbers(2), 80), {
      reason: "too_large",
      message: "a row of 40 bytes exceeds the 39 bytes that a batch may carry (--arena-max-bytes)",
      retryAfterMs: -1,
    });
  });

  test("rows of text count with the longest, over all inputs", () => {
    const text = createTensor("T", "BYTES", [3, 1], ["a", "x".repeat(56), "b"]); // 5, 60 and 5 bytes
    const ids = createTensor("I", "INT64", [3, 1], [1, 2, 3]);
    const limit = new SlotLimit(68, 8);
    limit.check(request(text, ids), 94);
    assert.equal(limit.rowsOf(request(text, ids)), 1);
    assert.throws(() => new SlotLimit(67, 8).check(request(text, ids), 94), /a row of 68 bytes/);
  });

  test("a model that does not batch takes a request whole or not at all", () => {
    const limit = new SlotLimit(100, 0);
    assert.equal(limit.rowsOf(numbers(2)), Number.POSITIVE_INFINITY);
    assert.throws(() => limit.check(numbers(3), 120), /a request of 120 bytes exceeds the 100 bytes/);
  });
});

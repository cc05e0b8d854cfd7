import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { jsonElements, shortest, shortText } from "../../src/cli/tensor-text.ts";
import { createTensor } from "../../src/client/tensor-values.ts";

test("a float is written with the digits it needs, and reads back as itself", () => {
  assert.equal(shortest(Math.fround(0.1), "FP32"), 0.1);
  assert.equal(shortest(Math.f16round(0.1), "FP16"), 0.1);
  assert.equal(shortest(0.1 + 0.2, "FP64"), 0.1 + 0.2);
  fc.assert(
    fc.property(fc.float(), (value) => {
      assert.equal(Math.fround(shortest(value, "FP32")), value);
    }),
  );
  fc.assert(
    fc.property(fc.float({ min: -65504, max: 65504 }), (value) => {
      const half = Math.f16round(value);
      assert.equal(Math.f16round(shortest(half, "FP16")), half);
    }),
  );
});

test("elements keep their kind", () => {
  const json = (...args: Parameters<typeof createTensor>) => jsonElements(createTensor(...args));
  assert.deepEqual(json("x", "BOOL", [2], [true, false]), [true, false]);
  assert.deepEqual(json("x", "UINT64", [1], [2n ** 64n - 1n]), [2n ** 64n - 1n]);
  assert.deepEqual(json("x", "BYTES", [2], ["ü", Uint8Array.of(255)]), ["ü", { b64: "/w==" }]);
  assert.deepEqual([1234567.891, 0.30000001, 5, "t"].map(shortText), ["1234570", "0.3", "5", "t"]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { createTensor, readStrings, readTensor, type TensorElement } from "../../src/client/tensor-values.ts";
import type { Datatype } from "../../src/tensor.ts";

test("values of every datatype come back as they were given", () => {
  const cases: readonly (readonly [Datatype, ArrayLike<TensorElement>, ArrayLike<unknown>])[] = [
    ["BOOL", [true, 0, 1], [true, false, true]],
    ["INT8", [-128, 127, 0n], Int8Array.of(-128, 127, 0)],
    ["INT16", [-32768, 32767, 0], Int16Array.of(-32768, 32767, 0)],
    ["INT32", [-(2 ** 31), 2 ** 31 - 1, 0], Int32Array.of(-(2 ** 31), 2 ** 31 - 1, 0)],
    ["INT64", [-(2n ** 63n), 2n ** 63n - 1n, 5], BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n, 5n)],
    ["UINT8", [0, 255, 1], Uint8Array.of(0, 255, 1)],
    ["UINT16", [0, 65535, 1], Uint16Array.of(0, 65535, 1)],
    ["UINT32", [0, 2 ** 32 - 1, 1], Uint32Array.of(0, 2 ** 32 - 1, 1)],
    ["UINT64", [0, 2n ** 64n - 1n, 1], BigUint64Array.of(0n, 2n ** 64n - 1n, 1n)],
    ["FP16", [0.5, -2, Infinity], Float16Array.of(0.5, -2, Infinity)],
    ["FP32", [0.5, -2, NaN], Float32Array.of(0.5, -2, NaN)],
    ["FP64", Float64Array.of(0.1, -2, 1e300), Float64Array.of(0.1, -2, 1e300)],
    ["BYTES", ["ü", "", Uint8Array.of(0, 255)], [Uint8Array.of(195, 188), new Uint8Array(), Uint8Array.of(0, 255)]],
  ];
  for (const [datatype, given, expected] of cases) {
    assert.deepEqual(readTensor(createTensor("x", datatype, [3], given)), expected, datatype);
  }
});

test("data that lie unaligned in a message are read, and a typed array is taken without a copy", () => {
  const values = Float64Array.of(1, 2);
  const tensor = createTensor("x", "FP64", [2], values);
  assert.equal(tensor.data.buffer, values.buffer);
  const message = Buffer.concat([Buffer.of(0), tensor.data]).subarray(1);
  assert.deepEqual(readTensor({ ...tensor, data: message }), values);
});

test("values that do not fit are refused with the element and what is allowed", () => {
  const cases: readonly (readonly [Datatype, TensorElement, RegExp])[] = [
    ["INT8", 128, /element 0 of tensor 'x' is 128, but INT8 takes an integer from -128 to 127/],
    ["UINT8", -1, /UINT8 takes an integer from 0 to 255/],
    ["INT32", 1.5, /is 1.5, but INT32/],
    ["INT64", 2 ** 53, /INT64/],
    ["UINT64", 2n ** 64n, /UINT64/],
    ["FP32", "1", /is "1", but FP32 takes a number/],
    ["BOOL", 2, /BOOL takes true or false/],
    ["BYTES", 5, /BYTES takes text or bytes/],
  ];
  for (const [datatype, value, message] of cases) {
    assert.throws(() => createTensor("x", datatype, [1], [value]), { reason: "invalid", message });
  }
  assert.throws(() => createTensor("x", "FP32", [2, 2], [1, 2, 3]), /of shape \[2,2\] takes 4 values, got 3/);
});

test("data that do not fit their shape are refused when read", () => {
  const tensor = createTensor("x", "BYTES", [2], ["ab", "c"]);
  assert.deepEqual(readStrings(tensor), ["ab", "c"]);
  assert.throws(() => readTensor({ ...tensor, shape: [3] }), /takes 3 elements, its data hold 2/);
  assert.throws(() => readTensor({ ...tensor, data: tensor.data.subarray(0, 9) }), /hold 1 and 3 bytes more/);
  assert.throws(() => readTensor({ ...tensor, datatype: "FP32" }), /takes 8 bytes, got 11/);
  assert.throws(() => readStrings(createTensor("x", "FP32", [1], [1])), /is FP32, expected BYTES/);
});

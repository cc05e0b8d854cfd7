import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { decodeElements } from "../../src/protocol/bytes-elements.ts";
import { classify, formatFloat } from "../../src/protocol/classification.ts";
import type { Datatype, Tensor } from "../../src/tensor.ts";

const tensor = (datatype: Datatype, shape: number[], values: ArrayBufferView): Tensor => ({
  name: "y",
  datatype,
  shape,
  data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
});

describe("classify", () => {
  test("ranks each row of a batch", () => {
    const output = tensor("FP32", [2, 3], Float32Array.of(0.1, 0.7, 0.2, 5, -1, 6));
    const classes = classify(output, { count: 2, hasBatchDimension: true, labels: ["cat", "dog"] });
    assert.equal(classes.datatype, "BYTES");
    assert.equal(classes.name, "y");
    assert.deepEqual(classes.shape, [2, 2]);
    assert.deepEqual(decodeElements(classes.data), ["0.700000:1:dog", "0.200000:2", "6.000000:2", "5.000000:0:cat"]);
  });

  test("takes the whole tensor as one row without a batch dimension, and at most its elements", () => {
    const classes = classify(tensor("INT32", [2, 2], Int32Array.of(4, -3, 9, 9)), {
      count: 10,
      hasBatchDimension: false,
    });
    assert.deepEqual(classes.shape, [4]);
    assert.deepEqual(decodeElements(classes.data), ["9:2", "9:3", "4:0", "-3:1"]);
  });

  test("prints every integer plainly and reads unaligned data", () => {
    const wide = new Uint8Array(17);
    new DataView(wide.buffer).setBigUint64(1, 2n ** 64n - 1n, true);
    const output: Tensor = { name: "y", datatype: "UINT64", shape: [2], data: wide.subarray(1) };
    const classes = classify(output, { count: 1, hasBatchDimension: false });
    assert.deepEqual(decodeElements(classes.data), ["18446744073709551615:0"]);
  });

  test("puts NaN last and gives no rows for none", () => {
    const output = tensor("FP64", [3], Float64Array.of(Number.NaN, 1, Number.POSITIVE_INFINITY));
    assert.deepEqual(decodeElements(classify(output, { count: 3, hasBatchDimension: false }).data), [
      "inf:2",
      "1.000000:1",
      "nan:0",
    ]);
    const none = classify(tensor("FP32", [0, 3], new Float32Array(0)), { count: 2, hasBatchDimension: true });
    assert.deepEqual([none.shape, none.data.length], [[0, 2], 0]);
  });

  test("orders as a stable sort does, for few and for many classes", () => {
    const values = fc.array(fc.integer({ min: -20, max: 20 }), { minLength: 1, maxLength: 80 });
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 90 }), (row, count) => {
        const expected = row
          .map((value, index) => ({ value, index }))
          .sort((a, b) => b.value - a.value || a.index - b.index);
        const classes = classify(tensor("INT8", [row.length], Int8Array.from(row)), {
          count,
          hasBatchDimension: false,
        });
        assert.deepEqual(
          decodeElements(classes.data),
          expected.slice(0, count).map(({ value, index }) => `${value}:${index}`),
        );
      }),
    );
  });

  for (const datatype of ["BOOL", "FP16", "BYTES"] as const) {
    test(`has no ranking for ${datatype}`, () => {
      const output: Tensor = { name: "y", datatype, shape: [1], data: new Uint8Array(4) };
      assert.throws(() => classify(output, { count: 1, hasBatchDimension: false }), {
        reason: "invalid",
        message: `class result not available for output due to unsupported type '${datatype}'`,
      });
    });
  }

  test("refuses a row that is too large to rank", () => {
    const output: Tensor = { name: "y", datatype: "UINT8", shape: [1_000_001], data: new Uint8Array(1_000_001) };
    assert.throws(() => classify(output, { count: 1, hasBatchDimension: false }), {
      reason: "invalid",
      message: "classification output tensor too large",
    });
  });
});

describe("formatFloat", () => {
  // From printf "%f" of the GNU C library.
  const cases: [number, string][] = [
    [0, "0.000000"],
    [-0, "-0.000000"],
    [0.1, "0.100000"],
    [Math.fround(0.1), "0.100000"],
    [1 / 128, "0.007812"],
    [3 / 128, "0.023438"],
    [-5 / 128, "-0.039062"],
    [1e21, "1000000000000000000000.000000"],
    [-1e22, "-10000000000000000000000.000000"],
    [123456789.125, "123456789.125000"],
    [-1e-9, "-0.000000"],
    [Number.NEGATIVE_INFINITY, "-inf"],
    [Number.NaN, "nan"],
  ];
  for (const [value, expected] of cases) {
    test(`${expected}`, () => assert.equal(formatFloat(value), expected));
  }
});

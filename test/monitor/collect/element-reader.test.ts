import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { elementReader } from "../../../src/monitor/collect/element-reader.ts";
import { type Datatype, itemBytes } from "../../../src/tensor.ts";
import { tensorOf } from "../../support/monitor-tensors.ts";

const examples: Readonly<Partial<Record<Datatype, readonly (number | bigint)[]>>> = {
  BOOL: [0, 1],
  UINT8: [0, 1, 255],
  INT8: [-128, -1, 0, 127],
  UINT16: [0, 65535],
  INT16: [-32768, -1, 32767],
  UINT32: [0, 2 ** 32 - 1],
  INT32: [-(2 ** 31), -1, 2 ** 31 - 1],
  UINT64: [0n, 2n ** 53n, 2n ** 63n],
  INT64: [-(2n ** 63n), -1n, 0n, 5n, 2n ** 53n],
  FP16: [0, -1.5, 65504, Number.POSITIVE_INFINITY, Number.NaN],
  FP32: [0, -0.5, Math.fround(1.1), Number.NEGATIVE_INFINITY, Number.NaN],
  FP64: [0, -1.1, Number.MAX_VALUE, Number.NaN],
};

for (const [datatype, values] of Object.entries(examples) as [Datatype, readonly (number | bigint)[]][]) {
  test(`elements of ${datatype} are read wherever they lie`, () => {
    const { data } = tensorOf("x", datatype, [values.length], values);
    const read = elementReader(datatype);
    const found = values.map((_, index) => read?.(data, index * itemBytes(datatype)));
    assert.deepEqual(found, values.map(Number));
  });
}

test("any double and any 64-bit integer comes back", () => {
  fc.assert(
    fc.property(fc.double(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (double, integer) => {
      assert.equal(elementReader("FP64")?.(tensorOf("x", "FP64", [1], [double]).data, 0), double);
      const found = elementReader("INT64")?.(tensorOf("x", "INT64", [1], [integer]).data, 0) ?? Number.NaN;
      assert.ok(Math.abs(found - Number(integer)) <= Math.abs(Number(integer)) * 2 ** -52);
    }),
  );
});

test("texts are no numbers", () => assert.equal(elementReader("BYTES"), undefined));

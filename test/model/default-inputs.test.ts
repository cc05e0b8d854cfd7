import assert from "node:assert/strict";
import { test } from "node:test";
import { takeOutDefaults } from "../../src/model/default-inputs.ts";
import { buildModel, long, node, tensor, value } from "./build-model.ts";

const withDefault = (more: object = {}, elemType = 1) =>
  buildModel({
    node: [node("Add", ["A", "B"], ["Y"])],
    input: [value("A", elemType, [2]), value("B", elemType, [2])],
    initializer: [tensor("B", [2], more), tensor("C", [1])],
  });

test("a listed input with an initializer becomes a plain input with a default", () => {
  const model = withDefault();
  const [found, ...others] = takeOutDefaults(model, ["A", "B"]);
  assert.deepEqual(others, []);
  assert.deepEqual(found, {
    name: "B",
    datatype: "FP32",
    shape: [2],
    data: Buffer.from(new Float32Array([1, 1]).buffer),
  });
  assert.deepEqual(
    model.graph?.initializer.map(({ name }) => name),
    ["C"],
    "the initializer is gone, others stay",
  );
});

test("an input that is not listed keeps its initializer", () => {
  const model = withDefault();
  assert.deepEqual(takeOutDefaults(model, ["A"]), []);
  assert.deepEqual(
    model.graph?.initializer.map(({ name }) => name),
    ["B", "C"],
  );
});

for (const [what, type, field, bytes] of [
  ["FP32", 1, { float_data: [1, -2] }, Buffer.from(new Float32Array([1, -2]).buffer)],
  ["FP64", 11, { double_data: [1, -2] }, Buffer.from(new Float64Array([1, -2]).buffer)],
  ["INT64", 7, { int64_data: [long(1), long(-2)] }, Buffer.from(new BigInt64Array([1n, -2n]).buffer)],
  ["INT8", 3, { int32_data: [1, -2] }, Buffer.from([1, 254])],
  ["UINT32", 12, { uint64_data: [long(1), long(2)] }, Buffer.from(new Uint32Array([1, 2]).buffer)],
  ["BOOL", 9, { int32_data: [0, 1] }, Buffer.from([0, 1])],
  ["BYTES", 8, { string_data: [Buffer.from("a"), Buffer.from("")] }, Buffer.from([1, 0, 0, 0, 97, 0, 0, 0, 0])],
] as const) {
  test(`a default in typed fields: ${what}`, () => {
    const model = buildModel({
      input: [value("X"), value("B", type, [2])],
      initializer: [{ name: "B", dims: [2], data_type: type, ...field }],
    });
    const [found] = takeOutDefaults(model, ["X", "B"]);
    assert.equal(found?.datatype, what);
    assert.deepEqual(Buffer.from(found?.data ?? []), bytes);
  });
}

test("a default of a datatype that is not served is refused", () => {
  const model = buildModel({
    input: [value("X"), value("B", 16, [1])],
    initializer: [{ name: "B", dims: [1], data_type: 16, int32_data: [1] }],
  });
  assert.throws(() => takeOutDefaults(model, ["B"]), { reason: "refused", message: /default of input 'B'/ });
});

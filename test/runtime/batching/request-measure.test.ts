import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createTensor } from "../../../src/client/tensor-values.ts";
import type { Signature, TensorSpec } from "../../../src/inference.ts";
import { createMeasurer, noMeasure } from "../../../src/runtime/batching/request-measure.ts";

const signatureOf = (...inputs: readonly TensorSpec[]): Signature => ({ inputs, outputs: [], maxBatchSize: 8 });
const fixed: TensorSpec = { name: "x", datatype: "FP32", dims: [3] };
const varied: TensorSpec = { name: "ids", datatype: "INT64", dims: [-1] };
const tokens: TensorSpec = { name: "tokens", datatype: "INT32", dims: [1] };
const text: TensorSpec = { name: "text", datatype: "BYTES", dims: [1] };

describe("createMeasurer", () => {
  it("measures nothing for a model of one shape without limits", () => {
    assert.equal(createMeasurer(signatureOf(fixed, text), {}), undefined);
  });

  it("puts requests of different shapes in buckets by the bytes of a row", () => {
    const measurer = createMeasurer(signatureOf(varied), {});
    const bucketOf = (shape: readonly [number, number]) =>
      measurer?.measure([createTensor("ids", "INT64", shape, new BigInt64Array(shape[0] * shape[1]))], shape[0])
        .shapeBucket;
    assert.deepEqual([bucketOf([1, 16]), bucketOf([4, 16]), bucketOf([1, 17])], [7, 7, 8]);
    assert.equal(measurer?.bucketName(7), "128 bytes");
  });

  it("counts the elements of all inputs where they are limited", () => {
    const measurer = createMeasurer(signatureOf(fixed, tokens), { maxBatchElements: 100 });
    const inputs = [
      createTensor("x", "FP32", [2, 3], new Float32Array(6)),
      createTensor("tokens", "INT32", [2, 1], Int32Array.of(5, 6)),
    ];
    assert.deepEqual(measurer?.measure(inputs, 2), { ...noMeasure, elements: 8 });
    assert.equal(measurer?.bucketName(0), "all");
  });

  it("adds up what the cost input says, wherever its bytes lie", () => {
    const measurer = createMeasurer(signatureOf(fixed, tokens), { costInput: "tokens" });
    const aligned = createTensor("tokens", "INT32", [2, 1], Int32Array.of(5, 6));
    const data = Buffer.concat([Buffer.of(0), aligned.data]).subarray(1);
    assert.equal(measurer?.measure([undefined, { ...aligned, data }], 2).cost, 11);
  });

  it("refuses what is no cost, naming input and value", () => {
    const measurer = createMeasurer(signatureOf(tokens), { costInput: "tokens" });
    const inputs = [createTensor("tokens", "INT32", [2, 1], Int32Array.of(5, -6))];
    assert.throws(() => measurer?.measure(inputs, 2), {
      reason: "invalid",
      message: "input 'tokens' is the cost of each row: -6 at 1, expected 0 or more",
    });
    const wide = createMeasurer(signatureOf({ ...tokens, datatype: "FP64" }), { costInput: "tokens" });
    const nan = [createTensor("tokens", "FP64", [1, 1], Float64Array.of(Number.NaN))];
    assert.throws(() => wide?.measure(nan, 1), { reason: "invalid" });
  });

  it("refuses a cost input that is not there or holds no numbers, naming those that could be meant", () => {
    for (const costInput of ["token", "text"]) {
      assert.throws(() => createMeasurer(signatureOf(fixed, tokens, text), { costInput }), {
        reason: "refused",
        message: `parameter 'sluice_cost_input' is "${costInput}", expected an input of whole or floating point numbers: 'x', 'tokens'`,
      });
    }
  });
});

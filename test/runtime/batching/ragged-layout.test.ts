import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createTensor, readTensor } from "../../../src/client/tensor-values.ts";
import type { Signature } from "../../../src/inference.ts";
import { type BatchInputKind, batchInputKinds } from "../../../src/model/ragged-plan.ts";
import type { InputContent, LaidOutEntry } from "../../../src/runtime/batching/batch-layout.ts";
import { RaggedLayout } from "../../../src/runtime/batching/ragged-layout.ts";
import { noMeasure } from "../../../src/runtime/batching/request-measure.ts";
import type { Datatype, Tensor } from "../../../src/tensor.ts";

function layoutOf(kind: BatchInputKind, datatype: Datatype = "INT32"): RaggedLayout {
  const signature: Signature = {
    inputs: [{ name: "x", datatype: "FP32", dims: [-1] }],
    outputs: [{ name: "y", datatype: "FP32", dims: [-1] }],
    filled: [{ name: "told", datatype, dims: [] }],
    maxBatchSize: 8,
  };
  return new RaggedLayout(signature, { isRagged: [true], batchInputs: [{ kind, source: 0 }], scatterSources: [0] });
}

const entryOf = (input: Tensor): LaidOutEntry => ({ inputs: [input], rows: input.shape[0] ?? 1, measure: noMeasure });
const zeros = (shape: readonly number[]): LaidOutEntry =>
  entryOf(createTensor("x", "FP32", shape, new Float32Array(shape.reduce((a, b) => a * b, 1))));

function told({ shape, buffers }: InputContent | undefined = { shape: [], buffers: [] }, datatype: Datatype = "INT32") {
  const data = Buffer.concat(buffers);
  const values = data.length === 0 ? [] : readTensor({ name: "told", datatype, shape, data });
  return { shape: [...shape], values: [...(values as ArrayLike<number> as number[])] };
}

describe("a ragged batch", () => {
  const entries = [zeros([1, 3]), zeros([1, 4]), zeros([1, 5])];

  it("is one row of all elements", () => {
    const content = layoutOf("BATCH_ELEMENT_COUNT").gather(0, entries);
    assert.deepEqual([content?.shape, content?.buffers.length], [[12], 3]);
  });

  // The examples of Triton's user guide for shapes [1,3], [1,4] and [1,5].
  const expected: Record<BatchInputKind, ReturnType<typeof told>> = {
    BATCH_ELEMENT_COUNT: { shape: [3], values: [3, 4, 5] },
    BATCH_ACCUMULATED_ELEMENT_COUNT: { shape: [3], values: [3, 7, 12] },
    BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO: { shape: [4], values: [0, 3, 7, 12] },
    BATCH_MAX_ELEMENT_COUNT_AS_SHAPE: { shape: [5], values: [] },
    BATCH_ITEM_SHAPE: { shape: [3, 1], values: [3, 4, 5] },
    BATCH_ITEM_SHAPE_FLATTEN: { shape: [3], values: [3, 4, 5] },
  };
  for (const kind of batchInputKinds) {
    it(`is told apart by ${kind}, in either datatype`, () => {
      for (const datatype of ["INT32", "FP32"] as const) {
        assert.deepEqual(told(layoutOf(kind, datatype).fill(entries)[0], datatype), expected[kind]);
      }
    });
  }

  it("repeats the shape of an item for each row of a request, and counts elements by request", () => {
    const several = [zeros([2, 3, 2]), zeros([1, 1, 4])];
    const fill = (kind: BatchInputKind) => told(layoutOf(kind).fill(several)[0]);
    assert.deepEqual(fill("BATCH_ITEM_SHAPE"), { shape: [3, 2], values: [3, 2, 3, 2, 1, 4] });
    assert.deepEqual(fill("BATCH_ITEM_SHAPE_FLATTEN"), { shape: [6], values: [3, 2, 3, 2, 1, 4] });
    assert.deepEqual(fill("BATCH_ELEMENT_COUNT"), { shape: [2], values: [12, 4] });
  });

  it("has as many requests as max_batch_size says", () => {
    const many = new Array<LaidOutEntry>(200_000).fill(zeros([1, 2]));
    assert.deepEqual(layoutOf("BATCH_MAX_ELEMENT_COUNT_AS_SHAPE").fill(many)[0]?.shape, [2]);
  });

  it("scatter(flatten(xs)) = xs", () => {
    const lengths = fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 6 })), {
      minLength: 1,
    });
    fc.assert(
      fc.property(lengths, (shapes) => {
        let next = 0;
        const tensors = shapes.map((shape) =>
          createTensor(
            "x",
            "FP32",
            shape,
            Float32Array.from({ length: shape[0] * shape[1] }, () => next++),
          ),
        );
        const layout = layoutOf("BATCH_ELEMENT_COUNT");
        const all = tensors.map(entryOf);
        const { shape = [], buffers = [] } = layout.gather(0, all) ?? {};
        const bytes = Buffer.concat(buffers);
        const output = { index: 0, datatype: "FP32" as const, shape, offset: 0, length: bytes.length };
        const read = (offset: number, length: number) => bytes.subarray(offset, offset + length);
        const answers = layout.scatter(0, output, read, all);
        assert.deepEqual(
          answers?.map((answer) => [[...answer.shape], [...Buffer.from(answer.data)]]),
          tensors.map((tensor) => [[...tensor.shape], [...Buffer.from(tensor.data)]]),
        );
      }),
    );
  });

  it("fails when the output is shorter than the inputs' shapes say", () => {
    const output = { index: 0, datatype: "FP32" as const, shape: [11], offset: 0, length: 44 };
    assert.throws(() => layoutOf("BATCH_ELEMENT_COUNT").scatter(0, output, () => Buffer.alloc(0), entries), {
      reason: "runtime",
      message: "output 'y' has 44 bytes, but its shapes after input 'x' take 48",
    });
  });
});

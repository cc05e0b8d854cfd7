import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import fc from "fast-check";
import { createTensor, readTensor } from "../../../src/client/tensor-values.ts";
import type { Signature } from "../../../src/inference.ts";
import type { LengthPlan } from "../../../src/model/length-plan.ts";
import { splitBatch, writeBatch } from "../../../src/runtime/batching/batch.ts";
import { PaddedLayout } from "../../../src/runtime/batching/padded-layout.ts";
import { createMeasurer } from "../../../src/runtime/batching/request-measure.ts";
import { Arena } from "../../../src/runtime/process/arena.ts";
import type { RunInput } from "../../../src/runtime/process/frames.ts";
import { QueueEntry } from "../../../src/runtime/queue/queue-entry.ts";
import { type Datatype, datatypes, type Tensor } from "../../../src/tensor.ts";
import { echo } from "../../support/fake-process.ts";
import { contextOf, RecordingReply, requestOf } from "../../support/runtime-requests.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { someTensor } from "../../support/tensors.ts";

const buckets = [2, 4, 8];

/** One input and one output of this type and rank, with their length along `axis`. */
function subject(datatype: Datatype, rank: number, axis: number, partial: Partial<LengthPlan> = {}) {
  const dims = new Array<number>(rank).fill(3).with(axis, -1);
  const signature: Signature = {
    inputs: [{ name: "x0", datatype, dims }],
    outputs: [{ name: "y0", datatype, dims }],
    filled: [
      { name: "mask", datatype: "FP32", dims: [-1] },
      { name: "lengths", datatype: "INT32", dims: [1] },
    ],
    maxBatchSize: 64,
  };
  const plan: LengthPlan = {
    buckets,
    inputAxes: [axis],
    outputAxes: [axis],
    padValues: [0],
    fillings: ["mask", "length"],
    ...partial,
  };
  const measurer = createMeasurer(signature, {}, plan);
  const entryOf = (tensor: Tensor): QueueEntry => {
    const rows = tensor.shape[0] ?? 0;
    const measure = measurer?.measure([tensor], rows);
    assert.ok(measure !== undefined);
    const valid = { inputs: [tensor], rows, shapeKey: "", outputs: [], measure };
    return new QueueEntry(requestOf([tensor]), contextOf(), new RecordingReply(), valid, Number.POSITIVE_INFINITY);
  };
  return { signature, layout: new PaddedLayout(signature, plan), entryOf };
}

function openArena(test: TestContext): Arena {
  const arena = Arena.create(temporaryFolder(test), 1 << 20, 1);
  test.after(() => arena.close());
  return arena;
}

/** What a run reads of an input, missing rows as zeros. */
function contentOf(arena: Arena, input: RunInput | undefined, datatype: Datatype): number[] {
  assert.ok(input !== undefined);
  const bytes = Buffer.concat(input.segments.map((segment) => arena.read(segment.offset, segment.length)));
  const whole = createTensor(
    "x",
    datatype,
    input.shape,
    new Array<number>(input.shape.reduce((a, b) => a * b, 1)).fill(0),
  );
  const data = Buffer.from(whole.data);
  data.set(bytes);
  return [...(readTensor({ ...whole, data }) as ArrayLike<number> as number[])].map(Number);
}

describe("a batch of different lengths", () => {
  it("cut(pad(xs)) = xs for every datatype and axis, at every mix of lengths, rows and filled-up rows", (test) => {
    const arena = openArena(test);
    const batch = fc
      .record({
        datatype: fc.constantFrom(...datatypes.filter((datatype) => datatype !== "BYTES")),
        rank: fc.integer({ min: 1, max: 3 }),
        axisDice: fc.nat({ max: 2 }),
        padding: fc.integer({ min: 0, max: 3 }),
        sizes: fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 1, max: 8 })), {
          minLength: 1,
          maxLength: 5,
        }),
      })
      .chain(({ datatype, rank, axisDice, padding, sizes }) => {
        const axis = axisDice % rank;
        const dims = (length: number) => new Array<number>(rank).fill(3).with(axis, length);
        return fc.record({
          datatype: fc.constant(datatype),
          rank: fc.constant(rank),
          axis: fc.constant(axis),
          padding: fc.constant(padding),
          tensors: fc.tuple(...sizes.map(([rows, length]) => someTensor(datatype, [rows, ...dims(length)], "x0"))),
        });
      });
    fc.assert(
      fc.property(batch, ({ datatype, rank, axis, padding, tensors }) => {
        const { signature, layout, entryOf } = subject(datatype, rank, axis);
        const entries = tensors.map(entryOf);
        const rows = entries.reduce((sum, entry) => sum + entry.rows, padding);
        const run = writeBatch(arena, 0, 5, entries, signature, rows, layout);
        const read = (offset: number, length: number) => arena.read(offset, length);
        const ran = echo(arena, run, signature);
        const answers = splitBatch(ran, read, entries, signature, rows, (index, output) =>
          layout.scatter(index, output, read, entries, rows),
        );
        const longest = Math.max(...tensors.map(({ shape }) => shape[axis + 1] ?? 0));
        assert.equal(
          run.inputs[0]?.shape[axis + 1],
          buckets.find((bucket) => bucket >= longest),
        );
        for (const [i, [answer]] of answers.entries()) {
          assert.deepEqual([...answer!.shape], [...tensors[i]!.shape]);
          assert.deepEqual(new Uint8Array(answer!.data), new Uint8Array(tensors[i]!.data));
        }
      }),
      { numRuns: 300 },
    );
  });

  it("is padded with the value, and told where its rows end", (test) => {
    const arena = openArena(test);
    const { signature, layout, entryOf } = subject("INT64", 1, 0, { padValues: [-7] });
    const entries = [
      entryOf(createTensor("x0", "INT64", [1, 3], [1, 2, 3])),
      entryOf(createTensor("x0", "INT64", [2, 1], [4, 5])),
    ];
    const run = writeBatch(arena, 0, 5, entries, signature, 4, layout);
    const [x, mask, lengths] = run.inputs;
    assert.deepEqual(x?.shape, [4, 4]);
    const rows = [1, 2, 3, -7, 4, -7, -7, -7, 5, -7, -7, -7, 0, 0, 0, 0]; // the fourth row fills a batch bucket
    assert.deepEqual(contentOf(arena, x, "INT64"), rows);
    assert.deepEqual([mask?.index, mask?.shape], [1, [4, 4]]);
    assert.deepEqual(contentOf(arena, mask, "FP32"), [1, 1, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    assert.deepEqual([lengths?.index, lengths?.shape], [2, [4, 1]]);
    assert.deepEqual(contentOf(arena, lengths, "INT32"), [3, 1, 1, 0]);
  });

  it("tells what of it is padding, rows that fill a bucket included", () => {
    const { layout, entryOf } = subject("INT64", 1, 0);
    const entries = [
      entryOf(createTensor("x0", "INT64", [1, 3], [1, 2, 3])),
      entryOf(createTensor("x0", "INT64", [2, 1], [4, 5])),
    ];
    assert.deepEqual(layout.padding(entries, 3), { elements: 5, paddedElements: 7 });
    assert.deepEqual(layout.padding(entries, 4), { elements: 5, paddedElements: 11 });
  });

  it("is measured as it is written: rows and bytes at the length of the longest", (test) => {
    const arena = openArena(test);
    const { signature, layout, entryOf } = subject("INT64", 2, 1);
    const entries = [
      entryOf(createTensor("x0", "INT64", [1, 3, 3], new BigInt64Array(9))),
      entryOf(createTensor("x0", "INT64", [2, 3, 8], new BigInt64Array(48))),
    ];
    const run = writeBatch(arena, 0, 5, entries, signature, 3, layout);
    const written = run.inputs.flatMap(({ segments }) => segments).reduce((sum, { length }) => sum + length, 0);
    const measured = entries.reduce((sum, { measure }) => sum + measure.fixedBytes + 8 * measure.bytesPerLength, 0);
    assert.equal(measured, written);
  });

  it("takes no time for pieces without bytes, however many a shape says", () => {
    const signature: Signature = {
      inputs: [{ name: "x0", datatype: "FP32", dims: [-1, -1, -1] }],
      outputs: [{ name: "y0", datatype: "FP32", dims: [-1, -1, -1] }],
      maxBatchSize: 4,
    };
    const plan: LengthPlan = { buckets, inputAxes: [1], outputAxes: [1], padValues: [0], fillings: [] };
    const input: Tensor = { name: "x0", datatype: "FP32", shape: [1, 2 ** 50, 3, 0], data: new Uint8Array(0) };
    const measure = createMeasurer(signature, {}, plan)?.measure([input], 1);
    assert.ok(measure !== undefined);
    const layout = new PaddedLayout(signature, plan);
    const entries = [{ inputs: [input], rows: 1, measure }];
    assert.deepEqual(layout.gather(0, entries, 1)?.shape, [1, 2 ** 50, 4, 0]);
    const output = { index: 0, datatype: "FP32" as const, shape: [1, 2 ** 50, 4, 0], offset: 0, length: 0 };
    const [answer] = layout.scatter(0, output, () => Buffer.alloc(0), entries, 1) ?? [];
    assert.deepEqual(answer?.shape, [1, 2 ** 50, 3, 0]);
  });

  it("has as many rows as max_batch_size says", () => {
    const { signature, layout, entryOf } = subject("INT8", 1, 0);
    const rows = 200_000;
    const entries = [entryOf({ name: "x0", datatype: "INT8", shape: [rows, 1], data: new Uint8Array(rows) })];
    assert.deepEqual(layout.fill(entries, rows)[0]?.shape, [rows, 2]);
    assert.equal(signature.filled?.[0]?.name, "mask");
  });

  it("believes no shape that an answer's bytes do not bear out", () => {
    const { layout, entryOf } = subject("FP32", 2, 0);
    const entries = [entryOf({ name: "x0", datatype: "FP32", shape: [1, 1, 3], data: new Uint8Array(12) })];
    const output = { index: 0, datatype: "FP32" as const, shape: [1, 2, 1e9], offset: 0, length: 24 };
    const read = () => assert.fail("read beyond the output");
    assert.throws(() => layout.scatter(0, output, read, entries, 1), { reason: "internal" });
  });

  it("fails when an output has another length than its batch, and says where to say so", () => {
    const { layout, entryOf } = subject("FP32", 1, 0);
    const entries = [entryOf(createTensor("x0", "FP32", [1, 3], [1, 2, 3]))];
    const output = { index: 0, datatype: "FP32" as const, shape: [1, 5], offset: 0, length: 20 };
    assert.throws(() => layout.scatter(0, output, () => Buffer.alloc(20), entries, 1), {
      reason: "runtime",
      message: /output 'y0' has shape \[1,5\] for 1 rows padded to length 4, .*sluice_cut_axes/,
    });
  });
});

describe("the length of a request", () => {
  const { signature } = subject("FP32", 1, 0);
  const two: Signature = { ...signature, inputs: [...signature.inputs, { name: "x1", datatype: "FP32", dims: [-1] }] };
  const plan: LengthPlan = { buckets, inputAxes: [0, 0], outputAxes: [0], padValues: [0, 0], fillings: [] };
  const measure = (...lengths: readonly number[]) =>
    createMeasurer(two, {}, plan)?.measure(
      lengths.map((length, i) => createTensor(`x${i}`, "FP32", [1, length], new Float32Array(length))),
      1,
    );

  it("is that of all its padded inputs, and its bucket the smallest that holds it", () => {
    const { length, paddedLength, shapeBucket } = measure(3, 3) ?? {};
    assert.deepEqual([length, paddedLength, shapeBucket], [3, 4, 1]);
    assert.equal(createMeasurer(two, {}, plan)?.bucketName(1), "length 4");
  });

  it("is refused where inputs differ, and outside the buckets", () => {
    assert.throws(() => measure(3, 4), { reason: "invalid", message: /'x1' has length 4 .* other inputs .* have 3/ });
    assert.throws(() => measure(9, 9), {
      reason: "invalid",
      message: /'x0' has length 9 along axis 0, expected 1 to 8/,
    });
    assert.throws(() => measure(0, 0), { reason: "invalid" });
  });
});

import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import fc from "fast-check";
import type { Signature, TensorSpec } from "../../../src/inference.ts";
import { bucketOf, splitBatch, writeBatch } from "../../../src/runtime/batching/batch.ts";
import { Arena } from "../../../src/runtime/process/arena.ts";
import type { RanOutput } from "../../../src/runtime/process/frames.ts";
import { QueueEntry } from "../../../src/runtime/queue/queue-entry.ts";
import { type Datatype, datatypes, type Tensor } from "../../../src/tensor.ts";
import { echo } from "../../support/fake-process.ts";
import { contextOf, RecordingReply, requestOf } from "../../support/runtime-requests.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { packBytes, someTensor } from "../../support/tensors.ts";

function openArena(test: TestContext, maxBytes = 1 << 20, slots = 1): Arena {
  const arena = Arena.create(temporaryFolder(test), maxBytes, slots);
  test.after(() => arena.close());
  return arena;
}

function entryOf(inputs: readonly (Tensor | undefined)[], rows: number, outputs: readonly number[] = []): QueueEntry {
  const request = requestOf(inputs.filter((input) => input !== undefined));
  const valid = { inputs, rows, shapeKey: "", outputs };
  return new QueueEntry(request, contextOf(), new RecordingReply(), valid, Number.POSITIVE_INFINITY);
}

function signatureOf(specs: readonly Omit<TensorSpec, "name">[], maxBatchSize: number): Signature {
  return {
    inputs: specs.map((spec, index) => ({ ...spec, name: `x${index}` })),
    outputs: specs.map((spec, index) => ({ ...spec, name: `y${index}` })),
    maxBatchSize,
  };
}

const plain = (tensor: Tensor) => ({ shape: [...tensor.shape], data: new Uint8Array(tensor.data) });

describe("a batch", () => {
  it("split(concat(xs)) = xs for every datatype, with padding, with small and with large outputs", (test) => {
    const arena = openArena(test);
    const batch = fc
      .record({
        datatype: fc.constantFrom(...datatypes),
        rest: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 2 }),
        rows: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 6 }),
        padding: fc.integer({ min: 0, max: 3 }),
        scale: fc.constantFrom(1, 1, 1, 3000),
      })
      .chain(({ datatype, rest, rows, padding, scale }) => {
        const shape = scale > 1 && datatype !== "BYTES" ? [...rest, scale] : rest;
        const tensors = fc.tuple(...rows.map((count) => someTensor(datatype, [count, ...shape], "x0")));
        return fc.record({
          datatype: fc.constant(datatype),
          shape: fc.constant(shape),
          padding: fc.constant(padding),
          tensors,
        });
      });
    fc.assert(
      fc.property(batch, ({ datatype, shape, padding, tensors }) => {
        const signature = signatureOf([{ datatype, dims: shape.map(() => -1) }], 64);
        const entries = tensors.map((tensor) => entryOf([tensor], tensor.shape[0] as number));
        const padded = entries.reduce((sum, entry) => sum + entry.rows, 0) + padding;
        const run = writeBatch(arena, 0, 5, entries, signature, padded);
        const answers = splitBatch(
          echo(arena, run, signature),
          (offset, length) => arena.read(offset, length),
          entries,
          signature,
          padded,
        );
        assert.deepEqual(
          answers.map(([tensor]) => plain(tensor as Tensor)),
          tensors.map(plain),
        );
      }),
      { numRuns: 100 },
    );
  });

  it("an unbatched model's request comes back in its own shape", (test) => {
    const arena = openArena(test);
    fc.assert(
      fc.property(
        fc
          .tuple(
            fc.constantFrom<Datatype>("FP32", "BYTES", "BOOL"),
            fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 }),
          )
          .chain(([datatype, shape]) => someTensor(datatype, shape, "x0")),
        (tensor) => {
          const signature = signatureOf([{ datatype: tensor.datatype, dims: tensor.shape.map(() => -1) }], 0);
          const entries = [entryOf([tensor], 1)];
          const run = writeBatch(arena, 0, 5, entries, signature, 1);
          const [answer] = splitBatch(
            echo(arena, run, signature),
            (offset, length) => arena.read(offset, length),
            entries,
            signature,
            1,
          );
          assert.deepEqual(answer?.map(plain), [plain(tensor)]);
        },
      ),
    );
  });

  it("takes no output twice", (test) => {
    const arena = openArena(test);
    const signature = signatureOf([{ datatype: "INT8", dims: [1] }], 8);
    const input: Tensor = { name: "x0", datatype: "INT8", shape: [1, 1], data: Uint8Array.of(1) };
    const entries = [entryOf([input], 1)];
    const ran = echo(arena, writeBatch(arena, 0, 5, entries, signature, 1), signature);
    const repeated = { ...ran, outputs: [...ran.outputs, ...ran.outputs] };
    const read = (offset: number, length: number) => arena.read(offset, length);
    assert.throws(() => splitBatch(repeated, read, entries, signature, 1), { reason: "internal" });
  });

  it("gives each entry the outputs it asked for, in its order", (test) => {
    const arena = openArena(test);
    const signature = signatureOf(
      [
        { datatype: "INT8", dims: [1] },
        { datatype: "INT8", dims: [1] },
        { datatype: "INT8", dims: [1] },
      ],
      8,
    );
    const inputs = [1, 2, 3].map((value, index) => ({
      name: `x${index}`,
      datatype: "INT8" as const,
      shape: [1, 1],
      data: Uint8Array.of(value),
    }));
    const entries = [entryOf(inputs, 1, [2, 0]), entryOf(inputs, 1, [2])];
    const run = writeBatch(arena, 0, 5, entries, signature, 2);
    assert.deepEqual(run.outputs, [0, 2]);
    const answers = splitBatch(
      echo(arena, run, signature),
      (offset, length) => arena.read(offset, length),
      entries,
      signature,
      2,
    );
    assert.deepEqual(
      answers.map((tensors) => tensors.map(({ name, data }) => `${name}=${data[0]}`)),
      [["y2=3", "y0=1"], ["y2=3"]],
    );
    assert.deepEqual(
      writeBatch(arena, 0, 5, [entryOf(inputs, 1, [1]), entryOf(inputs, 1)], signature, 2).outputs,
      [],
      "all, when one asks for all",
    );
  });

  it("leaves out the inputs that all its entries left out", (test) => {
    const arena = openArena(test);
    const signature = signatureOf(
      [
        { datatype: "INT8", dims: [1], isOptional: true },
        { datatype: "INT8", dims: [1] },
      ],
      8,
    );
    const input = { name: "x1", datatype: "INT8" as const, shape: [1, 1], data: Uint8Array.of(7) };
    const run = writeBatch(arena, 0, 5, [entryOf([undefined, input], 1), entryOf([undefined, input], 1)], signature, 2);
    assert.deepEqual(
      run.inputs.map(({ index, shape, segments }) => [index, shape, segments[0]?.rows]),
      [[1, [2, 1], 2]],
    );
  });

  it("shows the model its own dims and the client the configured ones (reshape)", (test) => {
    const arena = openArena(test);
    const signature = signatureOf([{ datatype: "INT8", dims: [4], modelDims: [2, 2] }], 8);
    const tensor = { name: "x0", datatype: "INT8" as const, shape: [3, 4], data: new Uint8Array(12) };
    const entries = [entryOf([tensor], 3)];
    const run = writeBatch(arena, 0, 5, entries, signature, 3);
    assert.deepEqual(run.inputs[0]?.shape, [3, 2, 2]);
    const [answer] = splitBatch(
      echo(arena, run, signature),
      (offset, length) => arena.read(offset, length),
      entries,
      signature,
      3,
    );
    assert.deepEqual(answer?.[0]?.shape, [3, 4]);
  });

  it("writes its inputs into its own slot, one after another", (test) => {
    const arena = openArena(test, 4096, 2);
    const signature = signatureOf(
      [
        { datatype: "INT8", dims: [3] },
        { datatype: "INT8", dims: [3] },
      ],
      8,
    );
    const tensor = (index: number) => ({
      name: `x${index}`,
      datatype: "INT8" as const,
      shape: [1, 3],
      data: Uint8Array.of(1, 2, 3),
    });
    const run = writeBatch(arena, 1, 5, [entryOf([tensor(0), tensor(1)], 1)], signature, 1);
    const [first, second] = run.inputs.map(({ segments }) => segments[0]);
    assert.equal(first?.offset, arena.inputOffset(1));
    assert.equal(second?.offset, arena.inputOffset(1) + 8, "aligned, without overlap");
    assert.equal(run.outputOffset, arena.outputOffset(1));
    assert.equal(run.outputLimit, 2048);
  });
});

describe("an answer that does not fit its batch", () => {
  const signature = signatureOf([{ datatype: "INT16", dims: [1] }], 8);
  const one = { name: "x0", datatype: "INT16" as const, shape: [1, 1], data: new Uint8Array(2) };
  const good: RanOutput = { index: 0, datatype: "INT16", shape: [2, 1], offset: 0, length: 4 };
  const cases: readonly [string, Partial<RanOutput> | undefined, string, Signature?][] = [
    ["too few rows", { shape: [1, 1], length: 2 }, "runtime"],
    ["no rows at all", { shape: [], length: 2 }, "runtime"],
    ["too few bytes", { length: 2 }, "internal"],
    ["too many bytes", { length: 6 }, "internal"],
    ["another datatype", { datatype: "INT8" }, "internal"],
    ["an output that the model has not", { index: 4 }, "internal"],
    ["no output", undefined, "internal"],
    ["a shape beyond all numbers", { shape: [2, Number.MAX_SAFE_INTEGER, 9] }, "internal"],
    [
      "bytes that do not fit its shape, from a model that does not batch",
      { shape: [3], length: 4 },
      "internal",
      signatureOf([{ datatype: "INT16", dims: [-1] }], 0),
    ],
    [
      "a shape that is none, from a model that does not batch",
      { shape: [-2], length: 4 },
      "internal",
      signatureOf([{ datatype: "INT16", dims: [-1] }], 0),
    ],
  ];
  for (const [name, output, reason, other] of cases) {
    it(`${name}: ${reason}`, () => {
      const entries = other === undefined ? [entryOf([one], 1), entryOf([one], 1)] : [entryOf([one], 1)];
      const ran = {
        readMs: 0,
        inferMs: 0,
        writeMs: 0,
        residentBytes: 0,
        isFinal: true,
        stateShapes: [],
        inlined: Buffer.alloc(0),
        outputs: output === undefined ? [] : [{ ...good, ...output }],
      };
      assert.throws(() => splitBatch(ran, (_offset, length) => Buffer.alloc(length), entries, other ?? signature, 2), {
        reason,
      });
    });
  }

  it("strings that end early, or go on: internal", () => {
    for (const maxBatchSize of [8, 0]) {
      const strings = signatureOf([{ datatype: "BYTES", dims: maxBatchSize > 0 ? [1] : [-1, 1] }], maxBatchSize);
      const whole = packBytes([Buffer.from("ab"), Buffer.from("c")]);
      for (const data of [whole.subarray(0, -1), Buffer.concat([whole, Buffer.alloc(4)])]) {
        const entries = [entryOf([one], 2)];
        const ran = {
          readMs: 0,
          inferMs: 0,
          writeMs: 0,
          residentBytes: 0,
          isFinal: true,
          stateShapes: [],
          inlined: Buffer.alloc(0),
          outputs: [{ ...good, datatype: "BYTES" as const, length: data.length }],
        };
        assert.throws(
          () => splitBatch(ran, () => Buffer.from(data), entries, strings, 2),
          { reason: "internal" },
          `${maxBatchSize} ${data.length}`,
        );
      }
    }
  });
});

it("bucketOf takes the smallest bucket that holds the rows", () => {
  assert.deepEqual(
    [1, 2, 3, 8, 9].map((rows) => bucketOf(rows, [1, 4, 8])),
    [1, 4, 4, 8, 9],
  );
  assert.equal(bucketOf(3, []), 3);
});

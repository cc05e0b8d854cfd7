import assert from "node:assert/strict";
import { test } from "node:test";
import type { Signature, TensorSpec } from "../../src/inference.ts";
import { proveBatching, type RunTensors } from "../../src/model/batch-proof.ts";
import { concatRows } from "../../src/model/tensor-rows.ts";
import { type Datatype, datatypes, elementCount, type Tensor } from "../../src/tensor.ts";

const spec = (
  name: string,
  datatype: Datatype = "FP32",
  dims: number[] = [4],
  more: Partial<TensorSpec> = {},
): TensorSpec => ({ name, datatype, dims, ...more });
const signature = (inputs: TensorSpec[], outputs: TensorSpec[] = [spec("y")]): Signature => ({
  inputs,
  outputs,
  maxBatchSize: 64,
});

function floats(tensor: Tensor): number[] {
  return [...new Float32Array(new Uint8Array(tensor.data).buffer)];
}

function fp32(name: string, shape: number[], values: number[]): Tensor {
  return { name, datatype: "FP32", shape, data: new Uint8Array(new Float32Array(values).buffer) };
}

/** A model of one FP32 input [rows, width] whose answer is any function of all its rows. */
const model =
  (answer: (rows: number[][]) => number[][]): RunTensors =>
  async ([x]) => {
    assert.ok(x);
    const [count = 0, width = 1] = x.shape;
    const values = floats(x);
    const rows = Array.from({ length: count }, (_, i) => values.slice(i * width, (i + 1) * width));
    const answers = answer(rows);
    return [fp32("y", [answers.length, answers[0]?.length ?? 0], answers.flat())];
  };
const x = signature([spec("x")]);

const shown: [string, RunTensors][] = [
  ["rows that are answered on their own", model((rows) => rows.map((row) => row.map((value) => value * 2)))],
  [
    "sums that differ in the last digits with the batch",
    model((rows) => rows.map((row) => row.map((value) => value + rows.length * 1e-5))),
  ],
  ["constant answers", model((rows) => rows.map(() => [1]))],
  ["answers that are not numbers", model((rows) => rows.map(() => [Number.NaN, Number.POSITIVE_INFINITY]))],
];

for (const [what, run] of shown) {
  test(`shown: ${what}`, async () =>
    assert.deepEqual(await proveBatching(x, run), {
      isShown: true,
      reason: "batches gave the same answers as single rows",
    }));
}

let calls = 0;
const notShown: [string, RunTensors, RegExp][] = [
  [
    "the mean of the batch",
    model((rows) =>
      rows.map((row) => [(row[0] ?? 0) - rows.reduce((sum, [first = 0]) => sum + first, 0) / rows.length]),
    ),
    /^output 'y' of a row in a batch of 2 has .* at element 0, expected 0 as for the row alone$/,
  ],
  ["answers in another order", model((rows) => rows.toReversed()), /output 'y' of a row in a batch of 2/],
  ["the first row for all", model((rows) => rows.map(() => rows[0] ?? [])), /in a batch of 2/],
  [
    "a mistake in large batches alone",
    model((rows) => (rows.length < 7 ? rows : [...rows.slice(1), ...rows.slice(0, 1)])),
    /in a batch of 7/,
  ],
  [
    "a mistake after three rows of descending order alone",
    model((rows) => (rows.length === 3 && (rows[0]?.[0] ?? 0) < (rows[2]?.[0] ?? 0) ? rows.toReversed() : rows)),
    /in a batch of 3/,
  ],
  [
    "one answer for all rows",
    model((rows) => rows.slice(0, 1)),
    /output 'y' has shape \[1,4\] where 2 rows were put in/,
  ],
  ["two answers a row", model((rows) => [...rows, ...rows]), /output 'y' has shape \[2,4\] for a single row/],
  [
    "answers as wide as the batch",
    model((rows) => rows.map(() => rows.map(() => 0))),
    /has shape \[1,2\], expected \[1,1\]/,
  ],
  ["chance", model((rows) => rows.map(() => [++calls])), /in a batch of 2/],
  [
    "a difference above the tolerance",
    model((rows) => rows.map((row) => row.map((value) => value + rows.length * 3e-3))),
    /in a batch of 2/,
  ],
  [
    "not a number in a batch",
    model((rows) => rows.map(() => [rows.length > 1 ? Number.NaN : 0])),
    /has NaN at element 0, expected 0/,
  ],
];

for (const [what, run, reason] of notShown) {
  test(`not shown: ${what}`, async () => {
    const proof = await proveBatching(x, run);
    assert.equal(proof.isShown, false);
    assert.match(proof.reason, reason);
  });
}

test("a batch that fails is not shown; ONNX Runtime's text stays in the cause", async () => {
  const failure = new Error("/onnxruntime_src/reshape.cc:84 failed");
  const proof = await proveBatching(x, async (inputs) => {
    if ((inputs[0]?.shape[0] ?? 0) > 2) throw failure;
    return [{ ...inputs[0]!, name: "y" }];
  });
  assert.deepEqual(proof, {
    isShown: false,
    reason: "a run in a batch of 3 failed where single rows did not",
    cause: failure,
  });
});

test("rows that cannot be run alone are tried with other lengths", async () => {
  const lengths: number[] = [];
  const proof = await proveBatching(signature([spec("x", "FP32", [-1])]), async ([tensor]) => {
    lengths.push(tensor?.shape[1] ?? 0);
    if (tensor?.shape[1] !== 32) throw new Error("wrong length");
    return [{ ...tensor, name: "y" }];
  });
  assert.equal(proof.isShown, true);
  assert.deepEqual([...new Set(lengths)], [3, 32]);
  const never = await proveBatching(signature([spec("x", "FP32", [-1])]), () => Promise.reject(new Error("never")));
  assert.equal(never.reason, "random rows alone could not be run");
});

test("every datatype makes rows of the model's own shape, the same for the same seed", async () => {
  const inputs = datatypes.map((datatype) => spec(datatype, datatype, [2, -1], { modelDims: [1, 2, -1] }));
  const record = async (seed: number): Promise<Tensor[][]> => {
    const seen: Tensor[][] = [];
    await proveBatching(
      signature(inputs),
      async (tensors) => {
        seen.push(tensors);
        return tensors;
      },
      { seed },
    );
    return seen;
  };
  const runs = await record(7);
  assert.equal(runs.length, 7 + 2 * (4 + 3 + 1));
  for (const run of runs) for (const tensor of run) assert.deepEqual(tensor.shape.slice(1), [1, 2, 3]);
  assert.deepEqual(await record(7), runs);
  assert.notDeepEqual(await record(8), runs);
  const distinct = new Set(
    runs.slice(0, 7).map((run) => Buffer.from(run.find(({ name }) => name === "FP32")?.data ?? []).toString("hex")),
  );
  assert.equal(distinct.size, 7, "rows differ from each other");
  const integers = runs.flatMap((run) =>
    run
      .filter(({ name }) => name === "INT64")
      .flatMap(({ data }) => [...new BigInt64Array(new Uint8Array(data).buffer)]),
  );
  assert.deepEqual([...new Set(integers)].sort(), [0n, 1n]);
});

test("mixed-up strings are seen, and so are mixed-up rows of one of several outputs", async () => {
  const strings = signature([spec("x", "BYTES", [1])]);
  const split = (tensor: Tensor): Tensor[] => {
    const bytes = Buffer.from(tensor.data);
    const rows: Tensor[] = [];
    for (let at = 0; at < bytes.length; ) {
      const end = at + 4 + bytes.readUInt32LE(at);
      rows.push({ ...tensor, name: "y", shape: [1, 1], data: bytes.subarray(at, end) });
      at = end;
    }
    return rows;
  };
  const same: RunTensors = async ([tensor]) => [concatRows(split(tensor!))];
  const reversed: RunTensors = async ([tensor]) => [
    concatRows(split(tensor!)),
    { ...concatRows(split(tensor!).reverse()), name: "z" },
  ];
  assert.equal((await proveBatching(strings, same)).isShown, true);
  assert.equal(
    (await proveBatching(strings, reversed)).reason,
    "output 'z' of a row in a batch of 2 has another value as for the row alone",
  );
});

test("optional inputs are left to their default", async () => {
  const proof = await proveBatching(
    signature([spec("x"), spec("scale", "FP32", [1], { isOptional: true })]),
    async (inputs) => {
      assert.deepEqual(
        inputs.map(({ name }) => name),
        ["x"],
      );
      assert.equal(elementCount(inputs[0]!.shape) * 4, inputs[0]!.data.length);
      return [{ ...inputs[0]!, name: "y" }];
    },
  );
  assert.equal(proof.isShown, true);
});

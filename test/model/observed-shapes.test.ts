import assert from "node:assert/strict";
import { test } from "node:test";
import type { RunTensors } from "../../src/model/batch-proof.ts";
import { observeOutputShapes } from "../../src/model/observed-shapes.ts";
import type { Dimension } from "../../src/model/onnx-interface.ts";
import { type ModelSummary, summarizeModel } from "../../src/model/onnx-summary.ts";
import { buildModel, value } from "./build-model.ts";

const summaryOf = (input: (number | string)[] | null, output: (number | string)[] | null): ModelSummary =>
  summarizeModel(buildModel({ input: [value("X", 1, input)], output: [value("Y", 1, output)] }));

/** A model that answers in a shape made of that of its input; the values do not matter. */
const answering =
  (shapeOf: (shape: readonly number[]) => number[]): RunTensors =>
  async ([x]) => [{ name: "Y", datatype: "FP32", shape: shapeOf(x?.shape ?? []), data: new Uint8Array() }];

const cases: [string, (number | string)[], (number | string)[] | null, RunTensors, Dimension[] | undefined][] = [
  ["no shape declared", ["N", 4], null, answering(([n = 0]) => [n, 5]), [null, 5]],
  [
    "no shape declared, rows of any length",
    ["N", "T"],
    null,
    answering(([n = 0, t = 0]) => [n, t, 5]),
    [null, null, null],
  ],
  ["[1] declared for a label a row", ["N", 4], [1], answering(([n = 0]) => [n]), [null]],
  ["another number of dimensions declared", ["N", 4], [], answering(([n = 0]) => [n, 3]), [null, 3]],
  ["a true answer for the whole batch", ["N", 4], [1, 4], answering(() => [1, 4]), [1, 4]],
  ["a true scalar", ["N", 4], [], answering(() => []), []],
  ["an undeclared answer for the whole batch", ["N", 4], null, answering(() => [1, 4]), [1, 4]],
  ["a declared length that holds is kept", ["N", "T"], [1, 7], answering(([n = 0]) => [n, 7]), [null, 7]],
];

for (const [what, input, output, run, expected] of cases) {
  test(what, async () =>
    assert.deepEqual((await observeOutputShapes(summaryOf(input, output), run)).outputs[0]?.shape, expected),
  );
}

test("nothing is run where nothing is in doubt, or where inputs take no rows", async () => {
  const run: RunTensors = () => assert.fail("was run");
  for (const summary of [
    summaryOf(["N", 4], ["N", 2]),
    summaryOf([1, 4], [1]),
    summaryOf([], null),
    summaryOf(null, null),
  ]) {
    assert.equal(await observeOutputShapes(summary, run), summary);
  }
});

test("a model that fails on random rows keeps what its file says", async () => {
  const lengths: (number | undefined)[] = [];
  const summary = summaryOf(["N", "T"], null);
  const kept = await observeOutputShapes(summary, ([x]) => {
    lengths.push(x?.shape[1]);
    return Promise.reject(new Error("no"));
  });
  assert.equal(kept, summary);
  assert.deepEqual(lengths, [4, 32, 1]);
});

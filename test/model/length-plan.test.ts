import assert from "node:assert/strict";
import { test } from "node:test";
import type { Signature } from "../../src/inference.ts";
import { withFilledInputs, withoutFilledInputs } from "../../src/model/filled-inputs.ts";
import { lengthPlan } from "../../src/model/length-plan.ts";
import type { ModelConfig } from "../../src/model/model-config.ts";
import type { ModelSummary, TensorSummary } from "../../src/model/onnx-summary.ts";

const signature: Signature = {
  inputs: [
    { name: "ids", datatype: "INT64", dims: [-1] },
    { name: "types", datatype: "INT64", dims: [2, -1] },
    { name: "image", datatype: "FP32", dims: [-1, -1] },
    { name: "text", datatype: "BYTES", dims: [-1] },
  ],
  outputs: [
    { name: "scores", datatype: "FP32", dims: [-1, 3] },
    { name: "pooled", datatype: "FP32", dims: [3] },
  ],
  maxBatchSize: 8,
};

const configOf = (parameters: Readonly<Record<string, string>>): ModelConfig => ({
  max_batch_size: 8,
  parameters: Object.fromEntries(Object.entries(parameters).map(([key, string_value]) => [key, { string_value }])),
});
const planOf = (parameters: Readonly<Record<string, string>>, given = signature) =>
  lengthPlan(configOf({ sluice_length_buckets: "8,16", ...parameters }), given);

test("every tensor with one dimension of any length has its length there", () => {
  const plan = planOf({ sluice_pad_value: "7" });
  assert.deepEqual(plan?.inputAxes, [0, 1, undefined, undefined]);
  assert.deepEqual(plan?.outputAxes, [0, undefined]);
  assert.deepEqual(plan?.padValues, [7, 7, 7, 7]);
  assert.equal(lengthPlan({ max_batch_size: 8 }, signature), undefined);
});

test("settings name axes and values", () => {
  const plan = planOf({ sluice_length_axes: "ids:0,image:1", sluice_cut_axes: "", sluice_pad_value: "image:-1" });
  assert.deepEqual(plan?.inputAxes, [0, undefined, 1, undefined]);
  assert.deepEqual(plan?.outputAxes, [undefined, undefined]);
  assert.deepEqual(plan?.padValues, [0, 0, -1, 0]);
});

const refused: [string, Readonly<Record<string, string>>, RegExp][] = [
  ["an unknown input", { sluice_length_axes: "idz:0" }, /names input 'idz', expected of: ids, types, image, text/],
  ["an unknown output", { sluice_cut_axes: "score:0" }, /names output 'score', expected of: scores, pooled/],
  ["a fixed dimension", { sluice_length_axes: "types:0" }, /axis 0 of input 'types', whose dims are \[2, -1\]/],
  ["no dimension", { sluice_cut_axes: "scores:2" }, /axis 2 of output 'scores', whose dims are \[-1, 3\]/],
  ["strings", { sluice_length_axes: "text:0" }, /input 'text', which holds strings/],
  ["a value that a datatype has not", { sluice_pad_value: "0.5" }, /pads 'ids' with 0.5, which is no INT64/],
  ["a value too large", { sluice_pad_value: "types:9e15,ids:1e16" }, /pads 'ids' with 10000000000000000, which is no/],
  ["a value of what is not padded", { sluice_pad_value: "image:1" }, /names 'image', which is no input that is padded/],
];
for (const [what, parameters, message] of refused) {
  test(`refused: ${what}`, () => assert.throws(() => planOf(parameters), { reason: "refused", message }));
}

test("refused: an output of which nothing tells where its length is, until the settings do", () => {
  const outputs = [...signature.outputs, { name: "weights", datatype: "FP32" as const, dims: [2, -1, -1] }];
  const given = { ...signature, outputs };
  assert.throws(() => planOf({}, given), {
    reason: "refused",
    message: /output 'weights' has dims \[2, -1, -1\], so 'sluice_length_buckets' needs 'sluice_cut_axes'/,
  });
  assert.deepEqual(planOf({ sluice_cut_axes: "weights:1" }, given)?.outputAxes, [undefined, undefined, 1]);
  assert.deepEqual(planOf({ sluice_cut_axes: "" }, given)?.outputAxes, [undefined, undefined, undefined]);
});

test("refused: a length input that cannot hold the largest bucket", () => {
  const filled = [{ name: "lengths", datatype: "INT8" as const, dims: [] }];
  const lengthsUpTo = (buckets: string) =>
    planOf({ sluice_length_buckets: buckets, sluice_length_input: "lengths" }, { ...signature, filled });
  assert.deepEqual(lengthsUpTo("8,127")?.fillings, ["length"]);
  assert.throws(() => lengthsUpTo("8,128"), {
    reason: "refused",
    message: /'sluice_length_input' is 'lengths', whose INT8 cannot hold the length 128/,
  });
});

test("refused: nothing to pad", () => {
  assert.throws(() => planOf({}, { ...signature, inputs: [{ name: "x", datatype: "FP32", dims: [4] }] }), {
    reason: "refused",
    message: /needs an input with one dimension of any length/,
  });
});

const input = (name: string, shape: TensorSummary["shape"], datatype: TensorSummary["datatype"] = "FP32") =>
  ({ name, datatype, type: "FLOAT", shape }) satisfies TensorSummary;

test("what is filled in is hidden from callers and known to the signature, with the type and shape of the file", () => {
  const inputs = [input("mask", ["N", "L"]), input("ids", ["N", "L"], "INT64"), input("lengths", ["N", 1], "INT32")];
  const summary = { inputs } as unknown as ModelSummary; // nothing else is read
  const config = configOf({ sluice_length_buckets: "8", sluice_length_input: "lengths", sluice_mask_input: "mask" });
  assert.deepEqual(
    withoutFilledInputs(config, summary).inputs.map(({ name }) => name),
    ["ids"],
  );
  const filled = withFilledInputs(signature, config, summary);
  assert.deepEqual(filled.filled, [
    { name: "mask", datatype: "FP32", dims: [-1] },
    { name: "lengths", datatype: "INT32", dims: [1] },
  ]);
  assert.deepEqual(lengthPlan(config, filled)?.fillings, ["mask", "length"]);
  assert.throws(() => withoutFilledInputs({ ...config, input: [{ name: "mask" }] }, summary), {
    message: "input 'mask' is filled in, so it may not be listed a second time",
  });
  assert.throws(() => withoutFilledInputs(config, { ...summary, inputs: [] }), {
    message: /input 'mask' is to be filled in, but the model's inputs are/,
  });
  const threeDimensional = withFilledInputs(signature, config, {
    ...summary,
    inputs: [input("mask", ["N", "L", "L"]), ...inputs.slice(1)],
  });
  assert.throws(() => lengthPlan(config, threeDimensional), {
    message:
      /'sluice_mask_input' is 'mask', which takes FP32 of shape \[rows, -1, -1\], expected numbers of shape \[rows, length\]/,
  });
});

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import {
  type CompletedConfig,
  completeConfig,
  withBatching,
  withoutBatching,
} from "../../src/model/complete-config.ts";
import { parseConfigText } from "../../src/model/config-text.ts";
import type { ModelConfig } from "../../src/model/model-config.ts";
import { decodeModel } from "../../src/model/onnx-file.ts";
import { type ModelSummary, summarizeModel } from "../../src/model/onnx-summary.ts";
import { prepareModel } from "../../src/model/prepared-model.ts";
import { validateConfig } from "../../src/model/validate-config.ts";
import { buildModel, INT64, tensor, value } from "./build-model.ts";
import { demoModels, fixtureModel, packageModels, wideLimits } from "./fixtures.ts";

const options = { name: "m", defaultMaxBatchSize: 64 };
const complete = (text: string, summary: ModelSummary): CompletedConfig =>
  completeConfig(parseConfigText(text), summary, options);
const summaryOf = (inputs: object[], outputs: object[], graph: object = {}): ModelSummary =>
  summarizeModel(buildModel({ input: inputs, output: outputs, ...graph }));

/** [N, 4] to a label [N] and scores [N, 3]. */
const classifier = summaryOf([value("X", 1, ["N", 4])], [value("label", 8, ["N"]), value("scores", 1, ["N", 3])]);
/** Shapes without a batch. */
const fixed = summaryOf([value("X", 1, [1, "T"])], [value("Y", 1, [1, 5])]);
const scalar = summaryOf([value("X", INT64, [])], [value("Y", 1, [])]);

test("a model without a configuration is completed whole, its batching yet to be proven", () => {
  const { config, isBatchingToBeProven } = complete("", classifier);
  assert.equal(isBatchingToBeProven, true);
  assert.deepEqual(config, {
    name: "m",
    platform: "onnxruntime_onnx",
    backend: "onnxruntime",
    version_policy: { latest: { num_versions: 1 } },
    max_batch_size: 64,
    input: [{ name: "X", data_type: "TYPE_FP32", dims: [4] }],
    output: [
      { name: "label", data_type: "TYPE_STRING", dims: [1], reshape: { shape: [] } },
      { name: "scores", data_type: "TYPE_FP32", dims: [3] },
    ],
    instance_group: [{ name: "m", count: 1, kind: "KIND_AUTO" }],
    default_model_filename: "model.onnx",
  } satisfies ModelConfig);
});

test("the file that was found is named unless the configuration names one", () => {
  const named = (text: string) =>
    completeConfig(parseConfigText(text), classifier, { ...options, fileName: "net.onnx" }).config
      .default_model_filename;
  assert.equal(named(""), "net.onnx");
  assert.equal(named('default_model_filename: "other.onnx"'), "other.onnx");
});

test("proven: a dynamic batcher that prefers full batches is added", () => {
  const config = withBatching(complete("", classifier).config, 32);
  assert.equal(config.max_batch_size, 32);
  assert.deepEqual(config.dynamic_batching, { preferred_batch_size: [32] });
});

test("not proven: the leading dimension becomes one like the others", () => {
  const config = withoutBatching(complete("", classifier).config);
  assert.equal(config.max_batch_size, 0);
  assert.equal(config.dynamic_batching, undefined);
  assert.deepEqual(
    config.input?.map(({ dims }) => dims),
    [[-1, 4]],
  );
  assert.deepEqual(
    config.output?.map(({ dims, reshape }) => [dims, reshape]),
    [
      [[-1], undefined],
      [[-1, 3], undefined],
    ],
  );
});

test("not proven: a written reshape and queue settings stay, preferred sizes go", () => {
  const text =
    "input { name: 'X' dims: [2, 2] reshape { shape: [4] } } dynamic_batching { preferred_batch_size: 4 max_queue_delay_microseconds: 9 }";
  const config = withoutBatching(complete(text, classifier).config);
  assert.deepEqual(config.input, [
    { name: "X", data_type: "TYPE_FP32", dims: [-1, 2, 2], reshape: { shape: [-1, 4] } },
  ]);
  assert.deepEqual(config.dynamic_batching, { max_queue_delay_microseconds: 9 });
});

const decisions: [string, string, ModelSummary, number, boolean, object | undefined, RegExp][] = [
  ["a written 0 stays 0", "max_batch_size: 0", classifier, 0, false, undefined, /^off: the configuration says/],
  [
    "a written size stands and gets a batcher",
    "max_batch_size: 8",
    classifier,
    8,
    false,
    { preferred_batch_size: [8] },
    /^on: the configuration says max_batch_size 8/,
  ],
  ["a written 1 needs no batcher", "max_batch_size: 1", classifier, 1, false, undefined, /^on/],
  ["fixed shapes cannot batch", "", fixed, 0, false, undefined, /^off: the first dimension of input 'X' is 1/],
  ["a scalar cannot batch", "", scalar, 0, false, undefined, /^off: input 'X' is a scalar/],
  [
    "inputs and outputs listed in full: nothing written about batches means none, as in Triton",
    "input { name: 'X' data_type: TYPE_FP32 dims: [-1, 4] } output { name: 'scores' data_type: TYPE_FP32 dims: [-1, 3] }",
    classifier,
    0,
    false,
    undefined,
    /^off: the configuration lists/,
  ],
  [
    "inputs and outputs listed in full: no batcher is added",
    "max_batch_size: 8 input { name: 'X' data_type: TYPE_FP32 dims: 4 } output { name: 'scores' data_type: TYPE_FP32 dims: 3 }",
    classifier,
    8,
    false,
    undefined,
    /^on/,
  ],
  [
    "a label file alone leaves the rest open",
    "output { name: 'scores' label_filename: 'l.txt' }",
    classifier,
    64,
    true,
    undefined,
    /^$/,
  ],
  [
    "a written batcher is kept",
    "max_batch_size: 8 dynamic_batching { max_queue_delay_microseconds: 5 }",
    classifier,
    8,
    false,
    { max_queue_delay_microseconds: 5, preferred_batch_size: [8] },
    /^on/,
  ],
];

for (const [what, text, summary, size, isToBeProven, batching, reason] of decisions) {
  test(what, () => {
    const completed = complete(text, summary);
    assert.equal(completed.config.max_batch_size, size);
    assert.equal(completed.isBatchingToBeProven, isToBeProven);
    assert.deepEqual(completed.config.dynamic_batching, batching);
    assert.match(completed.batching, reason);
  });
}

test("a scalar shows as dims [1], and the model takes no dimension", () => {
  for (const text of ["", "input { name: 'X' dims: [1, 1] } output { name: 'Y' dims: 1 }"]) {
    const { config } = complete(text, scalar);
    assert.deepEqual(config.output, [{ name: "Y", data_type: "TYPE_FP32", dims: [1], reshape: { shape: [] } }]);
    assert.deepEqual(config.input?.[0]?.reshape, { shape: [] });
  }
});

test("a configuration may narrow a variable length, or leave a fixed one open", () => {
  const { config } = complete("input { name: 'X' dims: [1, 7] } output { name: 'Y' dims: [-1, 5] }", fixed);
  assert.deepEqual(
    [config.input?.[0]?.dims, config.output?.[0]?.dims],
    [
      [1, 7],
      [-1, 5],
    ],
  );
});

test("outputs may be a selection, in another order", () => {
  const { config } = complete("output { name: 'scores' }", classifier);
  assert.deepEqual(config.output, [{ name: "scores", data_type: "TYPE_FP32", dims: [3] }]);
});

test("instance groups get names, counts and kinds", () => {
  const { config } = complete("instance_group { kind: KIND_CPU } instance_group { name: 'mine' count: 2 }", classifier);
  assert.deepEqual(config.instance_group, [
    { name: "m_0", count: 1, kind: "KIND_CPU" },
    { name: "mine", count: 2, kind: "KIND_AUTO" },
  ]);
});

const refused: [string, string, ModelSummary, RegExp][] = [
  [
    "batches of a model that has none",
    "max_batch_size: 4",
    fixed,
    /autofill failed for model 'm': model does not support batching while non-zero max_batch_size is specified.*first dimension of input 'X' is 1/,
  ],
  ["an unknown input", "input { name: 'Z' }", classifier, /unexpected inference input 'Z', allowed inputs are: X/],
  [
    "an unknown output",
    "output { name: 'Z' }",
    classifier,
    /unexpected inference output 'Z', allowed outputs are: label, scores/,
  ],
  [
    "too few inputs",
    "max_batch_size: 0 input { name: 'X' }",
    summaryOf([value("X"), value("W")], [value("Y")]),
    /configuration expects 1 inputs, model provides 2 \(not listed: 'W'\)/,
  ],
  [
    "another datatype",
    "input { name: 'X' data_type: TYPE_FP16 }",
    classifier,
    /expects datatype TYPE_FP16 for input 'X', model provides TYPE_FP32/,
  ],
  [
    "other dims",
    "max_batch_size: 4 input { name: 'X' dims: [5] }",
    classifier,
    /tensor 'X': the model expects 2 dimensions \(shape \[-1,4\]\) but the model configuration specifies 2 dimensions \(an initial batch dimension.*\[-1,5\]\)/,
  ],
  [
    "dims that repeat the batch",
    "max_batch_size: 4 input { name: 'X' dims: [-1, 4] }",
    classifier,
    /specifies 3 dimensions/,
  ],
  [
    "dims without the batch where there is none",
    "max_batch_size: 0 input { name: 'X' dims: [4] }",
    classifier,
    /specifies 1 dimensions \(shape \[4\]\)/,
  ],
  [
    "a reshape that the model does not take",
    "max_batch_size: 4 input { name: 'X' dims: [6] reshape { shape: [2, 3] } }",
    classifier,
    /shape \[-1,2,3\]/,
  ],
  ["dims of a scalar", "input { name: 'X' dims: [2] }", scalar, /scalar tensor 'X'.*\[2\]/],
  [
    "preferred sizes above the default",
    "dynamic_batching { preferred_batch_size: 65 }",
    classifier,
    /is 65, expected at most max_batch_size \(64\)/,
  ],
  [
    "an optional input without a default",
    "max_batch_size: 0 input { name: 'X' optional: true }",
    classifier,
    /no default/,
  ],
  [
    "a shape that nobody knows",
    "",
    summaryOf([value("X")], [value("Y", 1, null)]),
    /output 'Y' has no shape in the model file: write its dims/,
  ],
];

for (const [what, text, summary, message] of refused) {
  test(`refused: ${what}`, () => {
    assert.throws(
      () => {
        const completed = complete(text, summary);
        if (completed.isBatchingToBeProven) withBatching(completed.config, options.defaultMaxBatchSize);
      },
      { reason: "refused", message },
    );
  });
}

test("an input with a default is hidden, unless it is listed: then it is optional", () => {
  const summary = summaryOf([value("X", 1, [1, 2]), value("scale", 1, [1])], [value("Y", 1, [1, 2])], {
    initializer: [tensor("scale", [1])],
  });
  assert.deepEqual(
    complete("", summary).config.input?.map(({ name }) => name),
    ["X"],
  );
  const { config } = complete("input { name: 'X' } input { name: 'scale' }", summary);
  assert.deepEqual(config.input?.[1], { name: "scale", data_type: "TYPE_FP32", dims: [1], optional: true });
});

test("an optional input and batches exclude each other, as in Triton", () => {
  const summary = summaryOf([value("X"), value("scale", 1, [1])], [value("Y")], {
    initializer: [tensor("scale", [1])],
  });
  assert.throws(
    () => complete("max_batch_size: 4 input { name: 'X' } input { name: 'scale' }", summary),
    /optional input 'scale' is not supported/,
  );
});

test("completing a completed configuration changes nothing, and it is valid", () => {
  const candidates = ["sklearn_logistic_string", "scalar", "fixed_batch_three", "rank_four", "empty_dimensions"].map(
    (name) => fixtureModel(name).file,
  );
  for (const file of [...candidates, ...demoModels.map((model) => model.file)]) {
    const { summary } = prepareModel(file, wideLimits);
    const first = completeConfig({}, summary, options);
    for (const config of first.isBatchingToBeProven
      ? [withBatching(first.config, 64), withoutBatching(first.config)]
      : [first.config]) {
      validateConfig(config, "m");
      assert.deepEqual(completeConfig(config, summary, options).config, config, file);
    }
  }
});

const published: Record<string, [number[][], boolean]> = {
  silero_vad_v5: [[[-1, -1], [2, -1, 128], [1]], false],
  silero_vad_legacy: [[[-1, -1], [1], [2, -1, 64], [2, -1, 64]], false],
  "ch_PP-OCRv4_det_infer": [[[3, -1, -1]], true],
  "ch_PP-OCRv4_rec_infer": [[[3, 48, -1]], true],
  "ch_ppocr_mobile_v2.0_cls_infer": [[[3, -1, -1]], true],
};

test("published models get sensible configurations", () => {
  for (const file of packageModels()) {
    const name = file.replace(/^.*\/|\.onnx$/g, "");
    const { config, isBatchingToBeProven } = completeConfig(
      {},
      summarizeModel(decodeModel(readFileSync(file))),
      options,
    );
    assert.deepEqual([config.input?.map(({ dims }) => dims), isBatchingToBeProven], published[name], name);
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  formatConfigJson,
  formatConfigText,
  maxConfigLength,
  parseConfigJson,
  parseConfigText,
} from "../../src/model/config-text.ts";
import type { ModelConfig } from "../../src/model/model-config.ts";

const everything = `
# A comment.
name: "m" platform: 'onnxruntime_onnx'
max_batch_size: 8
input [
  { name: "x" data_type: TYPE_FP32 dims: [ -1, 4 ] },
  { name: "s", data_type: TYPE_STRING, dims: [ 1 ], reshape { shape: [] }, optional: true }
]
output { name: "y" data_type: 11 dims: 1 dims: 2 label_filename: "labels.txt" }
version_policy: { specific { versions: [1, 3] } }
instance_group [ { count: 2 kind: KIND_GPU gpus: [ 0, 1 ] } ]
dynamic_batching {
  preferred_batch_size: [ 4, 8 ]
  max_queue_delay_microseconds: 100
  priority_levels: 2
  default_priority_level: 1
  default_queue_policy { timeout_action: DELAY default_timeout_microseconds: 5 allow_timeout_override: true max_queue_size: 9 }
  priority_queue_policy { key: 2 value: { max_queue_size: 1 } }
}
parameters { key: "sluice_prefetch" value: { string_value: "1" } }
parameters { key: "__proto__" value: { string_value: "x" } }
parameters { key: "constructor" value: { string_value: "y" } }
model_warmup { name: "w" batch_size: 1 inputs { key: "x" value { data_type: TYPE_FP32 dims: [1, 4] random_data: true } } }
optimization { graph { level: 1 } }
`;

test("every part of a config.pbtxt is read, names of enums, numbers as numbers", () => {
  const config = parseConfigText(everything);
  assert.deepEqual(config.input?.[0], { name: "x", data_type: "TYPE_FP32", dims: [-1, 4] });
  assert.deepEqual(config.input?.[1], { name: "s", data_type: "TYPE_STRING", dims: [1], reshape: {}, optional: true });
  assert.deepEqual(config.output, [{ name: "y", data_type: "TYPE_FP32", dims: [1, 2], label_filename: "labels.txt" }]);
  assert.deepEqual(config.version_policy, { specific: { versions: [1, 3] } });
  assert.deepEqual(config.instance_group, [{ count: 2, kind: "KIND_GPU", gpus: [0, 1] }]);
  assert.deepEqual(config.dynamic_batching, {
    preferred_batch_size: [4, 8],
    max_queue_delay_microseconds: 100,
    priority_levels: 2,
    default_priority_level: 1,
    default_queue_policy: {
      timeout_action: "DELAY",
      default_timeout_microseconds: 5,
      allow_timeout_override: true,
      max_queue_size: 9,
    },
    priority_queue_policy: { 2: { max_queue_size: 1 } },
  });
  assert.deepEqual(config.model_warmup?.[0]?.inputs?.x, { data_type: "TYPE_FP32", dims: [1, 4], random_data: true });
});

test("a written zero is told from nothing, and so is an empty message", () => {
  assert.equal(parseConfigText("max_batch_size: 0").max_batch_size, 0);
  assert.deepEqual(parseConfigText("dynamic_batching {}"), { dynamic_batching: {} });
  assert.deepEqual(parseConfigText(""), {});
});

test("a parameter may be named like a property of every object", () => {
  for (const config of [parseConfigText(everything), parseConfigJson(formatConfigJson(parseConfigText(everything)))]) {
    assert.deepEqual(Object.keys(config.parameters ?? {}), ["sluice_prefetch", "__proto__", "constructor"]);
    assert.equal(Object.getPrototypeOf(config.parameters), Object.prototype);
    assert.equal(({} as Record<string, unknown>).string_value, undefined);
  }
});

test("what is written is read back the same", () => {
  const config = parseConfigText(everything);
  assert.deepEqual(parseConfigText(formatConfigText(config)), config);
  assert.deepEqual(parseConfigJson(formatConfigJson(config)), config);
});

const name = fc.string({ unit: "binary", minLength: 1, maxLength: 8 });
const int = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max });
const tensors = fc.array(
  fc.record(
    { name, data_type: fc.constantFrom("TYPE_FP32", "TYPE_STRING"), dims: fc.array(int(-1, 9), { minLength: 1 }) },
    { requiredKeys: [] },
  ),
  { minLength: 1, maxLength: 3 },
);
const configs: fc.Arbitrary<ModelConfig> = fc.record(
  {
    name,
    max_batch_size: int(-(2 ** 31), 2 ** 31 - 1),
    input: tensors,
    output: tensors,
    metric_tags: fc.dictionary(name, name, { minKeys: 1 }),
    parameters: fc.dictionary(name, fc.record({ string_value: name }), { minKeys: 1 }),
    dynamic_batching: fc.record(
      { max_queue_delay_microseconds: int(0, Number.MAX_SAFE_INTEGER), preserve_ordering: fc.boolean() },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
);

test("any configuration survives text and JSON", () => {
  const plain = (config: ModelConfig): unknown => JSON.parse(JSON.stringify(config));
  fc.assert(
    fc.property(configs, (config) => {
      assert.deepEqual(plain(parseConfigText(formatConfigText(config))), plain(config));
      assert.deepEqual(parseConfigJson(formatConfigJson(config)), plain(config));
    }),
    { numRuns: 200 },
  );
});

const badTexts: [string, RegExp][] = [
  [
    "name: 'x'\nmax_batch_sise: 3",
    /^config\.pbtxt line 2: unknown field 'max_batch_sise', did you mean 'max_batch_size'\?$/,
  ],
  ["\n\ninput {\n  dim: 3\n}", /^config\.pbtxt line 4: unknown field 'dim' in ModelInput, did you mean 'dims'\?$/],
  ["qqqqqqqq: 1", /line 1: unknown field 'qqqqqqqq'$/],
  [
    "name: 'x'\ninput {\n name: 'x'\n data_type: TYPE_FP33\n}\nbackend: 'b'",
    /line 4: data_type has an unknown value, expected one of TYPE_INVALID, TYPE_BOOL/,
  ],
  ["name: 'x'\n\nmax_batch_size: 'eight'\n", /line 3: integer value expected/],
  ["max_batch_size: 2147483648", /line 1: integer value out of range/],
  ["name: 'x'\nname: 'y'", /line 2: ModelConfig\.name: multiple values/],
  ["dynamic_batching {}\nsequence_batching {}", /line 2: scheduling_choice: multiple values/],
  ["input {\nname: 'x'", /expected '}'/],
  ['name: "never closed', /unterminated string/],
  ["name 'x'", /expected ':'/],
  [
    "max_batch_size: 1\n\ndynamic_batching { max_queue_delay_microseconds: 9007199254740993 }",
    /max_queue_delay_microseconds is "9007199254740993", expected an integer from 0 to 9007199254740991/,
  ],
  [`${"input {".repeat(200)}`, /unknown field 'input' in ModelInput/],
  [" ".repeat(maxConfigLength + 1), /limit is 1048576/],
];

for (const [text, message] of badTexts) {
  test(`text refused: ${JSON.stringify(text.slice(0, 60))}`, () => {
    assert.throws(() => parseConfigText(text), { reason: "refused", message });
  });
}

test("the line of an error is looked for in texts of a usual length only, since that takes many times the parsing", () => {
  const textOf = (lines: number) => `${"# comment\n".repeat(lines)}max_batch_size: 'eight'`;
  assert.throws(() => parseConfigText(textOf(6_000)), { message: "config.pbtxt line 6001: integer value expected" });
  assert.throws(() => parseConfigText(textOf(7_000)), { message: "config.pbtxt integer value expected" });
});

test("JSON takes both spellings, enums by number, and 64-bit integers as text", () => {
  const json =
    '{"maxBatchSize":"4","input":[{"name":"x","dataType":11,"dims":["-1",2]}],"dynamic_batching":{"maxQueueDelayMicroseconds":"7"},"backend":null}';
  assert.deepEqual(parseConfigJson(json), {
    max_batch_size: 4,
    input: [{ name: "x", data_type: "TYPE_FP32", dims: [-1, 2] }],
    dynamic_batching: { max_queue_delay_microseconds: 7 },
  });
});

const badJson: [string, RegExp][] = [
  ["x", /not valid JSON/],
  ["[]", /the configuration is a list or an object, expected an object/],
  ['{"maxBatchSiz":1}', /unknown field 'maxBatchSiz', did you mean 'max_batch_size'\?/],
  ['{"__proto__":{}}', /unknown field '__proto__'/],
  ['{"input":[{"name":1}]}', /input\[0\]\.name is 1, expected text/],
  ['{"input":{"name":"x"}}', /input is a list or an object, expected a list/],
  ['{"input":[{"dataType":"TYPE_FP3"}]}', /input\[0\]\.data_type is "TYPE_FP3", expected TYPE_FP32/],
  ['{"input":[{"dataType":99}]}', /input\[0\]\.data_type is 99, expected one of/],
  ['{"input":[{"dims":[1.5]}]}', /input\[0\]\.dims\[0\] is 1\.5, expected an integer/],
  ['{"input":[{"dims":[null]}]}', /input\[0\]\.dims\[0\] is/],
  ['{"max_batch_size":1,"maxBatchSize":2}', /max_batch_size is given twice/],
  ['{"max_batch_size":4294967296}', /expected an integer from -2147483648 to 2147483647/],
  ['{"dynamicBatching":{},"ensembleScheduling":{}}', /ensemble_scheduling excludes dynamic_batching/],
  ['{"dynamicBatching":{"preserveOrdering":"yes"}}', /preserve_ordering is "yes", expected true or false/],
  [
    '{"dynamicBatching":{"priorityQueuePolicy":{"one":{}}}}',
    /a key of dynamic_batching\.priority_queue_policy is "one"/,
  ],
];

for (const [text, message] of badJson) {
  test(`JSON refused: ${text}`, () => {
    assert.throws(() => parseConfigJson(text), { reason: "refused", message });
  });
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseConfigText } from "../../src/model/config-text.ts";
import { raggedPlan } from "../../src/model/ragged-plan.ts";
import { validateConfig } from "../../src/model/validate-config.ts";

const base = `
  max_batch_size: 4
  input { name: "x" data_type: TYPE_FP32 dims: [ -1 ] allow_ragged_batch: true }
  input { name: "z" data_type: TYPE_FP32 dims: [ 2 ] }
  output { name: "y" data_type: TYPE_FP32 dims: [ -1 ] }
`;

test("a plan has each target in the order of the configuration", () => {
  const config = parseConfigText(`${base}
    batch_input { target_name: ["a", "b"] data_type: TYPE_INT32 source_input: "x" }
    batch_input { kind: BATCH_ITEM_SHAPE target_name: "c" data_type: TYPE_FP32 source_input: "z" }
    batch_output { target_name: "y" source_input: "x" }
  `);
  validateConfig(config, "m");
  const inputs = [
    { name: "x", datatype: "FP32", dims: [-1] },
    { name: "z", datatype: "FP32", dims: [2] },
  ] as const;
  const outputs = [{ name: "y", datatype: "FP32", dims: [-1] }] as const;
  assert.deepEqual(raggedPlan(config, { inputs, outputs, maxBatchSize: 4 }), {
    isRagged: [true, false],
    batchInputs: [
      { kind: "BATCH_ELEMENT_COUNT", source: 0 },
      { kind: "BATCH_ELEMENT_COUNT", source: 0 },
      { kind: "BATCH_ITEM_SHAPE", source: 1 },
    ],
    scatterSources: [0],
  });
  assert.equal(raggedPlan(parseConfigText("max_batch_size: 4"), { inputs, outputs, maxBatchSize: 4 }), undefined);
});

const refused: [string, string, string][] = [
  [
    "no source",
    "batch_input { target_name: 'a' data_type: TYPE_INT32 }",
    "batch input kind 'BATCH_ELEMENT_COUNT' expects 1 source input, got 0",
  ],
  [
    "two sources",
    "batch_input { kind: BATCH_ITEM_SHAPE target_name: 'a' data_type: TYPE_INT32 source_input: ['x', 'z'] }",
    "batch input kind 'BATCH_ITEM_SHAPE' expects 1 source input, got 2",
  ],
  [
    "another type",
    "batch_input { target_name: 'a' data_type: TYPE_INT64 source_input: 'x' }",
    "batch input data type must be TYPE_INT32 or TYPE_FP32",
  ],
  [
    "an unknown source",
    "batch_input { target_name: 'a' data_type: TYPE_INT32 source_input: 'w' }",
    "unknown source input name 'w'",
  ],
  [
    "an output without source",
    "batch_output { target_name: 'y' }",
    "batch output kind 'BATCH_SCATTER_WITH_INPUT_SHAPE' expects 1 source input, got 0",
  ],
  ["an unknown output", "batch_output { target_name: 'w' source_input: 'x' }", "unknown target output name 'w'"],
  [
    "an output twice",
    "batch_output { target_name: ['y', 'y'] source_input: 'x' }",
    "target output name 'y' can only be specified once",
  ],
  [
    "rows to fill up",
    "parameters { key: 'sluice_batch_buckets' value { string_value: '2' } }",
    "a ragged batch stands beside parameter 'sluice_batch_buckets', expected one of them",
  ],
];

for (const [what, text, message] of refused) {
  test(`refused: ${what}`, () => {
    assert.throws(() => validateConfig(parseConfigText(base + text), "m"), { reason: "refused", message });
  });
}

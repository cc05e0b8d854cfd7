import assert from "node:assert/strict";
import { test } from "node:test";
import type { Signature } from "../../../src/inference.ts";
import { checkRedaction, readPayloadLogConfig } from "../../../src/monitor/config/payload-log.ts";
import { Section } from "../../../src/monitor/config/section.ts";

function configOf(text: string) {
  const root = Section.parse(`payloadLog: ${text}`);
  const config = readPayloadLogConfig(root.section("payloadLog"));
  root.end();
  return config;
}

test("without a section nothing is logged", () => {
  const { share, maxPerSecond, contents, maxRecordBytes, redaction } = configOf("");
  assert.deepEqual([share, maxPerSecond, maxRecordBytes], [0, 10, 16_384]);
  assert.deepEqual([...contents], ["inputs", "outputs", "parameters", "timing"]);
  assert.deepEqual([redaction.tensors.size, redaction.hasNoIds, redaction.hasNoTenant], [0, false, false]);
});

test("everything that may be written is read", () => {
  const config = configOf(
    "{ share: 0.5, maxPerSecond: 2, record: [outputs], maxRecordBytes: 1000, maxFileBytes: 100000, maxFileSeconds: 60, maxTotalBytes: 200000, " +
      "redact: { tensors: [a], columns: { b: [0, 3] }, parameters: [user], ids: true, tenant: true } }",
  );
  assert.deepEqual([...config.contents], ["outputs"]);
  assert.deepEqual([config.maxFileBytes, config.maxFileSeconds, config.maxTotalBytes], [100_000, 60, 200_000]);
  assert.deepEqual([...(config.redaction.columns.get("b") ?? [])], [0, 3]);
  assert.deepEqual([...config.redaction.tensors, ...config.redaction.parameters], ["a", "user"]);
  assert.ok(config.redaction.hasNoIds && config.redaction.hasNoTenant);
});

test("what cannot be meant is refused", () => {
  assert.throws(() => configOf("{ share: 2 }"), /payloadLog.share is 2, expected a number from 0 to 1/);
  assert.throws(() => configOf("{ shares: 1 }"), /unknown key 'shares', did you mean 'share'/);
  assert.throws(() => configOf("{ record: [input] }"), /record is 'input', expected a list of inputs, outputs/);
  assert.throws(() => configOf("{ redact: { colums: {} } }"), /unknown key 'colums', did you mean 'columns'/);
  assert.throws(() => configOf("{ redact: { columns: { x: [-1] } } }"), /columns\.x\[0\] is -1/);
  assert.throws(
    () => configOf("{ maxFileBytes: 100000, maxTotalBytes: 150000 }"),
    /at most half of maxTotalBytes, 75000/,
  );
});

const signature: Signature = {
  inputs: [{ name: "x", datatype: "FP32", dims: [3] }],
  outputs: [{ name: "y", datatype: "FP32", dims: [-1] }],
  maxBatchSize: 8,
};

test("what is to be redacted must exist, so that a misspelt name lets nothing through", () => {
  const check = (redact: string) => checkRedaction(configOf(`{ redact: ${redact} }`).redaction, signature);
  check("{ tensors: [x, y], columns: { x: [2], y: [1000] } }");
  assert.throws(() => check("{ columns: { x: [] } }"), /columns.x is empty, expected a list of columns/);
  assert.throws(() => check("{ tensors: [z] }"), /tensors has 'z', the model has x, y/);
  assert.throws(() => check("{ columns: { z: [0] } }"), /columns has 'z'/);
  assert.throws(() => check("{ columns: { x: [3] } }"), /columns.x has column 3, a row has columns 0 to 2/);
});

test("columns are hidden only where a place in a row is always the same thing", () => {
  const { redaction } = configOf("{ redact: { columns: { x: [3] } } }");
  const check = (dims: number[], maxBatchSize: number) =>
    checkRedaction(redaction, { inputs: [{ name: "x", datatype: "FP32", dims }], outputs: [], maxBatchSize });
  check([-1], 8);
  check([2, 2], 8);
  check([2, 2], 0);
  assert.throws(
    () => check([-1, 4], 0),
    /'x', whose rows have no fixed shape, \[-1,4\]: name it under payloadLog.redact.tensors/,
  );
  assert.throws(() => check([-1, 4], 8), /no fixed shape/);
  assert.throws(() => check([-1], 0), /no fixed shape/);
});

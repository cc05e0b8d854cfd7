import assert from "node:assert/strict";
import { test } from "node:test";
import { numberRules, readMonitorConfig } from "../../../src/monitor/config/monitor-config.ts";

test("an empty file gives the defaults, and every default is within its range", () => {
  const config = readMonitorConfig("");
  assert.equal(config.task, "auto");
  assert.equal(config.zeroDivision, "warn");
  assert.equal(config.quality.maxRowsPerSecond, 1000);
  assert.deepEqual(config.windows, { blockSeconds: 60, blocks: 60, rows: 0 });
  for (const [place, rule] of Object.entries(numberRules)) {
    assert.ok(rule.default >= rule.min && rule.default <= rule.max, place);
  }
});

test("everything that is written is taken", () => {
  const config = readMonitorConfig(
    [
      "task: binary",
      "outputs: {label: output_label, scores: output_probability}",
      "labels: [benign, malignant]",
      "positiveClass: malignant",
      "threshold: 0.4",
      "topK: [1, 3]",
      "beta: [0.5, 2]",
      "zeroDivision: 0",
      "quality: {minSamples: 50}",
      "windows: {blockSeconds: 10, blocks: 6, rows: 500}",
      "reference: profile.json",
    ].join("\n"),
  );
  assert.equal(config.task, "binary");
  assert.deepEqual(config.outputs, { label: "output_label", scores: "output_probability" });
  assert.deepEqual(config.labels, ["benign", "malignant"]);
  assert.equal(config.positiveClass, "malignant");
  assert.equal(config.threshold, 0.4);
  assert.deepEqual(
    [config.topK, config.beta],
    [
      [1, 3],
      [0.5, 2],
    ],
  );
  assert.equal(config.zeroDivision, 0);
  assert.equal(config.quality.minSamples, 50);
  assert.deepEqual(config.windows, { blockSeconds: 10, blocks: 6, rows: 500 });
  assert.equal(config.reference, "profile.json");
});

for (const [text, message] of [
  ["tsak: binary", "unknown key 'tsak', did you mean 'task'?"],
  ["task: binry", "task is 'binry', expected auto, off, binary, multiclass, regression, did you mean 'binary'?"],
  ["quality: {minSample: 3}", "quality: unknown key 'minSample', did you mean 'minSamples'?"],
  ["windows: {blocks: 1441}", "windows.blocks is 1441, expected an integer from 1 to 1440"],
  ["labels: [a, b, a]", "labels has 'a' twice"],
] as const) {
  test(`refused: ${text}`, () => {
    assert.throws(() => readMonitorConfig(text), { reason: "refused", message: `monitor.yaml: ${message}` });
  });
}

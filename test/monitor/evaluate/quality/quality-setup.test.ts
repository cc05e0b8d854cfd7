import assert from "node:assert/strict";
import { test } from "node:test";
import { distinctLabels } from "../../../../src/monitor/evaluate/quality/quality-setup.ts";
import { specOf } from "../../../support/monitor-tensors.ts";
import { QualitySubject } from "../../../support/quality-subject.ts";

test("labels are told apart", () => {
  assert.deepEqual(distinctLabels(["cat", "crane", "crane", "macro", ""]), [
    "cat",
    "crane#1",
    "crane#2",
    "macro#3",
    "#4",
  ]);
});

test("no two points of an instrument have the same attributes, whatever the label file says and however often a parameter is listed", async () => {
  const outputs = [specOf("probabilities", "FP32", [4], ["crane", "crane", "macro", "_OTHER"])];
  const subject = new QualitySubject(outputs, "beta: [2, 2, 1]\ntopK: [2, 2, 9]\nquality: {minSamples: 1}");
  subject.answer([[0.1, 0.2, 0.3, 0.4]]);
  for (let actual = 0; actual < 4; actual++) {
    subject.tell({ predictedClass: actual, values: Float32Array.of(0.1, 0.2, 0.3, 0.4) }, actual);
  }
  subject.pass(60_000);
  let looked = 0;
  for (const { instrument } of await subject.registry.collect()) {
    const points = (await subject.points(instrument.name)).map(([attributes]) => JSON.stringify(attributes));
    assert.equal(new Set(points).size, points.length, instrument.name);
    looked += points.length;
  }
  assert.ok(looked > 100, `${looked} points`);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { TensorSpec } from "../../../src/inference.ts";
import { findTask } from "../../../src/monitor/config/model-task.ts";
import { readMonitorConfig } from "../../../src/monitor/config/monitor-config.ts";
import { signatureOf, specOf } from "../../support/monitor-tensors.ts";

const animals = ["cat", "dog", "emu"];

function find(outputs: readonly TensorSpec[], yaml = "", profileLabels: readonly string[] = [], maxBatchSize = 64) {
  const signature = signatureOf(outputs, undefined, maxBatchSize);
  const { task, note } = findTask(readMonitorConfig(yaml), { signature }, profileLabels);
  if (task === undefined) return note;
  const { labelOutput, scoresOutput, valueOutput, labels, width } = task;
  const outputNames = [labelOutput, scoresOutput, valueOutput].map((name) => name ?? "-").join(" ");
  return `${task.task}: ${outputNames}; ${labels.join(",")}; ${width}`;
}

test("what the names and datatypes of outputs tell is guessed", () => {
  const cases: readonly (readonly [string, readonly TensorSpec[]])[] = [
    [
      "multiclass: label probabilities -; 0,1,2; 3",
      [specOf("label", "INT64", []), specOf("probabilities", "FP32", [3])],
    ],
    [
      "multiclass: output_label output_probability -; cat,dog,emu; 3",
      [specOf("output_label", "BYTES", []), specOf("output_probability", "FP32", [3], animals)],
    ],
    ["binary: label probabilities -; 0,1; 2", [specOf("label", "INT64", []), specOf("probabilities", "FP32", [2])]],
    ["binary: - sigmoid_output -; 0,1; 1", [specOf("sigmoid_output", "FP32", [1])]],
    ["multiclass: - y -; cat,dog,emu; 3", [specOf("y", "FP32", [3], animals)]],
    ["multiclass: class - -; cat,dog,emu; 0", [specOf("class", "INT64", [1], animals)]],
    ["regression: - - prediction; ; 2", [specOf("prediction", "FP32", [2])]],
    ["regression: - - variable; ; 1", [specOf("variable", "FP32", [1])]],
  ];
  for (const [expected, outputs] of cases) assert.equal(find(outputs), expected);
});

test("what is not clear is not watched, and the note says why", () => {
  assert.equal(find([specOf("Y", "FP32", [3])]), "the outputs 'Y' do not tell what is predicted; monitor.yaml can");
  assert.match(find([specOf("label", "INT64", [])]), /nothing says which there are/);
  assert.match(find([specOf("label", "BYTES", []), specOf("probabilities", "FP32", [2])]), /'labels' has to list them/);
  assert.match(find([specOf("prediction", "FP32", [65])]), /65 numbers a row, more than the 64/);
  assert.match(find([specOf("probabilities", "FP32", [3], ["a", "b"])]), /3 scores a row for 2 classes/);
  assert.match(find([specOf("prediction", "INT64", [1])]), /do not tell what is predicted/);
  assert.match(find([specOf("prediction", "FP32", [2], ["a", "b", "c"])]), /do not tell what is predicted/);
  assert.equal(find([specOf("prediction", "FP32", [1])], "task: off"), "monitor.yaml switches it off");
});

const label = specOf("label", "INT64", [1]);
for (const [what, outputs, maxBatchSize] of [
  ["an isolation forest", [label, specOf("scores", "FP32", [1])], 64],
  ["how unusual a row is", [specOf("anomaly_score", "FP32", [1])], 64],
  ["a score of anything", [specOf("credit_score", "FP32", [1])], 64],
  ["the probability of the predicted class", [label, specOf("probability", "FP32", [1])], 64],
  ["logarithms of probabilities", [specOf("log_probs", "FP32", [10])], 64],
  ["several answers of yes or no", [specOf("sigmoid", "FP32", [14])], 64],
  ["several answers with names", [specOf("sigmoid", "FP32", [2], ["wet", "cold"])], 64],
  ["classes of pixels", [specOf("probabilities", "FP32", [21, 32, 32])], 64],
  ["as many boxes as there are", [specOf("labels", "INT64", [-1]), specOf("scores", "FP32", [-1])], 0],
  ["boxes", [specOf("detection_scores", "FP32", [100]), specOf("detection_boxes", "FP32", [100, 4])], 64],
  ["a fixed number of rows", [specOf("probabilities", "FP32", [8, 3])], 0],
] as const) {
  test(`a wrong guess would be a wrong number: ${what}`, () => {
    assert.match(find(outputs, "", [], maxBatchSize), /monitor.yaml can/);
  });
}

test("labels that somebody lists make a guess of what was not clear", () => {
  assert.equal(find([label], "labels: [cat, dog, emu]"), "multiclass: label - -; cat,dog,emu; 0");
  assert.equal(find([label], "", animals), "multiclass: label - -; cat,dog,emu; 0");
  assert.equal(find([specOf("score", "FP32", [1])], "labels: ['no', 'yes']"), "binary: - score -; no,yes; 1");
});

test("monitor.yaml wins over the guess, the profile's labels over those of the outputs", () => {
  const outputs = [
    specOf("label", "INT64", []),
    specOf("probabilities", "FP32", [3], animals),
    specOf("z", "FP32", [1]),
  ];
  assert.equal(find(outputs, "outputs: {value: z}"), "regression: - - z; ; 1");
  assert.equal(find(outputs, "labels: [a, b, c]"), "multiclass: label probabilities -; a,b,c; 3");
  assert.equal(find(outputs, "", ["k", "l", "m"]), "multiclass: label probabilities -; k,l,m; 3");
  assert.equal(find(outputs, "outputs: {scores: z}"), "multiclass: label z -; 0,1; 1".replace("multiclass", "binary"));
});

for (const [yaml, message] of [
  [
    "outputs: {scores: probs}",
    "outputs.scores is 'probs', which the model does not have; its outputs are label, probabilities",
  ],
  ["outputs: {label: probabilities}", "outputs.label is 'probabilities', but FP32 [3] cannot be that"],
  ["task: binary", "task is 'binary', but there are 3 classes: 0, 1, 2"],
  ["task: regression", "the task is regression: outputs.value has to name the output with the numbers"],
  ["labels: [a, b]\ntask: binary", "output 'probabilities' has 3 scores a row for 2 classes"],
  ["labels: [a, b]", "output 'probabilities' has 3 scores a row for 2 classes"],
  ["positiveClass: x", "positiveClass is 'x', but there are 3 classes"],
  ["positiveClass: x\noutputs: {scores: probabilities}", "positiveClass is 'x', but there are 3 classes"],
] as const) {
  test(`refused: ${yaml.replace("\n", ", ")}`, () => {
    const outputs = [specOf("label", "INT64", []), specOf("probabilities", "FP32", [3])];
    assert.throws(() => find(outputs, yaml), { reason: "refused", message: `monitor.yaml: ${message}` });
  });
}

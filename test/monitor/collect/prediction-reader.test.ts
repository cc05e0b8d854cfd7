import assert from "node:assert/strict";
import { test } from "node:test";
import type { InferenceResponse, Signature } from "../../../src/inference.ts";
import { PredictionReader } from "../../../src/monitor/collect/prediction-reader.ts";
import { findTask } from "../../../src/monitor/config/model-task.ts";
import { readMonitorConfig } from "../../../src/monitor/config/monitor-config.ts";
import { responseOf, signatureOf, specOf, tensorOf } from "../../support/monitor-tensors.ts";

function readerOf(signature: Signature, yaml = ""): PredictionReader {
  const { task, note } = findTask(readMonitorConfig(yaml), { signature });
  assert.ok(task, note);
  return new PredictionReader(task, signature);
}

function readAll(reader: PredictionReader, response: InferenceResponse) {
  const rows = reader.open(response, 5);
  return Array.from({ length: rows }, (_, row) => {
    const { predictedClass, values, atMs } = reader.read(row);
    assert.equal(atMs, 5);
    return [predictedClass, ...values];
  });
}

test("labels and probabilities, as our own classifiers give them", () => {
  const signature = signatureOf([specOf("label", "INT64", []), specOf("probabilities", "FP32", [3])]);
  const reader = readerOf(signature);
  assert.deepEqual(reader.layout, { task: "multiclass", width: 3, labels: ["0", "1", "2"] });
  const response = responseOf(
    tensorOf("probabilities", "FP32", [2, 3], [0.25, 0.5, 0.25, 0, 0, 1]),
    tensorOf("label", "INT64", [2], [1, 2]),
  );
  assert.deepEqual(readAll(reader, response), [
    [1, 0.25, 0.5, 0.25],
    [2, 0, 0, 1],
  ]);
});

test("labels that are texts or other numbers than their index are found", () => {
  const labels = ["benign", "malignant"];
  const signature = signatureOf([
    specOf("output_label", "BYTES", []),
    specOf("output_probability", "FP32", [2], labels),
  ]);
  const scores = tensorOf("output_probability", "FP32", [3, 2], [0.5, 0.5, 0.25, 0.75, 1, 0]);
  const texts = tensorOf("output_label", "BYTES", [3], ["malignant", "maligna", "benign"]);
  assert.deepEqual(
    readAll(readerOf(signature), responseOf(texts, scores)).map(([predicted]) => predicted),
    [1, -1, 0],
  );
  const numbers = signatureOf([specOf("label", "INT64", []), specOf("probabilities", "FP32", [2], ["-1", "7"])]);
  const answer = responseOf(
    tensorOf("label", "INT64", [3], [7, -1, 1]),
    tensorOf("probabilities", "FP32", [3, 2], [0, 1, 1, 0, 1, 0]),
  );
  assert.deepEqual(
    readAll(readerOf(numbers), answer).map(([predicted]) => predicted),
    [1, 0, -1],
  );
});

test("without labels a class follows from the scores: the threshold for two, the largest for more", () => {
  const single = signatureOf([specOf("probability", "FP32", [1])]);
  const scores = responseOf(tensorOf("probability", "FP32", [4, 1], [0.5, 0.25, 0.75, Number.NaN]));
  assert.deepEqual(
    readAll(readerOf(single), scores).map(([predicted]) => predicted),
    [1, 0, 1, -1],
  );
  assert.deepEqual(
    readAll(readerOf(single, "threshold: 0.7\nlabels: [yes, no]\npositiveClass: yes"), scores).map(
      ([predicted]) => predicted,
    ),
    [1, 1, 0, -1],
  );
  const several = signatureOf([specOf("scores", "FP64", [3])]);
  const answer = responseOf(tensorOf("scores", "FP64", [3, 3], [1, 3, 3, 2, 1, 0, 1, Number.NaN, 2]));
  assert.deepEqual(
    readAll(readerOf(several), answer).map(([predicted]) => predicted),
    [1, 0, -1],
  );
});

test("of two logits the larger one is the class, unless a threshold is given for the positive one", () => {
  const signature = signatureOf([specOf("logits", "FP32", [2], ["no", "yes"])]);
  const logits = responseOf(tensorOf("logits", "FP32", [4, 2], [-3, -1, 2, 0.75, 0.5, 0.5, Number.NaN, 1]));
  const classes = (yaml = "") => readAll(readerOf(signature, yaml), logits).map(([predicted]) => predicted);
  assert.deepEqual(classes(), [1, 0, 1, -1]);
  assert.deepEqual(classes("threshold: 0.6"), [0, 1, 0, -1]);
});

test("numbers of a regression, several a row", () => {
  const signature = signatureOf([specOf("prediction", "FP16", [2])]);
  const response = responseOf(tensorOf("prediction", "FP16", [2, 2], [1, 2, 3, -4]));
  assert.deepEqual(readAll(readerOf(signature), response), [
    [-1, 1, 2],
    [-1, 3, -4],
  ]);
});

test("a model without a batch dimension gives one row, or as many as its first dimension", () => {
  const one = signatureOf([specOf("scores", "FP32", [3])], [], 0);
  assert.deepEqual(readAll(readerOf(one), responseOf(tensorOf("scores", "FP32", [3], [0, 1, 0]))), [[1, 0, 1, 0]]);
  const many = signatureOf([specOf("scores", "FP32", [-1, 3])], [], 0);
  const answer = responseOf(tensorOf("scores", "FP32", [2, 3], [0, 1, 0, 1, 0, 0]));
  assert.deepEqual(
    readAll(readerOf(many), answer).map(([predicted]) => predicted),
    [1, 0],
  );
});

test("an answer without the outputs that tell it, or of another form, has no predictions", () => {
  const reader = readerOf(signatureOf([specOf("label", "INT64", []), specOf("probabilities", "FP32", [2])]));
  const label = tensorOf("label", "INT64", [2], [1, 0]);
  const scores = tensorOf("probabilities", "FP32", [2, 2], [0, 1, 1, 0]);
  assert.equal(reader.open(responseOf(label, scores), 5), 2);
  assert.equal(reader.open(responseOf(label), 5), 0);
  assert.equal(reader.open(responseOf(scores), 5), 0);
  assert.equal(reader.open(responseOf(label, tensorOf("probabilities", "FP32", [2, 3], [1, 2, 3, 4, 5, 6])), 5), 0);
  assert.equal(reader.open(responseOf(tensorOf("label", "INT64", [1], [1]), scores), 5), 0);
});

test("labels that nobody has listed are guessed, and so are those of a profile that only counts: what the model lists comes before", () => {
  const plain = signatureOf([specOf("label", "INT64", []), specOf("probabilities", "FP32", [3])]);
  const named = signatureOf([specOf("label", "INT64", []), specOf("probabilities", "FP32", [3], ["1", "2", "3"])]);
  const find = (signature: Signature, profile: string[], yaml = "") => {
    const { task } = findTask(readMonitorConfig(yaml), { signature }, profile);
    return [task?.areLabelsGuessed, ...(task?.labels ?? [])];
  };
  const counted = ["0", "1", "2"];
  assert.deepEqual(find(plain, []), [true, ...counted]);
  assert.deepEqual(find(plain, counted), [true, ...counted]);
  assert.deepEqual(find(plain, ["a", "b", "c"]), [false, "a", "b", "c"]);
  assert.deepEqual(find(plain, [], "labels: ['0', '1', '2']"), [false, ...counted]);
  assert.deepEqual(find(named, counted), [false, "1", "2", "3"]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { askForPredictions, predictionOutputs } from "../../src/cli/prediction-columns.ts";
import { createTensor, readStrings, readTensor } from "../../src/client/tensor-values.ts";
import type { InferenceResponse, Parameters } from "../../src/inference.ts";
import { predictionIdParameter, predictionTokenOutput } from "../../src/outcome.ts";

const label = createTensor("label", "INT64", [2], [0, 1]);
const tokens = createTensor(predictionTokenOutput, "BYTES", [2], [Uint8Array.of(0, 1), Uint8Array.of(255)]);

function answer(outputs: InferenceResponse["outputs"], parameters: Parameters = new Map()): InferenceResponse {
  return { modelName: "m", modelVersion: "1", id: "", parameters, outputs };
}

test("an answer has columns that name its rows, in the place of what the protocol calls them", () => {
  const named = answer([label, tokens], new Map([[predictionIdParameter, "a"]]));
  const outputs = predictionOutputs(named, 2, { predictionIds: true, predictionTokens: true });
  assert.deepEqual(
    outputs.map(({ name }) => name),
    ["label", "prediction_id", "row", "prediction_token"],
  );
  const [, ids, rows, texts] = outputs as [typeof label, typeof label, typeof label, typeof label];
  assert.deepEqual(readStrings(ids), ["a", "a"]);
  assert.deepEqual(readTensor(rows), Int32Array.of(0, 1));
  assert.deepEqual(readStrings(texts), ["AAE=", "/w=="]);
});

test("an answer of which nothing was asked is left as it is", () => {
  const none = { predictionIds: false, predictionTokens: false };
  assert.deepEqual(predictionOutputs(answer([label]), 2, none), [label]);
  assert.deepEqual(askForPredictions(none), {});
  assert.deepEqual(askForPredictions({ predictionIds: true, predictionTokens: true }), {
    predictionId: "",
    predictionTokens: true,
  });
});

test("a row without a batch dimension has single values", () => {
  const named = answer([], new Map([[predictionIdParameter, "a"]]));
  const outputs = predictionOutputs(named, undefined, { predictionIds: true, predictionTokens: false });
  assert.deepEqual(
    outputs.map(({ shape }) => shape),
    [[], []],
  );
});

test("a server that gives none is told apart by what it lacks", () => {
  const ids = { predictionIds: true, predictionTokens: false };
  assert.throws(
    () => predictionOutputs(answer([label]), 2, ids),
    /gives no prediction ids .*leave --prediction-ids out/,
  );
  const signed = { predictionIds: false, predictionTokens: true };
  assert.throws(
    () => predictionOutputs(answer([label]), 2, signed),
    /gives no prediction tokens .*leave --prediction-tokens out/,
  );
});

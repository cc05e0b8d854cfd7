import assert from "node:assert/strict";
import { test } from "node:test";
import { type ModelStanding, unwatchedModels } from "../../src/monitor/unwatched-models.ts";

const index: readonly ModelStanding[] = [
  { name: "good", version: "1", state: "READY", reason: "" },
  { name: "good", version: "2", state: "LOADING", reason: "" },
  { name: "bad", version: "1", state: "UNAVAILABLE", reason: "no ONNX file" },
  { name: "worse", version: "", state: "UNAVAILABLE", reason: "config.pbtxt: no such field" },
  { name: "unwanted", version: "", state: "UNAVAILABLE", reason: "unloaded" },
  { name: "watched", version: "1", state: "UNLOADING", reason: "" },
];

const told = (modelName = "", modelVersion = "") =>
  unwatchedModels(index, { modelName, modelVersion, isWatched: (name) => name === "watched" }).map(
    ({ model_name, model_version, state, state_reason }) => [model_name, model_version, state, state_reason],
  );

test("versions that are being loaded or failed are told, with the reason; others are not", () => {
  assert.deepEqual(told(), [
    ["good", "2", "LOADING", ""],
    ["bad", "1", "UNAVAILABLE", "no ONNX file"],
    ["worse", "", "UNAVAILABLE", "config.pbtxt: no such field"],
  ]);
});

test("only those that were asked for", () => {
  assert.deepEqual(told("bad"), [["bad", "1", "UNAVAILABLE", "no ONNX file"]]);
  assert.deepEqual(told("good", "1"), []);
  assert.deepEqual(told("unwanted"), []);
});

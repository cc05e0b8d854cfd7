import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { InferenceError } from "../../../src/errors.ts";
import { summarizeModel } from "../../../src/model/onnx-summary.ts";
import type { LoadRequest } from "../../../src/runtime/process/load-protocol.ts";
import { createSession } from "../../../src/runtime/process/provider.ts";
import { buildModel, modelBytes, node } from "../../model/build-model.ts";

const request: LoadRequest = {
  operation: "load",
  sessionId: 1,
  name: "m",
  version: "1",
  file: "model.onnx",
  folder: ".",
  config: {},
  batching: "tried",
  defaultMaxBatchSize: 1,
  device: "cpu",
  isFallbackAllowed: true,
  intraOpThreads: 1,
  maxModelNodes: 10,
  maxModelBytes: 10_000_000,
  maxStateBytes: 1 << 20,
};

/** What is said of a model with one node that ONNX Runtime does not know. */
async function refusalOf(name: string): Promise<InferenceError> {
  const graph = { node: [node("NoSuchOperator", ["X"], ["Y"], { name })] };
  const summary = summarizeModel(buildModel(graph));
  const prepared = { bytes: modelBytes(graph), sha256: "", summary, classNames: [], defaults: [] };
  try {
    await createSession(prepared, request, ["cpu"]);
  } catch (error) {
    return error as InferenceError;
  }
  throw new Error("it was loaded");
}

describe("a model that ONNX Runtime refuses", () => {
  it("is refused in ONNX Runtime's words", async () => {
    const { reason, message } = await refusalOf("odd");
    assert.equal(reason, "refused");
    assert.match(message, /^ONNX Runtime cannot load model 'm': .*NoSuchOperator/);
  });

  it("is refused at once, however long the names are that those words quote", { timeout: 20_000 }, async () => {
    const { message } = await refusalOf("/".repeat(1_000_000));
    assert.ok(message.length < 400, message);
  });
});

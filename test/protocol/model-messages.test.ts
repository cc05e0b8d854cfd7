import assert from "node:assert/strict";
import { test } from "node:test";
import type { Signature } from "../../src/inference.ts";
import { inferenceService } from "../../src/protocol/definitions.ts";
import { type ModelCounters, modelMetadata, modelStatistics } from "../../src/protocol/model-messages.ts";

test("metadata shows the batch dimension of a model that batches, as -1", () => {
  const signature: Signature = {
    inputs: [{ name: "x", datatype: "FP32", dims: [4, -1] }],
    outputs: [{ name: "label", datatype: "BYTES", dims: [] }],
    maxBatchSize: 64,
  };
  const metadata = modelMetadata("m", ["1", "3"], signature);
  assert.deepEqual(metadata, {
    name: "m",
    versions: ["1", "3"],
    platform: "onnxruntime_onnx",
    inputs: [{ name: "x", datatype: "FP32", shape: [-1, 4, -1] }],
    outputs: [{ name: "label", datatype: "BYTES", shape: [-1] }],
  });
  assert.deepEqual(modelMetadata("m", [], { ...signature, maxBatchSize: 0 }).inputs[0]?.shape, [4, -1]);
  assert.ok(inferenceService().ModelMetadata?.responseSerialize(metadata).length);
});

test("statistics arrive whole at a client, whatever their size", () => {
  const duration = (count: number, ns: number) => ({ count, ns });
  const batch = (batchSize: number) => ({
    batchSize,
    computeInput: duration(1, 2),
    computeInfer: duration(1, 3),
    computeOutput: duration(1, 4),
  });
  const answers = (count: number) => ({
    computeInfer: duration(count, 5),
    computeOutput: duration(count, 6),
    success: duration(count, 11),
    fail: duration(0, 0),
    emptyResponse: duration(2, 7),
    cancel: duration(1, 0),
  });
  const counters: ModelCounters = {
    name: "m",
    version: "2",
    lastInferenceMs: 1_700_000_000_000,
    inferenceCount: 7,
    executionCount: 2,
    success: duration(7, 2 ** 60),
    fail: duration(1, 10),
    queue: duration(7, 20),
    computeInput: duration(7, 30),
    computeInfer: duration(7, 40),
    computeOutput: duration(7, 2 ** 63),
    batches: new Map([
      [4, batch(4)],
      [3, batch(3)],
    ]),
    answers: new Map([[0, answers(3)]]),
  };
  const method = inferenceService().ModelStatistics!;
  const sendable = modelStatistics(counters);
  const [read] = (method.responseDeserialize(method.responseSerialize({ model_stats: [sendable] })) as any).model_stats;
  assert.equal(sendable.inference_stats.compute_output?.ns, "9223372036854775808");
  assert.deepEqual(JSON.parse(JSON.stringify(read)), { ...sendable, memory_usage: [] });
  assert.deepEqual(sendable.response_stats["0"]?.empty_response, { count: "2", ns: "7" });
  assert.deepEqual(
    read.batch_stats.map((entry: any) => entry.batch_size),
    ["3", "4"],
  );
});

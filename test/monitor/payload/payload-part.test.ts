import assert from "node:assert/strict";
import { test } from "node:test";
import { InferenceError } from "../../../src/errors.ts";
import type { InferenceResponse } from "../../../src/inference.ts";
import { readMonitorConfig } from "../../../src/monitor/config/monitor-config.ts";
import type { ModelPartContext } from "../../../src/monitor/model-part.ts";
import { PayloadLogs } from "../../../src/monitor/payload/payload-logs.ts";
import { PayloadMemory } from "../../../src/monitor/payload/payload-memory.ts";
import { createPayloadPart } from "../../../src/monitor/payload/payload-part.ts";
import { SeriesRegistry } from "../../../src/monitor/telemetry/series-registry.ts";
import { FakeMonitorClock } from "../../support/fake-monitor-clock.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { echoDescription, floats, requestOf } from "../../support/runtime-requests.ts";
import { createRecord } from "../telemetry/records.ts";

function subject(payloadLog: string, maxBytes = 1e6) {
  const clock = new FakeMonitorClock();
  const store = new MemoryStore();
  const logs = new PayloadLogs(store, clock, new PayloadMemory(maxBytes));
  const drops: string[] = [];
  const logged: string[] = [];
  const context = {
    description: echoDescription({ max_batch_size: 8 }),
    config: readMonitorConfig(`payloadLog: ${payloadLog}`),
    series: new SeriesRegistry(() => clock.nowMs()).server,
    clock,
    payloadLogs: logs,
    drop: (monitor: string, reason: string, count = 1) => drops.push(`${monitor} ${reason} ${count}`),
    report: (level: string, message: string) => logged.push(`${level} ${message}`),
  } as unknown as ModelPartContext;
  const part = createPayloadPart(context);
  return { context, store, logs, drops, logged, part };
}

const record = (value: number, count = 1) =>
  createRecord({ request: requestOf([floats("x", Array(count).fill(value))]), rows: count });
const answer: InferenceResponse = {
  modelName: "m",
  modelVersion: "1",
  id: "",
  parameters: new Map(),
  outputs: [floats("y", [7]), { ...floats("sluice_prediction_token", [1]), datatype: "BYTES" }],
};

test("what is admitted and ends is written, well or not; tokens never are", async () => {
  const { part, store, logs } = subject("{ share: 1 }");
  const [good, bad] = [record(1), record(2)];
  part?.onAdmitted?.(good);
  part?.onAdmitted?.(bad);
  good.request.inputs[0]!.data.fill(0); // the views are only valid during the call
  part?.onAnswer?.(good, answer, 0);
  bad.error = new InferenceError("runtime", "it failed");
  part?.onFailure?.(bad, 0);
  await logs.stop(1000);
  const [first, second] = store.lines().map((line) => JSON.parse(line));
  assert.deepEqual(first.inputs[0].data, [[1]]);
  assert.deepEqual(first.outputs, [{ name: "y", datatype: "FP32", shape: [1, 1], data: [[7]] }]);
  const { status, error, outputs } = second;
  assert.deepEqual({ status, error, outputs }, { status: "runtime", error: "it failed", outputs: undefined });
  assert.equal(logs.memory.usedBytes, 0);
});

test("inputs leave room for outputs, and nothing is copied beyond the bound", async () => {
  const { part, store, logs } = subject("{ share: 1, maxRecordBytes: 64 }");
  const large = record(1, 1000);
  part?.onAdmitted?.(large);
  part?.onAnswer?.(large, { ...answer, outputs: [floats("y", Array(1000).fill(2))] }, 0);
  await logs.stop(1000);
  const [line] = store.lines().map((text) => JSON.parse(text));
  assert.deepEqual([line.inputs[0].data.length, line.outputs[0].data.length], [12, 4]);
});

test("what there is no memory for is dropped and counted, at admission and at the end", async () => {
  const { part, drops, logs, store } = subject("{ share: 1, maxRecordBytes: 100000 }", 6_000);
  const records = [record(1), record(2), record(3), record(4), record(5, 500)];
  for (const admitted of records) part?.onAdmitted?.(admitted);
  assert.deepEqual(drops, ["payload_log queue_full 1"]);
  part?.onAnswer?.(records[0]!, { ...answer, outputs: [floats("y", Array(1000).fill(2))] }, 0);
  assert.equal(drops.length, 2);
  for (const ended of records.slice(1)) part?.onAnswer?.(ended, { ...answer, outputs: [] }, 0);
  await logs.stop(1000);
  assert.equal(store.lines().length + drops.length, 5);
  assert.equal(logs.memory.usedBytes, 0);
});

test("a version that goes gives back what its requests under way hold", async () => {
  const { part, drops, logs } = subject("{ share: 1 }");
  part?.onAdmitted?.(record(1));
  part?.close?.();
  assert.deepEqual([logs.memory.usedBytes, drops], [0, ["payload_log stopped 1"]]);
});

test("a version that was replaced and goes on with its sequences opens no log again", () => {
  const { part, store, logs } = subject("{ share: 1 }");
  part?.close?.();
  const late = record(1);
  part?.onAdmitted?.(late);
  part?.onAnswer?.(late, answer, 0);
  assert.deepEqual([logs.memory.usedBytes, logs.openCount, store.files.size], [0, 0, 0]);
});

test("a tenant that is left out is in no parameter, and nothing that is left out in the text of a failure", async () => {
  const { part, store, logs } = subject("{ share: 1, redact: { tenant: true, ids: true, parameters: [sequence_id] } }");
  const [hidden, plain] = [record(1), record(2)];
  const parameters = new Map<string, string | bigint>([
    ["sluice_tenant", "acme"],
    ["sequence_id", 4711n],
    ["kept", "yes"],
  ]);
  const failed = { ...hidden, request: { ...hidden.request, parameters } };
  part?.onAdmitted?.(failed);
  failed.error = new InferenceError("runtime", "sequence 4711 has lost its state");
  part?.onFailure?.(failed, 0);
  part?.onAdmitted?.(plain);
  plain.error = new InferenceError("runtime", "it failed");
  part?.onFailure?.(plain, 0);
  await logs.stop(1000);
  const [first, second] = store.lines().map((line) => JSON.parse(line));
  assert.deepEqual(
    [first.parameters, first.status, first.error, first.tenant],
    [{ kept: "yes" }, "runtime", undefined, undefined],
  );
  assert.equal(second.error, "it failed");
});

test("the long texts of clients are cut, let go of and counted", () => {
  const { part, logs } = subject("{ share: 1 }", 30_000);
  const long = "x".repeat(1_000_000);
  const wordy = () => {
    const base = record(1);
    return { ...base, request: { ...base.request, id: long, parameters: new Map([["sluice_prediction_id", long]]) } };
  };
  for (let i = 0; i < 100; i++) part?.onAdmitted?.(wordy());
  assert.ok(logs.memory.usedBytes > 20_000, String(logs.memory.usedBytes));
});

test("there is no part without a share, nor without the server's folder, which is said", () => {
  assert.equal(subject("{ share: 0 }").part, undefined);
  const { context, logged } = subject("{ share: 1 }");
  assert.equal(createPayloadPart({ ...context, payloadLogs: undefined }), undefined);
  assert.deepEqual(logged, ["warn monitor.yaml asks for a payload log, but --payload-log-folder is not set"]);
});

test("a stop does not wait for a disk that hangs", async () => {
  const { part, store, logs } = subject("{ share: 1 }");
  store.hold = new Promise(() => {});
  const hanging = record(1);
  part?.onAdmitted?.(hanging);
  part?.onAnswer?.(hanging, answer, 0);
  const beginMs = performance.now();
  await logs.stop(20);
  assert.ok(performance.now() - beginMs < 2_000);
});

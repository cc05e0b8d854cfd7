import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InferenceError, type Reason } from "../../../src/errors.ts";
import { TritonMetrics } from "../../../src/monitor/telemetry/triton-metrics.ts";
import type { RequestRecord } from "../../../src/runtime/observer.ts";
import { createBatch, createFailure, createRecord, describeModel } from "./records.ts";

const model = describeModel();

function loaded(description = model): TritonMetrics {
  const metrics = new TritonMetrics();
  load(metrics, description);
  return metrics;
}

function load(metrics: TritonMetrics, description: typeof model): void {
  const { name, version } = description;
  metrics.onModelState(name, version, "READY", { reason: "", loadMs: 250, description });
}

function answer(metrics: TritonMetrics, record: RequestRecord, description = model): void {
  metrics.onAdmitted(description, record);
  metrics.onTaken(description, 1);
  metrics.onEnd(description, record);
}

const textOf = (metrics: TritonMetrics): string => [...metrics.text()].join("");

/** Samples alone, by `family{labels}`. */
const samplesOf = (metrics: TritonMetrics): Record<string, number> =>
  Object.fromEntries(
    [...textOf(metrics).matchAll(/^nv_inference_(\S+) (\S+)$/gm)].map(([, key, value]) => [key, Number(value)]),
  );

describe("TritonMetrics", () => {
  it("writes exactly this", () => {
    const metrics = loaded();
    const records = [
      createRecord({ rows: 4, takenMs: 1003.0009, computeInferMs: 4.9999 }),
      createRecord({ endedMs: 1010.0019, computeInputMs: 0.0004 }),
    ];
    for (const record of records) answer(metrics, record);
    metrics.onBatch(model, createBatch(records));
    metrics.onBatch(model, createBatch(records, { error: new InferenceError("runtime", "failed") }));
    answer(metrics, { ...createRecord(), error: new InferenceError("runtime", "failed") });
    metrics.onEnd(model, createFailure(new InferenceError("queue_full", "full")));
    metrics.onAdmitted(model, createRecord());
    assert.equal(
      textOf(metrics),
      `# HELP nv_inference_request_success Requests answered; one of several rows counts once.
# TYPE nv_inference_request_success counter
nv_inference_request_success{model="seed",version="1"} 2
# HELP nv_inference_request_failure Requests that ended without an answer, by reason.
# TYPE nv_inference_request_failure counter
nv_inference_request_failure{model="seed",reason="REJECTED",version="1"} 1
nv_inference_request_failure{model="seed",reason="CANCELED",version="1"} 0
nv_inference_request_failure{model="seed",reason="BACKEND",version="1"} 1
nv_inference_request_failure{model="seed",reason="OTHER",version="1"} 0
# HELP nv_inference_count Rows of the requests answered.
# TYPE nv_inference_count counter
nv_inference_count{model="seed",version="1"} 5
# HELP nv_inference_exec_count Executions of the model.
# TYPE nv_inference_exec_count counter
nv_inference_exec_count{model="seed",version="1"} 1
# HELP nv_inference_request_duration_us Time of the requests answered, from arrival to reply, microseconds.
# TYPE nv_inference_request_duration_us counter
nv_inference_request_duration_us{model="seed",version="1"} 20001
# HELP nv_inference_queue_duration_us Time of the requests answered in the queue, microseconds.
# TYPE nv_inference_queue_duration_us counter
nv_inference_queue_duration_us{model="seed",version="1"} 4000
# HELP nv_inference_compute_input_duration_us Time of the requests answered for handing over inputs, microseconds.
# TYPE nv_inference_compute_input_duration_us counter
nv_inference_compute_input_duration_us{model="seed",version="1"} 1000
# HELP nv_inference_compute_infer_duration_us Time of the requests answered in the model's run, microseconds.
# TYPE nv_inference_compute_infer_duration_us counter
nv_inference_compute_infer_duration_us{model="seed",version="1"} 8999
# HELP nv_inference_compute_output_duration_us Time of the requests answered for taking outputs, microseconds.
# TYPE nv_inference_compute_output_duration_us counter
nv_inference_compute_output_duration_us{model="seed",version="1"} 2000
# HELP nv_inference_pending_request_count Requests that wait for their execution.
# TYPE nv_inference_pending_request_count gauge
nv_inference_pending_request_count{model="seed",version="1"} 1
`,
    );
  });

  it("shows every series with 0 from the load on, and none before it and after the unload", () => {
    const metrics = new TritonMetrics();
    assert.equal(textOf(metrics), "");
    metrics.onModelState("seed", "1", "LOADING", { reason: "" });
    assert.equal(textOf(metrics), "");
    load(metrics, model);
    assert.deepEqual(new Set(Object.values(samplesOf(metrics))), new Set([0]));
    assert.equal(Object.keys(samplesOf(metrics)).length, 13);
    metrics.onModelRemoved("seed", "1");
    assert.equal(textOf(metrics), "");
    answer(metrics, createRecord());
    assert.equal(textOf(metrics), "", "what ends after the unload brings nothing back");
  });

  it("begins at 0 with a new load, and goes on where a version is only ready again", () => {
    const metrics = loaded();
    answer(metrics, createRecord());
    metrics.onModelState("seed", "1", "READY", { reason: "", description: model });
    assert.equal(samplesOf(metrics)['request_success{model="seed",version="1"}'], 1);
    const again = describeModel();
    load(metrics, again);
    answer(metrics, createRecord()); // of the load before
    answer(metrics, createRecord(), again);
    assert.equal(samplesOf(metrics)['request_success{model="seed",version="1"}'], 1);
  });

  it("counts what waits: ten requests, one instance, batches of four leave 6, 2 and 0", () => {
    const metrics = loaded();
    const pending = () => samplesOf(metrics)['pending_request_count{model="seed",version="1"}'];
    for (let i = 0; i < 10; i++) metrics.onAdmitted(model, createRecord());
    const seen = [4, 4, 2].map((taken) => {
      metrics.onTaken(model, taken);
      return pending();
    });
    assert.deepEqual(seen, [6, 2, 0]);
    metrics.onAdmitted(model, createRecord());
    metrics.onEnd(model, createRecord({ takenMs: 0, error: new InferenceError("cancelled", "gone") }));
    assert.equal(pending(), 0, "what ends in the queue waits no more");
  });

  it("gives every reason one of Triton's four, and touches nothing else", () => {
    const cases: readonly [string, readonly Reason[]][] = [
      ["REJECTED", ["queue_full", "shed", "deadline", "quota", "draining", "loading", "restarting"]],
      ["CANCELED", ["cancelled"]],
      ["BACKEND", ["runtime"]],
      ["OTHER", ["invalid", "too_large"]],
    ];
    for (const [expected, reasons] of cases) {
      for (const reason of reasons) {
        const metrics = loaded();
        metrics.onEnd(model, createFailure(new InferenceError(reason, "why")));
        const counted = Object.entries(samplesOf(metrics)).filter(([, value]) => value !== 0);
        assert.deepEqual(counted, [[`request_failure{model="seed",reason="${expected}",version="1"}`, 1]], reason);
      }
    }
  });

  it("escapes what a model's name may hold", () => {
    assert.ok(textOf(loaded(describeModel('a"b\\c'))).includes('{model="a\\"b\\\\c",version="1"} 0\n'));
  });
});

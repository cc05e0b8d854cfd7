import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InferenceError } from "../../../src/errors.ts";
import { maxModelVersions } from "../../../src/monitor/telemetry/attribute-values.ts";
import { LatencyObserver } from "../../../src/monitor/telemetry/latency-observer.ts";
import { SeriesRegistry } from "../../../src/monitor/telemetry/series-registry.ts";
import { createBatch, createFailure, createRecord, describeModel } from "./records.ts";
import { createReader, samples, scrape } from "./scrape.ts";

const seed = 'sluice_model_name="seed",sluice_model_version="1"';

class Fixture {
  nowMs = 1_700_000_000_000;
  readonly registry = new SeriesRegistry(() => this.nowMs);
  readonly observer = new LatencyObserver(this.registry);
  readonly reader = createReader(this.registry);

  async samples(): Promise<Map<string, number>> {
    return samples(await scrape(this.reader));
  }

  async value(name: string, labels: string): Promise<number | undefined> {
    return (await this.samples()).get(`${name}{${labels}}`);
  }

  /** Start time in seconds of a series in the next collection. */
  async startSeconds(instrument: string): Promise<number | undefined> {
    const { resourceMetrics } = await this.reader.collect();
    const metrics = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
    return metrics.find(({ descriptor }) => descriptor.name === instrument)?.dataPoints[0]?.startTime[0];
  }
}

describe("LatencyObserver", () => {
  it("takes the time of the first answer of a decoupled model, and of no other one", async () => {
    const fixture = new Fixture();
    const model = describeModel();
    fixture.observer.onAdmitted(model, createRecord());
    const answer = (index: number, outcome: "success" | "empty" | "cancel" | "fail", sinceArrivalMs: number) =>
      fixture.observer.onDecoupledAnswer(model, { index, outcome, computeOutputMs: 1, sinceArrivalMs });
    answer(0, "success", 12);
    answer(1, "success", 900);
    answer(0, "empty", 900);
    answer(0, "cancel", 900);
    answer(0, "fail", 900);
    assert.equal(await fixture.value("sluice_time_to_first_response_seconds_count", seed), 1);
    assert.equal(await fixture.value("sluice_time_to_first_response_seconds_sum", seed), 0.012);
  });

  it("shows the limits of a model, its own where its configuration names them", async () => {
    const fixture = new Fixture();
    const load = (name: string, parameters: Record<string, { string_value: string }>) => {
      const description = { ...describeModel(name), config: { parameters } };
      fixture.observer.onModelState(name, "1", "READY", { reason: "", loadMs: 1, description });
    };
    load("seed", {});
    load("own", {
      sluice_max_queue_requests: { string_value: "7" },
      sluice_latency_target_ms: { string_value: "20" },
    });
    const own = 'sluice_model_name="own",sluice_model_version="1"';
    assert.equal(await fixture.value("sluice_queue_limit", seed), 10_000);
    assert.equal(await fixture.value("sluice_latency_target_seconds", seed), undefined);
    assert.equal(await fixture.value("sluice_queue_limit", own), 7);
    assert.equal(await fixture.value("sluice_latency_target_seconds", own), 0.02);
  });

  it("counts every successful request once in every stage, and failures only by their reason", async () => {
    const fixture = new Fixture();
    const { observer } = fixture;
    const model = describeModel();
    const good = [createRecord(), createRecord({ rows: 3 })];
    const expired = { ...createFailure(new InferenceError("deadline", "late")), queuedMs: 1001 };
    for (const record of [...good, expired]) observer.onAdmitted(model, record);
    observer.onTaken(model, good.length);
    const runTime = { fixedMs: 2, perRowMs: 0.5, spreadMs: 0, runs: 9 };
    observer.onBatch(model, createBatch(good, { padding: 4, runTime, shapeBucket: "128 bytes" }));
    for (const record of [...good, expired]) observer.onEnd(model, record);
    observer.onEnd(model, createFailure(new InferenceError("invalid", "no such input")));
    const values = samples(await scrape(fixture.reader));
    assert.equal(values.get(`sluice_batch_run_fixed_seconds{${seed},sluice_shape_bucket="128 bytes"}`), 0.002);
    assert.equal(values.get(`sluice_batch_run_row_seconds{${seed},sluice_shape_bucket="128 bytes"}`), 0.0005);
    assert.equal(values.get(`sluice_request_duration_seconds_count{${seed}}`), 2);
    assert.equal(values.get(`sluice_request_duration_seconds_sum{${seed}}`), 0.02);
    for (const [stage, sum] of [
      ["queue", 0.004],
      ["compute_input", 0.002],
      ["compute_infer", 0.008],
      ["compute_output", 0.002],
    ] as const) {
      assert.equal(values.get(`sluice_request_stage_duration_seconds_count{${seed},sluice_stage="${stage}"}`), 2);
      assert.equal(values.get(`sluice_request_stage_duration_seconds_sum{${seed},sluice_stage="${stage}"}`), sum);
    }
    assert.equal(values.get(`sluice_requests_rejected_total{${seed},sluice_reason="deadline"}`), 1);
    assert.equal(values.get(`sluice_requests_rejected_total{${seed},sluice_reason="invalid"}`), 1);
    assert.equal(values.get(`sluice_requests_rejected_total{${seed},sluice_reason="shed"}`), 0);
    assert.equal(values.get(`sluice_request_duration_seconds_count{${seed},error_type="deadline"}`), 1);
    assert.equal(values.get(`sluice_batch_size_sum{${seed}}`), 4);
    assert.equal(values.get(`sluice_batch_size_count{${seed}}`), 1);
    assert.equal(values.get(`sluice_batch_padding_sum{${seed}}`), 4);
    assert.equal(values.get(`sluice_queue_size{${seed}}`), 0);
  });

  it("leaves a failed execution out of batch sizes, so that rows that run again count once", async () => {
    const fixture = new Fixture();
    const model = describeModel();
    const record = createRecord({ rows: 2 });
    fixture.observer.onAdmitted(model, record);
    fixture.observer.onBatch(model, createBatch([record], { error: new InferenceError("runtime", "failed") }));
    fixture.observer.onBatch(model, createBatch([record], { reason: "retry" }));
    fixture.observer.onEnd(model, record);
    assert.equal(await fixture.value("sluice_batch_size_sum", seed), 2);
    assert.equal(await fixture.value("sluice_batches_total", `${seed},sluice_reason="full"`), 1);
    assert.equal(await fixture.value("sluice_batches_total", `${seed},sluice_reason="retry"`), 1);
  });

  it("shows as queued what no batch has taken: ten requests in batches of four leave 6, 2, 0", async () => {
    const fixture = new Fixture();
    const { observer } = fixture;
    const model = describeModel();
    const records = Array.from({ length: 10 }, () => createRecord({ takenMs: 0 }));
    for (const record of records) observer.onAdmitted(model, record);
    const queued: (number | undefined)[] = [];
    for (const size of [4, 4, 2]) {
      const taken = records.filter(({ takenMs }) => takenMs === 0).slice(0, size);
      for (const record of taken) record.takenMs = 1003;
      observer.onTaken(model, taken.length);
      queued.push(samples(await scrape(fixture.reader)).get(`sluice_queue_size{${seed}}`));
      for (const record of taken) observer.onEnd(model, record);
    }
    assert.deepEqual(queued, [6, 2, 0]);
  });

  it("shows an idle model's state and load only, and all of its counters from the first request on", async () => {
    const fixture = new Fixture();
    const { observer } = fixture;
    const model = describeModel();
    observer.onModelState("seed", "1", "LOADING", { reason: "" });
    observer.onModelState("seed", "1", "READY", { reason: "", loadMs: 250, description: model });
    const idle = samples(await scrape(fixture.reader));
    assert.equal(idle.get(`sluice_model_status{${seed},sluice_state="ready"}`), 1);
    assert.equal(idle.get(`sluice_model_status{${seed},sluice_state="loading"}`), 0);
    assert.equal(idle.get(`sluice_model_load_duration_seconds_sum{${seed}}`), 0.25);
    assert.equal(
      idle.get(`sluice_model_provider{${seed},sluice_requested="auto",sluice_provider="cpu",sluice_partial="false"}`),
      1,
    );
    assert.equal(idle.has(`sluice_request_duration_seconds_count{${seed}}`), false);
    observer.onEnd(model, createRecord());
    const used = samples(await scrape(fixture.reader));
    assert.equal(used.get(`sluice_request_duration_seconds_count{${seed}}`), 1);
    assert.equal(used.get(`sluice_requests_rejected_total{${seed},sluice_reason="shed"}`), 0);
  });

  it("drops the series of an unloaded model at once, also when a request ends late", async () => {
    const fixture = new Fixture();
    const model = describeModel();
    const late = createRecord();
    fixture.observer.onModelState("seed", "1", "READY", { reason: "", loadMs: 1 });
    fixture.observer.onAdmitted(model, late);
    assert.match(await scrape(fixture.reader), /sluice_model_name="seed"/);
    fixture.observer.onModelRemoved("seed", "1");
    assert.doesNotMatch(await scrape(fixture.reader), /sluice_model_name="seed"/);
    fixture.observer.onEnd(model, late);
    fixture.observer.onEnd(describeModel(), createRecord());
    assert.doesNotMatch(await scrape(fixture.reader), /sluice_model_name="seed"/);
    assert.equal(
      await fixture.value("sluice_monitor_dropped_total", 'sluice_monitor="latency",sluice_reason="unknown_model"'),
      1,
    );
  });

  it("starts a version that is loaded again at 0, with a new start time", async () => {
    const fixture = new Fixture();
    const [first, second] = [describeModel(), describeModel()];
    fixture.observer.onModelState("seed", "1", "READY", { reason: "", loadMs: 1, description: first });
    fixture.observer.onEnd(first, createRecord());
    assert.equal(await fixture.startSeconds("sluice.request.duration"), 1_700_000_000);
    fixture.nowMs += 60_000;
    fixture.observer.onModelState("seed", "1", "READY", { reason: "", loadMs: 1, description: second });
    fixture.observer.onEnd(second, createRecord());
    assert.equal(await fixture.value("sluice_request_duration_seconds_count", seed), 1);
    assert.equal(await fixture.startSeconds("sluice.request.duration"), 1_700_000_060);
  });

  it("keeps counting when a model comes back without having been loaded", async () => {
    const fixture = new Fixture();
    const model = describeModel();
    fixture.observer.onModelState("seed", "1", "READY", { reason: "", loadMs: 1, description: model });
    fixture.observer.onEnd(model, createRecord());
    fixture.observer.onModelState("seed", "1", "UNAVAILABLE", { reason: "its process ended" });
    fixture.observer.onModelState("seed", "1", "READY", { reason: "" });
    fixture.observer.onEnd(model, createRecord());
    assert.equal(await fixture.value("sluice_request_duration_seconds_count", seed), 2);
    assert.equal(await fixture.value("sluice_model_status", `${seed},sluice_state="ready"`), 1);
  });

  it("finds the series again when the old version is removed after the new one began", async () => {
    const fixture = new Fixture();
    const model = describeModel();
    fixture.observer.onAdmitted(model, createRecord());
    fixture.observer.onModelRemoved("seed", "1");
    const record = createRecord();
    fixture.observer.onAdmitted(model, record);
    fixture.observer.onEnd(model, record);
    assert.equal(await fixture.value("sluice_request_duration_seconds_count", seed), 1);
    assert.equal(await fixture.value("sluice_model_status", `${seed},sluice_state="ready"`), 1);
  });

  it("keeps NaN and Infinity out of every sum, and counts them", async () => {
    const fixture = new Fixture();
    const model = describeModel();
    fixture.observer.onAdmitted(model, createRecord());
    fixture.observer.onEnd(model, createRecord({ computeInferMs: Number.NaN, endedMs: Number.POSITIVE_INFINITY }));
    fixture.observer.onEnd(model, createRecord());
    for (const value of (await fixture.samples()).values()) assert.ok(Number.isFinite(value));
    assert.equal(await fixture.value("sluice_request_duration_seconds_sum", seed), 0.01);
    assert.equal(
      await fixture.value("sluice_monitor_dropped_total", 'sluice_monitor="latency",sluice_reason="not_finite"'),
      2,
    );
  });

  it("counts a clock that ran backwards as no time", async () => {
    const fixture = new Fixture();
    const model = describeModel();
    fixture.observer.onAdmitted(model, createRecord());
    fixture.observer.onEnd(model, createRecord({ endedMs: 999, takenMs: 1000 }));
    assert.equal(await fixture.value("sluice_request_duration_seconds_sum", seed), 0);
  });

  it("counts the models beyond its limit together", async () => {
    const fixture = new Fixture();
    for (let index = 0; index < maxModelVersions + 2; index++) {
      const model = describeModel(`m${index}`);
      const record = createRecord();
      fixture.observer.onAdmitted(model, record);
      fixture.observer.onEnd(model, record);
    }
    const values = await fixture.samples();
    const names = [...values.keys()].filter((name) => name.startsWith("sluice_request_duration_seconds_count"));
    assert.equal(names.length, maxModelVersions + 1);
    const other = 'sluice_model_name="_OTHER",sluice_model_version="_OTHER"';
    assert.equal(values.get(`sluice_request_duration_seconds_count{${other}}`), 2);
    assert.equal(values.get('sluice_monitor_dropped_total{sluice_monitor="latency",sluice_reason="model_limit"}'), 2);
  });

  it("shows sequences of the models that have them, and why they ended", async () => {
    const fixture = new Fixture();
    const model = describeModel();
    fixture.observer.onModelState("seed", "1", "READY", { reason: "", loadMs: 1, description: model });
    assert.doesNotMatch(await scrape(fixture.reader), /sluice_sequences/);
    fixture.observer.onSequences(model, 3, 2);
    fixture.observer.onSequences(model, 4, 1);
    fixture.observer.onSequenceEnd(model, "idle");
    const labels = 'sluice_model_name="seed",sluice_model_version="1"';
    const text = await scrape(fixture.reader);
    assert.ok(text.includes(`sluice_sequences{${labels},sluice_state="active"} 4`));
    assert.ok(text.includes(`sluice_sequences{${labels},sluice_state="waiting"} 1`));
    assert.ok(text.includes(`sluice_sequences_ended_total{${labels},sluice_reason="idle"} 1`));
    assert.ok(text.includes(`sluice_sequences_ended_total{${labels},sluice_reason="lost"} 0`));
  });

  it("counts runtime processes and why they were started again", async () => {
    const fixture = new Fixture();
    for (const event of ["started", "started", "crash", "started", "stopped"] as const) {
      fixture.observer.onRuntimeProcess(event, 1);
    }
    const values = await fixture.samples();
    assert.equal(values.get("sluice_runtime_processes"), 1);
    assert.equal(values.get('sluice_runtime_restarts_total{sluice_reason="crash"}'), 1);
    assert.equal(values.get('sluice_runtime_restarts_total{sluice_reason="memory"}'), 0);
  });

  it("tells a failed load from a successful one", async () => {
    const fixture = new Fixture();
    fixture.observer.onModelState("seed", "1", "UNAVAILABLE", { reason: "refused", loadMs: 30 });
    assert.equal(await fixture.value("sluice_model_load_duration_seconds_sum", `${seed},error_type="_OTHER"`), 0.03);
    assert.equal(await fixture.value("sluice_model_status", `${seed},sluice_state="unavailable"`), 1);
  });
});

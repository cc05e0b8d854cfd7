import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type InferenceResponse, noParameters, type RequestContext } from "../src/inference.ts";
import { profileText } from "../src/model/reference-profile.ts";
import { ModelMonitors } from "../src/monitor/model-monitors.ts";
import type { CreateModelPart } from "../src/monitor/model-part.ts";
import type { MonitorClock } from "../src/monitor/monitor-clock.ts";
import { SeriesRegistry } from "../src/monitor/telemetry/series-registry.ts";
import type { ModelDescription } from "../src/runtime/model.ts";
import type { BatchRecord, RequestRecord } from "../src/runtime/observer.ts";
import type { Turn } from "./primitive.ts";
import { normal, profileOf } from "./profile-of-noise.ts";
import { createRandom } from "./random.ts";

/** How a monitored model is asked, and what watches it. */
export interface MonitoredModelOptions {
  readonly requestsPerSecond: number;
  /** Rows of a batch. */
  readonly batch: number;
  /** Default: 30, a table of ordinary width. */
  readonly features?: number;
  /** Its monitor.yaml. Default: empty. */
  readonly yaml?: string;
  /** Default: all. */
  readonly parts?: readonly CreateModelPart[];
}

/** Different requests, so that branches are not learned by heart. */
const variants = 256;

/** Requests before anything is measured. */
const preparation = 300_000;

/** Quiet time after them, in which what is worked out beside requests gets its turns. */
const quietSteps = 20_000;
const quietStepMs = 5;

/** Time that goes on by as much as a request takes of it, so that blocks end and the sampler adapts as at that rate of requests. */
class VirtualClock implements MonitorClock {
  #nowMs = 0;
  readonly #originMs = Date.UTC(2026, 0, 1);
  #timers: { readonly atMs: number; readonly callback: () => void }[] = [];
  #nextMs = Number.POSITIVE_INFINITY;

  get monotonicMs(): number {
    return this.#nowMs;
  }

  nowMs(): number {
    return this.#originMs + this.#nowMs;
  }

  epochMsOf(monotonicMs: number): number {
    return this.#originMs + monotonicMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, callback };
    this.#timers.push(timer);
    this.#nextMs = Math.min(this.#nextMs, timer.atMs);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  soon(callback: () => void): void {
    this.after(0, callback);
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    if (this.#nowMs < this.#nextMs) return;
    const due = this.#timers.filter(({ atMs }) => atMs <= this.#nowMs);
    this.#timers = this.#timers.filter(({ atMs }) => atMs > this.#nowMs);
    this.#nextMs = Math.min(...this.#timers.map(({ atMs }) => atMs));
    for (const { callback } of due) callback();
  }
}

/** A record whose times can be set: one of a few that take turns. */
type LiveRecord = { -readonly [Field in keyof RequestRecord]: RequestRecord[Field] };

/**
 * The monitor of one model with everything switched on, and requests to it that come at a rate. A turn is one request that is admitted, runs in a
 * batch of `batch` and is answered.
 */
export class MonitoredModel {
  readonly #folder: string;
  readonly monitors: ModelMonitors;
  readonly turn: Turn;

  private constructor(folder: string, monitors: ModelMonitors, turn: Turn) {
    this.#folder = folder;
    this.monitors = monitors;
    this.turn = turn;
  }

  static async load({
    requestsPerSecond,
    batch,
    features = 30,
    yaml = "",
    parts,
  }: MonitoredModelOptions): Promise<MonitoredModel> {
    const folder = mkdtempSync(join(tmpdir(), "sluice-bench-monitor-"));
    const clock = new VirtualClock();
    const gauges = { readLoopDelay: () => 0, frontBytes: () => 0, runtimeBytes: () => 0, stop: () => {} };
    const monitors = new ModelMonitors({
      registry: new SeriesRegistry(() => clock.nowMs()),
      serverInstance: "bench",
      serverVersion: "0",
      report: () => {},
      clock,
      gauges,
      ...(parts && { parts }),
    });
    const description = await loadModel(monitors, folder, features, yaml);
    const turn = createTurn(monitors, description, clock, { stepMs: 1000 / requestsPerSecond, batch });
    // What is worked out once, when the first rows have come, is no cost of a request.
    for (let i = 0; i < preparation; i++) turn(i);
    for (let i = 0; i < quietSteps; i++) clock.advance(quietStepMs);
    return new MonitoredModel(folder, monitors, turn);
  }

  [Symbol.dispose](): void {
    this.monitors.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function loadModel(
  monitors: ModelMonitors,
  folder: string,
  features: number,
  yaml: string,
): Promise<ModelDescription> {
  mkdirSync(join(folder, "1"));
  writeFileSync(join(folder, "monitor.yaml"), yaml);
  writeFileSync(join(folder, "reference_profile.json"), profileText(profileOf("features", features, ["no", "yes"])));
  const description = createDescription(features);
  await monitors.prepare({ name: "seed", version: "1", file: join(folder, "1", "model.onnx"), folder }, description);
  monitors.onModelState("seed", "1", "READY", { reason: "", description });
  return description;
}

function createTurn(
  monitors: ModelMonitors,
  model: ModelDescription,
  clock: VirtualClock,
  { stepMs, batch: batchSize }: { readonly stepMs: number; readonly batch: number },
): Turn {
  const random = createRandom(1);
  const [features = 0] = model.signature.inputs[0]?.dims ?? [];
  const records = Array.from({ length: variants }, () => createRecord(random, features));
  const responses = Array.from({ length: variants }, () => createResponse(random));
  const batch: BatchRecord = {
    rows: batchSize,
    padding: 0,
    reason: "idle",
    takenMs: 0,
    computeInputMs: 0.04,
    computeInferMs: 0.3,
    computeOutputMs: 0.02,
    endedMs: 1,
    error: undefined,
    requests: [],
  };
  return (index) => {
    const record = records[index % variants] as LiveRecord; // one for each variant
    const { context } = record as { context: { arrivalTimeMs: number } };
    context.arrivalTimeMs = clock.monotonicMs;
    record.queuedMs = clock.monotonicMs + 0.02;
    monitors.onAdmitted(model, record);
    clock.advance(stepMs);
    record.takenMs = clock.monotonicMs + 0.03;
    record.endedMs = clock.monotonicMs + 0.5;
    if (index % batchSize === 0) {
      monitors.onTaken(model, batchSize);
      monitors.onBatch(model, batch);
    }
    monitors.onResponse(model, record, responses[index % variants] as InferenceResponse); // one for each variant
    monitors.onEnd(model, record);
  };
}

function createDescription(features: number): ModelDescription {
  return {
    name: "seed",
    version: "1",
    config: {} as ModelDescription["config"], // the monitor does not look at it
    signature: {
      inputs: [{ name: "features", datatype: "FP32", dims: [features] }],
      outputs: [
        { name: "label", datatype: "INT64", dims: [] },
        { name: "probabilities", datatype: "FP32", dims: [2] },
      ],
      maxBatchSize: 64,
    },
    provider: { requested: "auto", actual: "cpu", isPartial: false, detail: "" },
    batching: "",
    classNames: [],
    loadMs: 10,
  };
}

function bytesOf(array: Float32Array | BigInt64Array): Uint8Array {
  return new Uint8Array(array.buffer);
}

function createRecord(random: () => number, features: number): RequestRecord {
  const data = bytesOf(Float32Array.from({ length: features }, () => normal(random)));
  const context: RequestContext = {
    arrivalTimeMs: 0,
    deadlineMs: Number.POSITIVE_INFINITY,
    isCancelled: false,
    signal: AbortSignal.abort(),
    tenant: "default",
    traceParent: undefined,
    traceState: undefined,
  };
  return {
    request: {
      modelName: "seed",
      modelVersion: "",
      id: "",
      parameters: noParameters,
      inputs: [{ name: "features", datatype: "FP32", shape: [1, features], data }],
      requestedOutputs: [],
      byteLength: data.length,
    },
    context,
    rows: 1,
    queuedMs: 0,
    takenMs: 0,
    computeInputMs: 0.04,
    computeInferMs: 0.3,
    computeOutputMs: 0.02,
    endedMs: 0,
    error: undefined,
    attachment: undefined,
    sample: 0,
  };
}

function createResponse(random: () => number): InferenceResponse {
  const score = random();
  return {
    modelName: "seed",
    modelVersion: "1",
    id: "",
    parameters: noParameters,
    outputs: [
      { name: "label", datatype: "INT64", shape: [1], data: bytesOf(BigInt64Array.of(score > 0.5 ? 1n : 0n)) },
      { name: "probabilities", datatype: "FP32", shape: [1, 2], data: bytesOf(Float32Array.of(1 - score, score)) },
    ],
  };
}

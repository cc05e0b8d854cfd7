import { MeterProvider } from "@opentelemetry/sdk-metrics";
import type { SpanProcessor } from "@opentelemetry/sdk-trace";
import { resolveConfig } from "../src/config.ts";
import type { RequestContext } from "../src/inference.ts";
import { LatencyObserver } from "../src/monitor/latency-observer.ts";
import { createProducer } from "../src/monitor/producer.ts";
import { PrometheusReader } from "../src/monitor/prometheus-reader.ts";
import { SeriesRegistry } from "../src/monitor/series-registry.ts";
import { startTelemetry, type Telemetry } from "../src/monitor/telemetry.ts";
import type { ModelDescription } from "../src/runtime/model.ts";
import type { BatchRecord, Observer, RequestRecord } from "../src/runtime/observer.ts";

/** What the monitor costs on the hot path, in CPU time, beside its budget: 3 us a unary call and 1 us a stream message. */

const rounds = 9;
const perRound = 200_000;

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Median nanoseconds of CPU time per turn. */
function measure(turn: (index: number) => void, count = perRound): number {
  const nanoseconds = Array.from({ length: rounds }, () => {
    const before = process.cpuUsage();
    for (let index = 0; index < count; index++) turn(index);
    const { user, system } = process.cpuUsage(before);
    return ((user + system) * 1000) / count;
  });
  return median(nanoseconds);
}

const model: ModelDescription = {
  name: "seed",
  version: "1",
  config: {} as ModelDescription["config"], // the monitor does not look at it
  signature: { inputs: [], outputs: [], maxBatchSize: 64 },
  provider: { requested: "auto", actual: "cpu", isPartial: false, detail: "" },
  batching: "",
  classNames: [],
  loadMs: 10,
};

function createRecord(index: number, traceParent?: string): RequestRecord {
  const arrivalTimeMs = 1000 + index * 0.01;
  const context: RequestContext = {
    arrivalTimeMs,
    deadlineMs: Number.POSITIVE_INFINITY,
    signal: AbortSignal.abort(),
    tenant: "default",
    traceParent,
    traceState: undefined,
  };
  return {
    request: {} as RequestRecord["request"], // the monitor does not look at it
    context,
    rows: 1,
    queuedMs: arrivalTimeMs + 0.02,
    takenMs: arrivalTimeMs + 0.5,
    computeInputMs: 0.04,
    computeInferMs: 0.3 + (index % 7),
    computeOutputMs: 0.02,
    endedMs: arrivalTimeMs + 1.5 + (index % 11),
    error: undefined,
    attachment: undefined,
  };
}

function createBatch(requests: readonly RequestRecord[]): BatchRecord {
  return {
    rows: requests.length,
    padding: 0,
    reason: "idle",
    takenMs: 1000,
    computeInputMs: 0.04,
    computeInferMs: 0.3,
    computeOutputMs: 0.02,
    endedMs: 1001,
    error: undefined,
    requests,
  };
}

function required(observer: Observer): Required<Pick<Observer, "onAdmitted" | "onEnd" | "onBatch">> {
  const { onAdmitted, onEnd, onBatch } = observer;
  if (onAdmitted === undefined || onEnd === undefined || onBatch === undefined) throw new Error("the observer is null");
  return { onAdmitted: onAdmitted.bind(observer), onEnd: onEnd.bind(observer), onBatch: onBatch.bind(observer) };
}

/** Spans are made and thrown away: their delivery goes on beside the requests. */
const noSpans: SpanProcessor = {
  onStart() {},
  onEnd() {},
  forceFlush: async () => {},
  shutdown: async () => {},
};

function createTelemetry(traceSampleRatio: number): Telemetry {
  return startTelemetry(resolveConfig({ traceSampleRatio }), { methods: ["p.S/M"], spanProcessors: [noSpans] });
}

/** Requests that are admitted together, run in one batch and end. */
function lifeOf(observer: Observer, records: readonly RequestRecord[]): () => void {
  const { onAdmitted, onEnd, onBatch } = required(observer);
  const batch = createBatch(records);
  return () => {
    for (const record of records) onAdmitted(model, record);
    onBatch(model, batch);
    for (const record of records) {
      onEnd(model, record);
      record.attachment = undefined;
    }
  };
}

function print(name: string, nanoseconds: number, budget: string): void {
  console.log(`${name.padEnd(60)} ${nanoseconds.toFixed(0).padStart(9)} ns   ${budget}`);
}

/** Prints one line per case. */
export async function main(): Promise<void> {
  const records = Array.from({ length: 32 }, (_, index) => createRecord(index));
  for (const [label, ratio] of [
    ["no trace", 0],
    ["traces 1 %", 0.01],
    ["every request traced", 1],
  ] as const) {
    const telemetry = createTelemetry(ratio);
    const count = ratio === 1 ? 10_000 : perRound;
    const alone = lifeOf(telemetry.observer, records.slice(0, 1));
    print(`monitor/request alone in its batch, ${label}`, measure(alone, count), "of 3000 ns a unary call");
    const together = measure(lifeOf(telemetry.observer, records), count / 32) / 32;
    print(`monitor/request in a batch of 32, ${label}`, together, "of 1000 ns a stream message");
    const { onBatch } = required(telemetry.observer);
    const batch = createBatch(records);
    print(
      `monitor/onBatch of 32, ${label}`,
      measure(() => onBatch(model, batch), count),
      "once in 32 messages",
    );
    await telemetry.shutdown(1000);
  }
  await printCalls();
  await printScrape();
}

/** The part that no scrape can share with requests: reading all series, and their text. */
async function printScrape(): Promise<void> {
  const modelCount = 500;
  const registry = new SeriesRegistry();
  const observer = new LatencyObserver(registry);
  for (let index = 0; index < modelCount; index++) {
    const used = { ...model, name: `m${index}` };
    observer.onAdmitted(used, createRecord(index));
    observer.onEnd(used, createRecord(index));
  }
  const reader = new PrometheusReader([createProducer(registry)]);
  new MeterProvider({ readers: [reader] });
  const gaps: number[] = [];
  for (let round = 0; round < rounds; round++) {
    let last = performance.now();
    for await (const _ of reader.text()) {
      gaps.push(performance.now() - last);
      last = performance.now();
    }
  }
  const perScrape = gaps.reduce((sum, gap) => sum + gap, 0) / rounds;
  print(`monitor/scrape ${modelCount} models in use`, perScrape * 1e6, `in ${gaps.length / rounds} turns`);
  const p99 = gaps.toSorted((a, b) => a - b)[Math.floor(gaps.length * 0.99)] ?? Number.NaN;
  print("monitor/scrape longest turn, p99", p99 * 1e6, "of 10000000 ns event loop delay");
}

async function printCalls(): Promise<void> {
  const telemetry = createTelemetry(0);
  const { callObserver } = telemetry;
  const call = measure(() => {
    callObserver.onCallStart("p.S/M");
    callObserver.onCallEnd("p.S/M", 0, 1.5);
  });
  print("monitor/call onCallStart + onCallEnd", call, "of 3000 ns a unary call");
  const message = measure(() => callObserver.onStreamMessage("p.S/M", "sent"));
  print("monitor/message onStreamMessage", message, "of 1000 ns a stream message, twice");
  await telemetry.shutdown(1000);
}

if (import.meta.main) await main();

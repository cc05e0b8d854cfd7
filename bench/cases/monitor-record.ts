import { MeterProvider } from "@opentelemetry/sdk-metrics";
import type { SpanProcessor } from "@opentelemetry/sdk-trace";
import { resolveConfig } from "../../src/config.ts";
import type { RequestContext } from "../../src/inference.ts";
import { maxModelVersions } from "../../src/monitor/telemetry/attribute-values.ts";
import { maxDataLines } from "../../src/monitor/telemetry/data-instruments.ts";
import { instruments } from "../../src/monitor/telemetry/instruments.ts";
import { LatencyObserver } from "../../src/monitor/telemetry/latency-observer.ts";
import { createProducer } from "../../src/monitor/telemetry/producer.ts";
import { PrometheusReader } from "../../src/monitor/telemetry/prometheus-reader.ts";
import { SeriesRegistry } from "../../src/monitor/telemetry/series-registry.ts";
import { startTelemetry, type Telemetry } from "../../src/monitor/telemetry/telemetry.ts";
import type { ModelDescription } from "../../src/runtime/model.ts";
import { type BatchRecord, type Observer, ObserverList, type RequestRecord } from "../../src/runtime/observer.ts";
import type { BenchCase, BenchOptions, Line } from "../bench-case.ts";
import { type Budget, estimate, median } from "../estimate.ts";
import { measurePrimitive } from "../primitive.ts";

/** What the monitor costs on the hot path, in CPU time, beside its budget: 3 us a unary call and 1 us a stream message. */
export const monitorRecordCase: BenchCase = {
  name: "monitor/record",
  summary: "CPU time of the monitor's part in a request, a batch, a call and a stream message, and of a scrape",
  async run(options) {
    return [...(await measureRequests(options)), ...(await measureCalls(options)), ...(await measureScrape(options))];
  },
};

const unaryBudget: Budget = { bound: "at most", value: 3000 };
const messageBudget: Budget = { bound: "at most", value: 1000 };

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
    isCancelled: false,
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

/** What the runtime calls, as the server puts it together. */
function observerOf({ observers }: Telemetry): Observer {
  return new ObserverList(observers, (error) => {
    throw error;
  });
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

async function measureRequests(options: BenchOptions): Promise<Line[]> {
  const records = Array.from({ length: 32 }, (_, index) => createRecord(index));
  const lines: Line[] = [];
  for (const [label, ratio] of [
    ["no trace", 0],
    ["traces 1 %", 0.01],
    ["every request traced", 1],
  ] as const) {
    const telemetry = createTelemetry(ratio);
    const isBudgeted = ratio < 1; // a caller who asks for every trace pays for it
    lines.push(
      measurePrimitive(
        {
          what: `request alone in its batch, ${label}`,
          turn: lifeOf(observerOf(telemetry), records.slice(0, 1)),
          ...(isBudgeted ? { budget: unaryBudget } : {}),
        },
        options,
      ),
      measurePrimitive(
        {
          what: `request in a batch of 32, ${label}`,
          turn: lifeOf(observerOf(telemetry), records),
          operations: 32,
          ...(isBudgeted ? { budget: messageBudget } : {}),
        },
        options,
      ),
    );
    await telemetry.shutdown(1000);
  }
  return lines;
}

async function measureCalls(options: BenchOptions): Promise<Line[]> {
  const telemetry = createTelemetry(0);
  const { callObserver } = telemetry;
  const call = () => {
    callObserver.onCallStart("p.S/M");
    callObserver.onCallEnd("p.S/M", 0, 1.5);
  };
  const message = () => {
    callObserver.onStreamMessage("p.S/M", "received");
    callObserver.onStreamMessage("p.S/M", "sent");
  };
  const lines = [
    measurePrimitive({ what: "start and end of a call", turn: call, budget: unaryBudget }, options),
    measurePrimitive({ what: "message received and sent", turn: message, budget: messageBudget }, options),
  ];
  await telemetry.shutdown(1000);
  return lines;
}

/** The largest configuration: as many model versions as have series of their own, and histograms of features beside them. */
function createLargestRegistry(): SeriesRegistry {
  const registry = new SeriesRegistry();
  const observer = new LatencyObserver(registry);
  for (let index = 0; index < maxModelVersions; index++) {
    const used = { ...model, name: `m${index}` };
    observer.onAdmitted(used, createRecord(index));
    observer.onEnd(used, createRecord(index));
  }
  const edges = Array.from({ length: 20 }, (_, edge) => edge);
  for (let index = 0; index < maxDataLines; index++) {
    const group = registry.openGroup({ "sluice.model.name": "features", "sluice.model.version": "1" });
    group.histogram(instruments.featureValue, { "sluice.feature": `f${index}` }, edges).record(3);
  }
  return registry;
}

/** The part that no scrape can share with requests: reading all series, and their text. The event loop waits for its longest turn. */
async function measureScrape({ pairs }: BenchOptions): Promise<Line[]> {
  const reader = new PrometheusReader([createProducer(createLargestRegistry())]);
  new MeterProvider({ readers: [reader] });
  const longest: number[] = [];
  const whole: number[] = [];
  for (let round = -1; round < pairs; round++) {
    const turns = await turnsDuring(async () => {
      for await (const _ of reader.text());
    });
    if (round < 0) continue;
    longest.push(turns.toSorted((a, b) => a - b)[Math.floor(turns.length * 0.99)] ?? Number.NaN);
    whole.push(turns.reduce((sum, turn) => sum + turn, 0));
  }
  const line = (what: string, values: readonly number[]): Line => ({
    what: `scrape of ${maxModelVersions} models and ${maxDataLines} features, ${what}`,
    measured: median(values),
    unit: "ms",
    estimate: estimate(values),
    estimateUnit: "ms",
  });
  return [line("whole", whole), { ...line("p99 of its turns", longest), budget: { bound: "at most", value: 10 } }];
}

/** How long the event loop was held between two of its turns while something went on, milliseconds. */
async function turnsDuring(work: () => Promise<void>): Promise<readonly number[]> {
  const turns: number[] = [];
  let isDone = false;
  let last = performance.now();
  const tick = (): void => {
    const now = performance.now();
    turns.push(now - last);
    last = now;
    if (!isDone) setImmediate(tick);
  };
  setImmediate(tick);
  await work();
  isDone = true;
  return turns;
}

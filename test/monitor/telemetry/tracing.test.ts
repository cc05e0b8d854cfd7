import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { emptyResource } from "@opentelemetry/resources";
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { InferenceError, type Reason } from "../../../src/errors.ts";
import { createEpochClock, TracingObserver } from "../../../src/monitor/telemetry/tracing.ts";
import { createBatch, createFailure, createRecord, describeModel } from "./records.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const spanId = "00f067aa0ba902b7";
const sampled = `00-${traceId}-${spanId}-01`;
const unsampled = `00-${traceId}-${spanId}-00`;
const epochMs = 1_700_000_000_000;

class Fixture {
  readonly exporter = new InMemorySpanExporter();
  readonly observer: TracingObserver;
  readonly model = describeModel();
  spansStarted = 0;

  constructor(sampleRatio = 0, draw = 0.5) {
    const provider = new TracerProvider({
      resource: emptyResource(),
      spanProcessors: [new SimpleSpanProcessor({ exporter: this.exporter })],
    });
    const tracer = provider.getTracer("test");
    this.observer = new TracingObserver({
      tracer: {
        startSpan: (...given) => {
          this.spansStarted++;
          return tracer.startSpan(...given);
        },
        startActiveSpan: tracer.startActiveSpan.bind(tracer),
      },
      sampleRatio,
      random: () => draw,
      now: () => 1010,
      toEpochMs: (milliseconds) => epochMs + milliseconds,
    });
  }

  run(record: ReturnType<typeof createRecord>): ReadableSpan | undefined {
    this.observer.onAdmitted(this.model, record);
    this.observer.onEnd(this.model, record);
    return this.exporter.getFinishedSpans().at(-1);
  }
}

function epochMsOf([seconds, nanoseconds]: readonly [number, number]): number {
  return seconds * 1000 + nanoseconds / 1e6 - epochMs;
}

describe("TracingObserver", () => {
  it("continues the caller's sampled trace", () => {
    const span = new Fixture().run(createRecord({ traceParent: sampled, traceState: "vendor=1", rows: 3 }));
    assert.equal(span?.spanContext().traceId, traceId);
    assert.equal(span?.parentSpanContext?.spanId, spanId);
    assert.equal(span?.parentSpanContext?.isRemote, true);
    assert.equal(span?.spanContext().traceState?.get("vendor"), "1");
    assert.equal(span?.kind, SpanKind.SERVER);
    assert.equal(span?.name, "inference.GRPCInferenceService/ModelInfer");
    assert.deepEqual(span?.attributes, {
      "rpc.system.name": "grpc",
      "rpc.method": "inference.GRPCInferenceService/ModelInfer",
      "sluice.model.name": "seed",
      "sluice.model.version": "1",
      "sluice.request.rows": 3,
    });
  });

  it("has a child for each stage, one after the other", () => {
    const fixture = new Fixture(1);
    const span = fixture.run(createRecord());
    const children = fixture.exporter.getFinishedSpans().slice(0, -1);
    assert.deepEqual(
      children.map(({ name, startTime, endTime }) => [name, epochMsOf(startTime), epochMsOf(endTime)]),
      [
        ["sluice.queue", 1001, 1003],
        ["sluice.compute_input", 1003, 1004],
        ["sluice.compute_infer", 1004, 1008],
        ["sluice.compute_output", 1008, 1009],
      ],
    );
    for (const { parentSpanContext, kind } of children) {
      assert.equal(parentSpanContext?.spanId, span?.spanContext().spanId);
      assert.equal(kind, SpanKind.INTERNAL);
    }
    assert.equal(epochMsOf(span?.startTime ?? [0, 0]), 1000);
    assert.equal(epochMsOf(span?.endTime ?? [0, 0]), 1010);
    assert.equal(span?.status.code, SpanStatusCode.UNSET);
  });

  it("shows of a request that ended in the queue how long it was there", () => {
    const fixture = new Fixture(1);
    const error = new InferenceError("deadline", "too late");
    const none = { takenMs: 0, computeInputMs: 0, computeInferMs: 0, computeOutputMs: 0 };
    fixture.run(createRecord({ ...none, error, endedMs: 1021 }));
    const [queue, ...others] = fixture.exporter.getFinishedSpans();
    assert.equal(queue?.name, "sluice.queue");
    assert.equal(epochMsOf(queue?.endTime ?? [0, 0]), 1021);
    assert.equal(others.length, 1);
  });

  it("tells the request which span is its own", () => {
    const record = createRecord({ traceParent: sampled });
    const span = new Fixture().run(record);
    assert.deepEqual(record.context.trace, { traceId, spanId: span?.spanContext().spanId });
    const other = createRecord({ traceParent: unsampled });
    new Fixture(1).run(other);
    assert.equal(other.context.trace, undefined);
  });

  it("traces what its model refused, once", () => {
    const fixture = new Fixture();
    const refused = {
      ...createFailure(new InferenceError("queue_full", "full")),
      context: createRecord({ traceParent: sampled }).context,
    };
    fixture.observer.onEnd(fixture.model, refused);
    const spans = fixture.exporter.getFinishedSpans();
    assert.deepEqual(
      spans.map(({ attributes }) => attributes["error.type"]),
      ["queue_full"],
    );
    assert.equal(spans[0]?.parentSpanContext?.spanId, spanId);
  });

  it("draws no second lot for a request that was admitted without a trace", () => {
    const fixture = new Fixture(0.4, 0.5);
    const record = createRecord();
    fixture.observer.onAdmitted(fixture.model, record);
    const luckier = new Fixture(1);
    luckier.observer.onEnd(luckier.model, record);
    assert.equal(luckier.spansStarted, 0);
  });

  it("traces a request that came to no model under its caller's context", () => {
    const fixture = new Fixture();
    const { context } = createRecord({ traceParent: sampled });
    fixture.observer.onRefused(context, new InferenceError("not_found", "no such model"));
    const [span] = fixture.exporter.getFinishedSpans();
    assert.equal(span?.parentSpanContext?.spanId, spanId);
    assert.equal(span?.attributes["error.type"], "not_found");
    assert.equal(span?.attributes["sluice.model.name"], undefined);
    assert.equal(context.trace?.spanId, span?.spanContext().spanId);
  });

  it("names a stream's message by its method", () => {
    const rpcMethod = "inference.GRPCInferenceService/ModelStreamInfer";
    assert.equal(new Fixture(1).run(createRecord({ rpcMethod }))?.name, rpcMethod);
  });

  it("follows a caller that does not sample, whatever the ratio", () => {
    const fixture = new Fixture(1);
    const record = createRecord({ traceParent: unsampled });
    assert.equal(fixture.run(record), undefined);
    assert.equal(record.attachment, undefined);
    assert.equal(fixture.spansStarted, 0);
  });

  it("draws lots where there is no valid context", () => {
    for (const traceParent of [undefined, "00-nonsense"]) {
      const options = traceParent === undefined ? {} : { traceParent };
      assert.equal(new Fixture(0.4, 0.5).run(createRecord(options)), undefined);
      const span = new Fixture(0.6, 0.5).run(createRecord(options));
      assert.equal(span?.parentSpanContext, undefined);
    }
  });

  it("does not take one caller's context for the next one's", () => {
    const fixture = new Fixture();
    const other = "a".repeat(32);
    assert.equal(fixture.run(createRecord({ traceParent: sampled }))?.spanContext().traceId, traceId);
    assert.equal(fixture.run(createRecord({ traceParent: `00-${other}-${spanId}-01` }))?.spanContext().traceId, other);
    assert.equal(fixture.run(createRecord({ traceParent: sampled }))?.spanContext().traceId, traceId);
    const requests = fixture.exporter.getFinishedSpans().filter(({ kind }) => kind === SpanKind.SERVER);
    assert.equal(requests.length, 3);
  });

  it("marks the server's own failures as errors and the caller's only by their type", () => {
    const cases: readonly [Reason, SpanStatusCode][] = [
      ["runtime", SpanStatusCode.ERROR],
      ["queue_full", SpanStatusCode.ERROR],
      ["invalid", SpanStatusCode.UNSET],
      ["cancelled", SpanStatusCode.UNSET],
    ];
    for (const [reason, code] of cases) {
      const span = new Fixture(1).run(createFailure(new InferenceError(reason, "what went wrong")));
      assert.equal(span?.status.code, code, reason);
      assert.equal(span?.attributes["error.type"], reason);
    }
  });

  it("makes one batch span with links to its sampled requests, and links them back", () => {
    const fixture = new Fixture();
    const first = createRecord({ traceParent: sampled });
    const second = createRecord({ traceParent: `00-${"b".repeat(32)}-${spanId}-01` });
    const third = createRecord({ traceParent: unsampled });
    for (const record of [first, second, third]) fixture.observer.onAdmitted(fixture.model, record);
    fixture.observer.onBatch(fixture.model, createBatch([first, second, third], { padding: 5 }));
    for (const record of [first, second, third]) fixture.observer.onEnd(fixture.model, record);
    const [batch, ...rest] = fixture.exporter.getFinishedSpans();
    const requests = rest.filter(({ kind }) => kind === SpanKind.SERVER);
    assert.equal(batch?.name, "sluice.batch");
    assert.equal(batch?.parentSpanContext, undefined);
    assert.deepEqual(
      batch?.links.map(({ context }) => context.traceId),
      [traceId, "b".repeat(32)],
    );
    assert.equal(batch?.attributes["sluice.batch.rows"], 3);
    assert.equal(batch?.attributes["sluice.batch.padding"], 5);
    assert.equal(batch?.attributes["sluice.reason"], "full");
    assert.equal(batch?.attributes["sluice.provider"], "cpu");
    assert.equal(requests.length, 2);
    for (const span of requests) assert.deepEqual(span.links[0]?.context.spanId, batch?.spanContext().spanId);
  });

  it("makes no span for a batch without sampled requests", () => {
    const fixture = new Fixture();
    fixture.observer.onBatch(fixture.model, createBatch([createRecord(), createRecord()]));
    assert.equal(fixture.spansStarted, 0);
  });

  it("marks a batch that failed", () => {
    const fixture = new Fixture(1);
    const record = createRecord();
    fixture.observer.onAdmitted(fixture.model, record);
    const error = new InferenceError("runtime", "the run failed");
    fixture.observer.onBatch(fixture.model, createBatch([record], { error }));
    const [batch] = fixture.exporter.getFinishedSpans();
    assert.deepEqual(batch?.status, { code: SpanStatusCode.ERROR, message: "the run failed" });
  });
});

describe("createEpochClock", () => {
  it("keeps the distance of two moments whatever fraction of a millisecond the wall clock hides, and follows it where it is set", () => {
    let wallMs = 1_000_000;
    let monotonicMs = 100;
    const toEpochMs = createEpochClock(
      () => Math.floor(wallMs),
      () => monotonicMs,
    );
    const start = toEpochMs(100);
    for (const step of [0.4, 0.3, 0.29]) {
      wallMs += step;
      monotonicMs += step;
    }
    assert.ok(Math.abs(toEpochMs(100.5) - start - 0.5) < 1e-6);
    wallMs += 3_600_000;
    assert.ok(Math.abs(toEpochMs(101) - start - 3_600_000) < 2);
  });
});

import {
  type Attributes,
  type Context,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import type { ModelDescription } from "../../runtime/model.ts";
import type { BatchRecord, Observer, RequestRecord } from "../../runtime/observer.ts";
import { isServerFailure, stages } from "./attribute-values.ts";
import { parseTraceContext } from "./trace-context.ts";

/** The call that a request came by where its context does not say. */
const defaultMethod = "inference.GRPCInferenceService/ModelInfer";

/** Where spans come from and which requests get one. */
export interface TracingOptions {
  /** Makes the spans; decides nothing about sampling, which is done here before anything is allocated. */
  readonly tracer: Tracer;
  /** Share of requests without a caller's trace context that are traced, 0 to 1. */
  readonly sampleRatio: number;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
  /** `performance.now()` milliseconds to epoch milliseconds. */
  readonly toEpochMs?: (milliseconds: number) => number;
}

/** What a sampled request carries from its admission to its end. */
class RequestTrace {
  readonly span: Span;

  constructor(span: Span) {
    this.span = span;
  }
}

/** By how much the wall clock may be off before it counts as set: it has whole milliseconds, and the two clocks are not read at once. */
const clockSetMs = 10;

/**
 * Epoch milliseconds from monotonic ones, by an offset that changes only where the wall clock was set: with one taken anew each time, a
 * request of half a millisecond could end before it began.
 */
export function createEpochClock(
  wallMs: () => number = Date.now,
  monotonicMs: () => number = () => performance.now(),
): (milliseconds: number) => number {
  let offsetMs = wallMs() - monotonicMs();
  return (milliseconds) => {
    const currentMs = wallMs() - monotonicMs();
    if (Math.abs(currentMs - offsetMs) > clockSetMs) offsetMs = currentMs;
    return milliseconds + offsetMs;
  };
}

function modelAttributes(model: ModelDescription): Attributes {
  return { "sluice.model.name": model.name, "sluice.model.version": model.version };
}

/**
 * One span per sampled request and one per batch that held one, linked to its requests. A caller's sampling decision is followed, others
 * are drawn by lot. A request that is not sampled costs a comparison and a random number.
 */
export class TracingObserver implements Observer {
  readonly #tracer: Tracer;
  readonly #sampleRatio: number;
  readonly #random: () => number;
  readonly #toEpochMs: (milliseconds: number) => number;
  /** The caller's context parsed last: the messages of a stream share theirs. */
  #lastText: string | undefined;
  #lastState: string | undefined;
  #lastParent: SpanContext | undefined;

  constructor(options: TracingOptions) {
    this.#tracer = options.tracer;
    this.#sampleRatio = options.sampleRatio;
    this.#random = options.random ?? Math.random;
    this.#toEpochMs = options.toEpochMs ?? createEpochClock();
  }

  onAdmitted(model: ModelDescription, record: RequestRecord): void {
    const { traceParent, traceState } = record.context;
    if (traceParent === undefined) {
      if (this.#random() < this.#sampleRatio) this.#start(model, record, ROOT_CONTEXT);
      return;
    }
    const parent = this.#parse(traceParent, traceState);
    if (parent === undefined) {
      if (this.#random() < this.#sampleRatio) this.#start(model, record, ROOT_CONTEXT);
    } else if ((parent.traceFlags & TraceFlags.SAMPLED) !== 0) {
      this.#start(model, record, trace.setSpanContext(ROOT_CONTEXT, parent));
    }
  }

  onEnd(_model: ModelDescription, record: RequestRecord): void {
    if (!(record.attachment instanceof RequestTrace)) return;
    const { span } = record.attachment;
    this.#addStages(span, record);
    const { error } = record;
    if (error !== undefined) {
      span.setAttribute("error.type", error.reason);
      if (isServerFailure[error.reason]) span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
    }
    span.end(this.#toEpochMs(record.endedMs));
  }

  onBatch(model: ModelDescription, record: BatchRecord): void {
    let spans: Span[] | undefined;
    for (const { attachment } of record.requests) {
      if (!(attachment instanceof RequestTrace)) continue;
      spans ??= [];
      spans.push(attachment.span);
    }
    if (spans !== undefined) this.#recordBatch(model, record, spans);
  }

  #parse(traceParent: string, traceState: string | undefined): SpanContext | undefined {
    if (traceParent !== this.#lastText || traceState !== this.#lastState) {
      this.#lastParent = parseTraceContext(traceParent, traceState);
      this.#lastText = traceParent;
      this.#lastState = traceState;
    }
    return this.#lastParent;
  }

  #start(model: ModelDescription, record: RequestRecord, parent: Context): void {
    const method = record.context.rpcMethod ?? defaultMethod;
    const attributes = {
      "rpc.system.name": "grpc",
      "rpc.method": method,
      ...modelAttributes(model),
      "sluice.request.rows": record.rows,
    };
    const startTime = this.#toEpochMs(record.context.arrivalTimeMs);
    record.attachment = new RequestTrace(
      this.#tracer.startSpan(method, { kind: SpanKind.SERVER, attributes, startTime }, parent),
    );
  }

  /** An event at the end of every stage that the request went through. */
  #addStages(span: Span, record: RequestRecord): void {
    if (record.takenMs === 0) return;
    const durations = [0, record.computeInputMs, record.computeInferMs, record.computeOutputMs];
    let time = record.takenMs;
    for (const [index, stage] of stages.entries()) {
      const duration = durations[index] ?? 0;
      if (index > 0 && duration === 0) return;
      time += duration;
      span.addEvent(stage, this.#toEpochMs(time));
    }
  }

  #recordBatch(model: ModelDescription, record: BatchRecord, requests: readonly Span[]): void {
    const span = this.#tracer.startSpan(
      "sluice.batch",
      {
        kind: SpanKind.INTERNAL,
        startTime: this.#toEpochMs(record.takenMs),
        links: requests.map((request) => ({ context: request.spanContext() })),
        attributes: {
          ...modelAttributes(model),
          "sluice.batch.rows": record.rows,
          "sluice.batch.padding": record.padding,
          "sluice.batch.requests": record.requests.length,
          "sluice.reason": record.reason,
          "sluice.provider": model.provider.actual,
        },
      },
      ROOT_CONTEXT,
    );
    // From a request's trace to the batch, where the request has not ended before its batch was reported.
    for (const request of requests) if (request.isRecording()) request.addLink({ context: span.spanContext() });
    if (record.error !== undefined) {
      span.setAttribute("error.type", record.error.reason);
      span.setStatus({ code: SpanStatusCode.ERROR, message: record.error.message });
    }
    span.end(this.#toEpochMs(record.endedMs));
  }
}

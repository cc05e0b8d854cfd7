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
import type { InferenceError } from "../../errors.ts";
import type { RequestContext } from "../../inference.ts";
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
  /** The clock of requests, `performance.now()`. */
  readonly now?: () => number;
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
 * One span per sampled request with a child for each stage, and one per batch that held one, linked to its requests. A caller's sampling
 * decision is followed, others are drawn by lot. A request that is not sampled costs a comparison and a random number.
 */
export class TracingObserver implements Observer {
  readonly #tracer: Tracer;
  readonly #sampleRatio: number;
  readonly #random: () => number;
  readonly #now: () => number;
  readonly #toEpochMs: (milliseconds: number) => number;
  /** The caller's context parsed last: the messages of a stream share theirs. */
  #lastText: string | undefined;
  #lastState: string | undefined;
  #lastParent: SpanContext | undefined;

  constructor(options: TracingOptions) {
    this.#tracer = options.tracer;
    this.#sampleRatio = options.sampleRatio;
    this.#random = options.random ?? Math.random;
    this.#now = options.now ?? (() => performance.now());
    this.#toEpochMs = options.toEpochMs ?? createEpochClock();
  }

  onAdmitted(model: ModelDescription, record: RequestRecord): void {
    const parent = this.#sample(record.context);
    if (parent !== undefined) this.#start(model, record, parent);
  }

  onEnd(model: ModelDescription, record: RequestRecord): void {
    // What its model refused was never admitted: its span begins here.
    if (record.queuedMs === 0 && record.attachment === undefined) this.onAdmitted(model, record);
    if (!(record.attachment instanceof RequestTrace)) return;
    const { span } = record.attachment;
    this.#addStages(span, record);
    if (record.error !== undefined) markFailed(span, record.error);
    span.end(this.#toEpochMs(record.endedMs));
  }

  /** A request ended before it came to a model. */
  onRefused(context: RequestContext, error: InferenceError): void {
    const parent = this.#sample(context);
    if (parent === undefined) return;
    const span = this.#startSpan(context, {}, parent);
    markFailed(span, error);
    span.end(this.#toEpochMs(Math.max(context.arrivalTimeMs, this.#now())));
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

  /** Under which context a request is traced; undefined: it is not. */
  #sample({ traceParent, traceState }: RequestContext): Context | undefined {
    const parent = traceParent === undefined ? undefined : this.#parse(traceParent, traceState);
    if (parent === undefined) return this.#random() < this.#sampleRatio ? ROOT_CONTEXT : undefined;
    return (parent.traceFlags & TraceFlags.SAMPLED) === 0 ? undefined : trace.setSpanContext(ROOT_CONTEXT, parent);
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
    const attributes = { ...modelAttributes(model), "sluice.request.rows": record.rows };
    record.attachment = new RequestTrace(this.#startSpan(record.context, attributes, parent));
  }

  #startSpan(context: RequestContext, more: Attributes, parent: Context): Span {
    const method = context.rpcMethod ?? defaultMethod;
    const attributes = { "rpc.system.name": "grpc", "rpc.method": method, ...more };
    const startTime = this.#toEpochMs(context.arrivalTimeMs);
    const span = this.#tracer.startSpan(method, { kind: SpanKind.SERVER, attributes, startTime }, parent);
    const { traceId, spanId } = span.spanContext();
    context.trace = { traceId, spanId };
    return span;
  }

  /** A child for every stage that the request went through; of one that ended in the queue, its wait there. */
  #addStages(request: Span, record: RequestRecord): void {
    if (record.queuedMs === 0) return;
    const parent = trace.setSpan(ROOT_CONTEXT, request);
    const { queuedMs, takenMs, computeInputMs, computeInferMs, computeOutputMs } = record;
    const queueMs = (takenMs === 0 ? record.endedMs : takenMs) - queuedMs;
    let timeMs = queuedMs;
    for (const [index, durationMs] of [queueMs, computeInputMs, computeInferMs, computeOutputMs].entries()) {
      if (index > 0 && durationMs === 0) return;
      const startTime = this.#toEpochMs(timeMs);
      timeMs += durationMs;
      this.#tracer
        .startSpan(`sluice.${stages[index]}`, { kind: SpanKind.INTERNAL, startTime }, parent)
        .end(this.#toEpochMs(timeMs));
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
    if (record.error !== undefined) markFailed(span, record.error);
    span.end(this.#toEpochMs(record.endedMs));
  }
}

/** Only the server's own failures are errors of the span; what its caller did wrong is told by its type alone (rpc conventions). */
function markFailed(span: Span, { reason, message }: InferenceError): void {
  span.setAttribute("error.type", reason);
  if (isServerFailure[reason]) span.setStatus({ code: SpanStatusCode.ERROR, message });
}

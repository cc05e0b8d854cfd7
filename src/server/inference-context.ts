import type { Parameters, RequestContext } from "../inference.ts";
import type { Call } from "./call.ts";

/** The tenant of callers that are not recognised as anybody else. */
const defaultTenant = "default";

/**
 * What the runtime learns about the caller of one request. What few requests need (signal, trace context) is looked up when it is asked for.
 */
export class InferenceContext implements RequestContext {
  readonly arrivalTimeMs: number;
  deadlineMs: number;
  readonly tenant = defaultTenant;
  readonly isStreamed: boolean;
  readonly #call: Call<Buffer>;
  #isCancelled = false;

  constructor(call: Call<Buffer>, arrivalTimeMs: number, isStreamed: boolean) {
    this.#call = call;
    this.isStreamed = isStreamed;
    this.arrivalTimeMs = arrivalTimeMs;
    this.deadlineMs = call.deadlineMs;
  }

  get isCancelled(): boolean {
    return this.#isCancelled || !this.#call.isOpen;
  }

  /** The call's own signal, shared by all messages of a stream, until this request alone is cancelled. */
  get signal(): AbortSignal {
    return this.#isCancelled ? AbortSignal.abort() : this.#call.signal;
  }

  get rpcMethod(): string {
    return this.#call.method;
  }

  get traceParent(): string | undefined {
    return this.#call.metadata("traceparent");
  }

  get traceState(): string | undefined {
    return this.#call.metadata("tracestate");
  }

  /** Cancels this request and no other of its stream. Seen by whoever reads `isCancelled` or `signal` from here on, as the batcher does when it takes a batch. */
  cancel(): void {
    this.#isCancelled = true;
  }

  /** Applies `sluice_timeout_ms`, the deadline of one request counted from its arrival; the call's own deadline stays if it is nearer. */
  limitTo(parameters: Parameters): void {
    if (parameters.size === 0) return;
    const timeoutMs = parameters.get("sluice_timeout_ms");
    if (timeoutMs !== undefined) this.deadlineMs = Math.min(this.deadlineMs, this.arrivalTimeMs + Number(timeoutMs));
  }
}

import {
  type Criticality,
  criticalities,
  defaultCriticality,
  type Parameters,
  type RequestContext,
  type TraceIds,
} from "../inference.ts";
import { defaultTenant } from "../tenant.ts";
import type { Call } from "./call.ts";
import type { TenantAccount, TenantCharge } from "./tenant-account.ts";

/**
 * What the runtime learns about the caller of one request. What few requests need (signal, trace context) is looked up when it is asked for.
 */
export class InferenceContext implements RequestContext {
  readonly arrivalTimeMs: number;
  deadlineMs: number;
  tenant: string = defaultTenant;
  readonly isStreamed: boolean;
  trace: TraceIds | undefined = undefined;
  readonly #call: Call<Buffer>;
  #isCancelled = false;
  /** Where it takes a place, and what it takes there; undefined: nowhere, or not any more. */
  #account: TenantAccount | undefined;
  #charge: TenantCharge | undefined;

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

  /** What the metadata `sluice-criticality` says, for all requests of the call; what is no word for it counts as the default. */
  get criticality(): Criticality {
    const word = this.#call.metadata("sluice-criticality");
    return criticalities.find((criticality) => criticality === word) ?? defaultCriticality;
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

  /** Takes a place in the account of the tenant whose request it is, until {@link leave}. @returns whether there was room */
  enter(account: TenantAccount, charge: TenantCharge): boolean {
    this.tenant = account.name;
    if (!account.tryEnter(charge)) return false;
    this.#account = account;
    this.#charge = charge;
    return true;
  }

  /** Gives its place back, if it has one: its request has been answered. */
  leave(): void {
    const account = this.#account;
    if (account === undefined || this.#charge === undefined) return;
    this.#account = undefined;
    account.leave(this.#charge, performance.now() - this.arrivalTimeMs);
  }

  /** Applies `sluice_timeout_ms`, the deadline of one request counted from its arrival; the call's own deadline stays if it is nearer. */
  limitTo(parameters: Parameters): void {
    if (parameters.size === 0) return;
    const timeoutMs = parameters.get("sluice_timeout_ms");
    if (timeoutMs !== undefined) this.deadlineMs = Math.min(this.deadlineMs, this.arrivalTimeMs + Number(timeoutMs));
  }
}

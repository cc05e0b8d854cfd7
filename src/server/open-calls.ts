import type { CallStatus } from "./call.ts";

/** What the registry does with an open call. */
export interface OpenCall {
  /** False once its end was decided; it stays registered until its last byte left or was given up. */
  readonly isOpen: boolean;
  /** Messages handed to HTTP/2 that the reader has not taken yet. */
  readonly unacceptedWrites: number;
  /** Messages that the reader has taken, ever. Unchanged between two looks while some are unaccepted: the reader is stalled. */
  readonly acceptedWrites: number;
  end(status: CallStatus): void;
  reset(code: number): void;
}

interface Observed {
  acceptedWrites: number;
  sinceMs: number;
}

/** gRPC's RESOURCE_EXHAUSTED. */
const resourceExhausted = 8;

/** Every call from its headers to its last byte, so that a stopping server can end each of them itself and stalled readers are found. */
export class OpenCalls {
  readonly #calls = new Map<OpenCall, Observed>();
  #whenEmpty: (() => void)[] = [];

  get size(): number {
    return this.#calls.size;
  }

  add(call: OpenCall): void {
    this.#calls.set(call, { acceptedWrites: -1, sinceMs: 0 });
  }

  remove(call: OpenCall): void {
    this.#calls.delete(call);
    if (this.#calls.size === 0 && this.#whenEmpty.length > 0) {
      for (const resolve of this.#whenEmpty.splice(0)) resolve();
    }
  }

  /** Resolves as soon as no call is open. */
  async untilEmpty(): Promise<void> {
    if (this.#calls.size > 0) await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
  }

  /** Ends every call whose end is not decided yet. */
  endAll(status: CallStatus): void {
    for (const call of [...this.#calls.keys()]) call.end(status);
  }

  /** Gives up every call that is left: its reader did not take what was written. */
  resetAll(code: number): void {
    for (const call of [...this.#calls.keys()]) call.reset(code);
  }

  /**
   * Gives up calls whose reader has taken nothing for `limitMs` although something waits for it. To be called a few times per limit with the
   * time on one monotonic clock; a look at each call is all that stall detection costs, nothing per message.
   */
  resetStalled(nowMs: number, limitMs: number): void {
    for (const [call, observed] of this.#calls) {
      if (call.unacceptedWrites === 0) continue;
      if (call.acceptedWrites !== observed.acceptedWrites) {
        observed.acceptedWrites = call.acceptedWrites;
        observed.sinceMs = nowMs;
      } else if (nowMs - observed.sinceMs >= limitMs) {
        call.reset(resourceExhausted);
      }
    }
  }
}

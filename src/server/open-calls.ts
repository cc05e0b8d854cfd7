import type { CallStatus } from "./call.ts";

/** What the registry does with an open call. */
export interface OpenCall {
  /** False once its end was decided; it stays registered until its last byte left or was given up. */
  readonly isOpen: boolean;
  /** It waits for its caller and has nothing else to do. */
  readonly isIdle: boolean;
  /** Messages, and pieces of large ones, that are written and that the reader has not taken yet. */
  readonly unacceptedWrites: number;
  /** Those that the reader has taken, ever. Unchanged between two looks while some are unaccepted: the reader is stalled. */
  readonly acceptedWrites: number;
  end(status: CallStatus): void;
  reset(code: number): void;
  /** Where the registry keeps it; the registry's own. */
  place: number;
}

interface Observed {
  wasIdle: boolean;
  acceptedWrites: number;
  sinceMs: number;
}

/** gRPC's RESOURCE_EXHAUSTED. */
const resourceExhausted = 8;

/**
 * Every call from its headers to its last byte, so that a stopping server can end each of them itself and stalled readers are found.
 *
 * Two dense arrays instead of a Map: a Map links every table that it outgrows to the next one, so that one that the collector has promoted
 * keeps all later calls alive, which at thousands of calls a second means one full collection after another.
 */
export class OpenCalls {
  readonly #calls: OpenCall[] = [];
  readonly #observed: Observed[] = [];
  #whenEmpty: (() => void)[] = [];

  get size(): number {
    return this.#calls.length;
  }

  add(call: OpenCall): void {
    call.place = this.#calls.length;
    this.#calls.push(call);
    this.#observed.push({ wasIdle: false, acceptedWrites: -1, sinceMs: 0 });
  }

  remove(call: OpenCall): void {
    if (this.#calls[call.place] !== call) return;
    const last = this.#calls.pop();
    const observed = this.#observed.pop();
    if (last !== undefined && observed !== undefined && last !== call) {
      last.place = call.place;
      this.#calls[call.place] = last;
      this.#observed[call.place] = observed;
    }
    if (this.#calls.length === 0 && this.#whenEmpty.length > 0) {
      for (const resolve of this.#whenEmpty.splice(0)) resolve();
    }
  }

  /** Resolves as soon as no call is open. */
  async untilEmpty(): Promise<void> {
    if (this.#calls.length > 0) await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
  }

  /**
   * Ends the calls that were idle at two looks in a row. A stream that has just had its last answer gets the time in between to close by
   * itself.
   */
  endIdle(status: CallStatus): void {
    for (const call of [...this.#calls]) {
      const observed = this.#observed[call.place];
      if (observed === undefined) continue;
      if (observed.wasIdle && call.isIdle) call.end(status);
      else observed.wasIdle = call.isIdle;
    }
  }

  /** Ends every call whose end is not decided yet. */
  endAll(status: CallStatus): void {
    for (const call of [...this.#calls]) call.end(status);
  }

  /** Gives up every call that is left: its reader did not take what was written. */
  resetAll(code: number): void {
    for (const call of [...this.#calls]) call.reset(code);
  }

  /**
   * Gives up calls whose reader has taken nothing for `limitMs` although something waits for it. To be called a few times per limit with the
   * time on one monotonic clock; a look at each call is all that stall detection costs, nothing per message.
   * @returns how many
   */
  resetStalled(nowMs: number, limitMs: number): number {
    let count = 0;
    for (const call of [...this.#calls]) {
      const observed = this.#observed[call.place];
      if (observed === undefined || call.unacceptedWrites === 0) continue;
      if (call.acceptedWrites !== observed.acceptedWrites) {
        observed.acceptedWrites = call.acceptedWrites;
        observed.sinceMs = nowMs;
      } else if (nowMs - observed.sinceMs >= limitMs) {
        call.reset(resourceExhausted);
        count++;
      }
    }
    return count;
  }
}

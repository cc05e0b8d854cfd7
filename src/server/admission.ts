import { InferenceError } from "../errors.ts";

/** Least room that a full budget must regain before paused streams go on, as a share of it: keeps them from waking one message at a time. */
const resumeShare = 7 / 8;

/** How long a unary call that found the server full is asked to wait: a moment in which tens of batches finish. */
const shedRetryAfterMs = 100;

/** How long a call refused by a stopping server is asked to wait; another replica can answer at once. */
const drainingRetryAfterMs = 100;

/**
 * Bytes of requests and answers that the whole server holds at a time. Streams charge what has arrived and stop reading while the budget is
 * full; unary calls are refused. So it may be exceeded by what is under way in that moment: one message per open stream.
 */
export class BufferBudget {
  readonly maxBytes: number;
  #usedBytes = 0;
  /** Streams that paused, in the order in which they did. */
  #waiting = new Set<() => void>();

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** Bytes held now; 0 when nothing is in flight. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  get isFull(): boolean {
    return this.#usedBytes >= this.maxBytes;
  }

  /** Charges bytes unless the budget would be exceeded; an empty budget takes any message. */
  tryAcquire(bytes: number): boolean {
    if (this.#usedBytes > 0 && this.#usedBytes + bytes > this.maxBytes) return false;
    this.#usedBytes += bytes;
    return true;
  }

  /** Charges bytes that are in memory already. */
  acquire(bytes: number): void {
    this.#usedBytes += bytes;
  }

  release(bytes: number): void {
    this.#usedBytes -= bytes;
    if (this.#waiting.size > 0 && this.#usedBytes <= this.maxBytes * resumeShare) this.#wake();
  }

  /** Calls back once, when there is room again. */
  whenRoom(listener: () => void): void {
    this.#waiting.add(listener);
  }

  /** Forgets a listener, for a stream that ended while it waited. */
  forget(listener: () => void): void {
    this.#waiting.delete(listener);
  }

  /** Streams waiting for room. */
  get waitingCount(): number {
    return this.#waiting.size;
  }

  #wake(): void {
    for (const listener of this.#waiting) {
      if (this.isFull) return;
      this.#waiting.delete(listener);
      listener();
    }
  }
}

/** Whether new work is let in: one per server, asked by every call and every stream message. */
export class Admission {
  readonly budget: BufferBudget;
  #isDraining = false;

  constructor(maxBufferedBytes: number) {
    this.budget = new BufferBudget(maxBufferedBytes);
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** From here on new work is refused; what was admitted goes on. */
  drain(): void {
    this.#isDraining = true;
  }
}

/** Triton's refusal of new work in a server that is being shut down. */
export function drainingError(): InferenceError {
  return new InferenceError("draining", "GRPC server is shutting down and has stopped accepting new requests.", {
    retryAfterMs: drainingRetryAfterMs,
  });
}

/** The refusal of a unary call while the server holds as many bytes as it may. */
export function shedError(): InferenceError {
  return new InferenceError("shed", "Exceeds maximum queue size: the server holds as many request bytes as it may", {
    retryAfterMs: shedRetryAfterMs,
  });
}

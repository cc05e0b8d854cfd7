import type { Outcome, OutcomeResult } from "../outcome.ts";
import { encodeStreamOutcome } from "../protocol/outcome-messages.ts";
import { decodeStreamResult } from "../protocol/outcome-results.ts";
import { statusCodes } from "../protocol/status.ts";
import { ClientError, cancelledByCaller, clientErrorOf } from "./client-error.ts";
import type { ConnectionListener, StreamConnection } from "./stream-connection.ts";
import { readable } from "./stream-result.ts";

/** What became of one outcome of a stream. */
export interface StreamedOutcomeResult extends OutcomeResult {
  /** Its place in the stream, from 0. */
  readonly index: number;
  /** The outcome itself. */
  readonly outcome: Outcome;
}

/** What a stream of outcomes is made of. */
export interface OutcomeStreamParts {
  connect(listener: ConnectionListener): StreamConnection;
  /** Outcomes without their result at a time. */
  readonly window: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * Sends outcomes, and yields the result of each, in order. Outcomes are drawn no faster than results are taken. The last result is followed by the
 * end only when the server has answered every outcome; everything else is an error.
 */
export async function* reportStream(
  outcomes: Iterable<Outcome> | AsyncIterable<Outcome>,
  parts: OutcomeStreamParts,
): AsyncGenerator<StreamedOutcomeResult, void, undefined> {
  const call = new OutcomeCall(parts.window);
  const cancel = () => call.fail(cancelledByCaller());
  if (parts.signal?.aborted === true) throw cancelledByCaller();
  parts.signal?.addEventListener("abort", cancel, { once: true });
  try {
    call.start(parts.connect(call));
    void send(outcomes, call); // ends with the call, and tells it what goes wrong
    for (let result = await call.next(); result !== undefined; result = await call.next()) yield result;
  } finally {
    parts.signal?.removeEventListener("abort", cancel);
    call.close();
  }
}

/** Draws outcomes while there is room for them. Never throws: the call hears of it. */
async function send(outcomes: Iterable<Outcome> | AsyncIterable<Outcome>, call: OutcomeCall): Promise<void> {
  try {
    for await (const outcome of outcomes) {
      if (!(await call.hasRoom())) return;
      call.send(outcome);
      if (!(await call.hasRoom())) return;
    }
    call.finish();
  } catch (error) {
    call.fail(error);
  }
}

/** One StreamOutcomes call: who waits for room, who waits for a result. */
class OutcomeCall implements ConnectionListener {
  readonly #window: number;
  readonly #unanswered: Outcome[] = [];
  readonly #results: StreamedOutcomeResult[] = [];
  #connection: StreamConnection | undefined;
  #answered = 0;
  #isWritable = true;
  #isFinished = false;
  /** Undefined: it goes on. */
  #end: { readonly error: unknown } | undefined;
  #wakeReader: () => void = () => {};
  #wakeSender: () => void = () => {};

  constructor(window: number) {
    this.#window = window;
  }

  start(connection: StreamConnection): void {
    this.#connection = connection;
  }

  /** Waits until another outcome may be sent; false: the call is over. */
  async hasRoom(): Promise<boolean> {
    while (this.#end === undefined && !(this.#isWritable && this.#pending < this.#window)) {
      await new Promise<void>((resolve) => (this.#wakeSender = resolve));
    }
    return this.#end === undefined;
  }

  send(outcome: Outcome): void {
    const message = encodeStreamOutcome(outcome);
    this.#unanswered.push(outcome);
    this.#isWritable = this.#connection?.write(message) ?? false;
  }

  /** There are no more outcomes. */
  finish(): void {
    this.#isFinished = true;
    if (this.#end === undefined) this.#connection?.finish();
  }

  /** The next result; undefined: all have been given. Throws what the call ended with. */
  async next(): Promise<StreamedOutcomeResult | undefined> {
    for (;;) {
      const result = this.#results.shift();
      if (result !== undefined) {
        this.#wakeSender(); // there is room for another one
        return result;
      }
      if (this.#end !== undefined) {
        if (this.#end.error !== undefined) throw this.#end.error;
        return undefined;
      }
      await new Promise<void>((resolve) => (this.#wakeReader = resolve));
    }
  }

  fail(error: unknown): void {
    if (this.#end !== undefined) return;
    this.#connection?.cancel();
    this.#over(error);
  }

  /** The reader has left. */
  close(): void {
    if (this.#end === undefined) this.fail(cancelledByCaller());
    this.#unanswered.length = 0;
  }

  onMessage(message: Buffer): void {
    try {
      const { index, result } = readable(() => decodeStreamResult(message));
      const outcome = this.#unanswered.shift();
      if (outcome === undefined || index !== this.#answered) {
        throw new ClientError(
          statusCodes.INTERNAL,
          `the server answered outcome ${index} in the place of ${this.#answered}`,
        );
      }
      this.#results.push({ index: this.#answered++, outcome, ...result });
      this.#wakeReader();
    } catch (error) {
      this.fail(error);
    }
  }

  onWritable(): void {
    this.#isWritable = true;
    this.#wakeSender();
  }

  onClosed(status: Parameters<ConnectionListener["onClosed"]>[0]): void {
    if (status.code !== statusCodes.OK) this.#over(clientErrorOf(status));
    else if (this.#isFinished && this.#unanswered.length === 0) this.#over(undefined);
    else {
      const text = `the server ended the stream with ${this.#unanswered.length} outcomes without a result`;
      this.#over(new ClientError(statusCodes.INTERNAL, text));
    }
  }

  /** Outcomes without a result that their reader has taken. */
  get #pending(): number {
    return this.#unanswered.length + this.#results.length;
  }

  #over(error: unknown): void {
    this.#end ??= { error };
    this.#wakeReader();
    this.#wakeSender();
  }
}

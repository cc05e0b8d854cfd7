import type { StatusObject } from "@grpc/grpc-js";
import { statusCodes } from "../protocol/status.ts";
import { ClientError, clientErrorOf } from "./client-error.ts";
import { RequestSource } from "./request-source.ts";
import { decideResume, type Outage } from "./resume.ts";
import type { StreamConnection } from "./stream-connection.ts";
import { StreamLedger } from "./stream-ledger.ts";
import type { StreamParts } from "./stream-parts.ts";
import { decodeStreamAnswer, type StreamResult } from "./stream-result.ts";

/**
 * One stream of requests and answers over as many connections as it takes. {@link StreamLedger} says what is to be sent and delivered,
 * {@link decideResume} whether it goes on after a loss; here it is done. At most a window of requests is without an answer that the reader has
 * taken, so neither a slow reader nor a slow server makes memory grow.
 */
export class ResumingStream<Request> {
  readonly #parts: StreamParts<Request>;
  readonly #ledger: StreamLedger;
  #source: RequestSource<Request> | undefined;
  #connection: StreamConnection | undefined;
  #isWritable = false;
  #isHalfClosed = false;
  #isPaused = false;
  #isSourceDone = false;
  #isKnown = false;
  /** Messages without an answer of their own, which must not overtake the requests that they name. */
  readonly #cancellations: Buffer[] = [];
  #resumes = 0;
  #outage: Outage | undefined;
  /** Requests finished when the connection was opened. */
  #finishedBefore = 0;
  #end: { readonly failure: unknown } | undefined;
  #cancelTimer: (() => void) | undefined;
  #wakeReader = (): void => {};

  constructor(parts: StreamParts<Request>) {
    this.#parts = parts;
    this.#ledger = new StreamLedger(parts.limits);
  }

  /**
   * Sends all requests, and gives the answers in their order. To be called once. Leaving the loop early cancels the stream.
   * @throws ClientError when the stream itself fails, and whatever the source or a callback throws.
   */
  async *run(requests: Iterable<Request> | AsyncIterable<Request>): AsyncGenerator<StreamResult, void, undefined> {
    const ledger = this.#ledger;
    const stopWatching = this.#parts.watch((error) => this.#finish(error));
    try {
      const source = this.#begin(requests);
      for (;;) {
        const result = ledger.take();
        if (result !== undefined) {
          if (this.#isPaused && !ledger.isReaderBehind) this.#setPaused(false);
          source.draw();
          yield result;
        } else if (this.#end !== undefined) {
          if (this.#end.failure !== undefined) throw this.#end.failure;
          return;
        } else await new Promise<void>((resolve) => (this.#wakeReader = resolve));
      }
    } finally {
      stopWatching();
      this.#finish(undefined);
      const { requests: drawn, finished, failed } = ledger;
      this.#parts.onEnd?.({ requests: drawn, answered: finished, failed, resumes: this.#resumes });
    }
  }

  #begin(requests: Iterable<Request> | AsyncIterable<Request>): RequestSource<Request> {
    const source = new RequestSource(requests, {
      hasRoom: () => this.#hasRoom,
      onRequest: (request) => this.#enter(request),
      onDone: () => {
        this.#isSourceDone = true;
        this.#work();
      },
      onFailed: (error) => this.#finish(error),
    });
    this.#source = source;
    if (this.#end === undefined) this.#connect();
    source.draw();
    return source;
  }

  get #hasRoom(): boolean {
    return this.#end === undefined && this.#ledger.hasRoom && this.#cancellations.length < this.#parts.limits.window;
  }

  #enter(request: Request): void {
    const encoded = this.#parts.encode(request, this.#ledger.requests);
    if (encoded.isUnanswered) this.#cancellations.push(encoded.message);
    else this.#ledger.add(encoded);
    this.#work();
  }

  /** Does what can be done now: sends, waits for the time at which it may, closes, or connects because there is something to send. */
  #work(): void {
    if (this.#end !== undefined) return;
    const ledger = this.#ledger;
    if (this.#connection === undefined) {
      if (ledger.hasUnsent) {
        if (this.#cancelTimer === undefined) this.#connect();
      } else if (this.#isSourceDone) this.#finish(undefined);
      return;
    }
    if (this.#isHalfClosed) return;
    const holdMs = ledger.holdUntilMs === 0 ? 0 : ledger.holdUntilMs - this.#parts.clock.now();
    while (this.#isWritable && holdMs <= 0) {
      const message = ledger.nextToSend();
      if (message === undefined) break;
      this.#isWritable = this.#connection.write(message);
    }
    if (this.#isWritable && this.#cancellations.length > 0) {
      for (const message of this.#cancellations.splice(0)) this.#isWritable = this.#connection.write(message);
      this.#source?.draw();
    }
    if (holdMs > 0) this.#workAfter(holdMs);
    else if (this.#isSourceDone && !ledger.hasUnsent && this.#cancellations.length === 0) {
      this.#isHalfClosed = true;
      this.#connection.finish();
    }
  }

  #workAfter(delayMs: number): void {
    this.#cancelTimer ??= this.#parts.clock.after(delayMs, () => {
      this.#cancelTimer = undefined;
      this.#work();
    });
  }

  #connect(): void {
    this.#isWritable = true;
    this.#isHalfClosed = false;
    this.#isPaused = false;
    this.#finishedBefore = this.#ledger.finished;
    try {
      this.#connection = this.#openConnection();
    } catch (error) {
      this.#finish(error); // the client is closed: nobody above would hear of it, and the reader would wait for ever
      return;
    }
    this.#work();
  }

  #openConnection(): StreamConnection {
    const connection = this.#parts.connect({
      onMessage: (message) => this.#receive(message),
      onWritable: () => {
        this.#isWritable = true;
        this.#work();
      },
      onClosed: (status) => this.#onClosed(connection, status),
    });
    return connection;
  }

  #receive(message: Buffer): void {
    try {
      const answer = decodeStreamAnswer(message);
      const nowMs = answer.error === undefined ? 0 : this.#parts.clock.now(); // only refusals are timed
      const released = this.#ledger.receive(answer, message.length, nowMs);
      if (released !== undefined) this.#parts.release(released);
    } catch (error) {
      this.#finish(error);
      return;
    }
    if (this.#ledger.holdUntilMs > 0) this.#work();
    if (!this.#isPaused && this.#ledger.isReaderBehind) this.#setPaused(true);
    this.#wakeReader();
  }

  #setPaused(isPaused: boolean): void {
    this.#isPaused = isPaused;
    if (isPaused) this.#connection?.pause();
    else this.#connection?.resume();
  }

  #onClosed(connection: StreamConnection, status: StatusObject): void {
    this.#connection = undefined;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const { hasUnsent, unanswered } = this.#ledger;
    const isComplete = this.#isSourceDone && !hasUnsent;
    if (status.code !== statusCodes.OK) {
      if (isComplete && unanswered === 0) this.#finish(undefined);
      else this.#resume(connection.peer, status);
      return;
    }
    const failure = this.#truncation(status);
    if (isComplete || failure !== undefined) this.#finish(failure);
    else if (this.#isHalfClosed) {
      // What the server refused after we had closed: it is there, and wants to be left alone for a while.
      this.#reopen(Math.max(0, this.#ledger.holdUntilMs - this.#parts.clock.now()));
    } else this.#resume(connection.peer, { ...status, ...earlyEnd });
  }

  #resume(server: string | undefined, status: StatusObject): void {
    const { limits, clock, random, onResume } = this.#parts;
    const ledger = this.#ledger;
    this.#isKnown ||= server !== undefined;
    const unanswered = ledger.requests - ledger.finished;
    // An outage is time in which somebody waits for an answer.
    const outage = ledger.finished > this.#finishedBefore || unanswered === 0 ? undefined : this.#outage;
    const loss = { status, wasTaken: server !== undefined, isKnown: this.#isKnown };
    const decision = decideResume(outage, loss, limits, clock.now(), random());
    const cause = clientErrorOf(status);
    const reason = decision.outage === undefined ? decision.reason : ledger.obstacle;
    if (decision.outage === undefined || reason !== undefined) {
      this.#finish(reason === undefined ? cause : stopped(cause, reason, unanswered));
      return;
    }
    this.#outage = unanswered === 0 ? undefined : decision.outage;
    try {
      onResume?.({ cause, server, unanswered, delayMs: decision.delayMs });
    } catch (error) {
      this.#finish(error);
      return;
    }
    this.#reopen(decision.delayMs);
  }

  /** Sends on another connection what is unanswered; with nothing to send, as soon as there is. */
  #reopen(delayMs: number): void {
    this.#resumes++;
    this.#ledger.lose();
    if (delayMs > 0) this.#workAfter(delayMs);
    else this.#work();
  }

  /** Whether a server that ended the stream in good order has left something out, by our count or by its own. */
  #truncation(status: StatusObject): ClientError | undefined {
    const { unanswered, messagesSent, answersReceived, hasSeveralAnswers } = this.#ledger;
    if (hasSeveralAnswers) return undefined;
    const received = countOf(status, "sluice-items-received") ?? messagesSent;
    const answered = countOf(status, "sluice-items-answered") ?? answersReceived;
    if (unanswered === 0 && received === messagesSent && answered === answersReceived) return undefined;
    const text = `the server ended the stream with ${unanswered} requests unanswered: ${messagesSent} were sent and ${answersReceived} answers came, the server counts ${received} and ${answered}`;
    return new ClientError(statusCodes.DATA_LOSS, text);
  }

  #finish(failure: unknown): void {
    if (this.#end !== undefined) return;
    this.#end = { failure };
    this.#connection?.cancel();
    this.#connection = undefined;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#source?.stop();
    this.#wakeReader();
  }
}

/** A server may end a stream before its caller did, e.g. at the age limit of connections; what was answered is answered. */
const earlyEnd = { code: statusCodes.UNAVAILABLE, details: "the server ended the stream before its caller" };

function stopped(cause: ClientError, reason: string, unanswered: number): ClientError {
  const text = `${cause.message}; the stream cannot be resumed with ${unanswered} requests unanswered: ${reason}`;
  return new ClientError(cause.code, text, { cause, retryAfterMs: cause.retryAfterMs });
}

/** A count in the trailers of a stream; undefined from servers that send none. */
function countOf({ metadata }: StatusObject, key: string): number | undefined {
  const [value] = metadata.get(key);
  return value === undefined ? undefined : Number(value);
}

import type { ClientError } from "./client-error.ts";
import type { ResumeLimits } from "./resume.ts";
import type { ConnectionListener, StreamConnection } from "./stream-connection.ts";
import type { LedgerLimits, OutgoingRequest } from "./stream-ledger.ts";

/** A stream lost its connection and goes on with another one. */
export interface StreamResume {
  /** Why the connection ended. */
  readonly cause: ClientError;
  /** The server that had it, `host:port`; undefined: none could be reached. */
  readonly server: string | undefined;
  /** Requests without an answer, which are sent again. */
  readonly unanswered: number;
  /** Milliseconds until the next attempt. */
  readonly delayMs: number;
}

/** What became of a stream. */
export interface StreamSummary {
  /** Requests drawn from the caller. */
  readonly requests: number;
  /** Requests that have their last answer, errors included. Equal to `requests` at the end of a stream that did not fail. */
  readonly answered: number;
  /** Requests answered with an error. */
  readonly failed: number;
  /** Connections beyond the first. */
  readonly resumes: number;
}

/** Time for a stream; injected, so that tests need no sleeping. */
export interface StreamClock {
  /** Monotonic milliseconds. */
  now(): number;
  /** Calls back once after a delay; the returned function cancels it. */
  after(delayMs: number, callback: () => void): () => void;
}

/** A request as a stream sends it. */
export interface EncodedRequest extends OutgoingRequest {
  /** The server gives no answer to it, as to the cancellation of another request. */
  readonly isUnanswered: boolean;
}

/** What a stream is made of. */
export interface StreamParts<Request> {
  /** Begins to watch for what ends the stream from outside; the returned function stops that. */
  watch(fail: (error: unknown) => void): () => void;
  /** Opens a connection; what it throws ends the stream. */
  connect(listener: ConnectionListener): StreamConnection;
  /** @param index number of the request in the stream, from 0 */
  encode(request: Request, index: number): EncodedRequest;
  /** Takes back the bytes of a request that was answered. */
  release(message: Buffer): void;
  readonly limits: LedgerLimits & ResumeLimits;
  readonly clock: StreamClock;
  random(): number;
  readonly onResume: ((resume: StreamResume) => void) | undefined;
  readonly onEnd: ((summary: StreamSummary) => void) | undefined;
}

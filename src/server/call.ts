import type { InferenceError } from "../errors.ts";
import { pushbackKey, sequenceLostKey, toStatus } from "../protocol/status.ts";

/**
 * One gRPC call as the services see it, whatever HTTP/2 implementation carries it. Callbacks rather than promises: the two inference
 * methods pay for each of them with every message.
 */

/** How a call ends. */
export interface CallStatus {
  /** A gRPC status code, 0 to 16. */
  readonly code: number;
  /** Text for the caller; the adapter cuts it and repairs lone surrogates. */
  readonly details: string;
  /** Further trailing metadata: lower-case names, ASCII values. */
  readonly trailers?: Readonly<Record<string, string>>;
}

/** The status of a call that succeeded. */
export const okStatus: CallStatus = { code: 0, details: "OK" };

/**
 * The status of a call that failed, with the pushback that its error asks for and whether a sequence was lost. Only the error's own message
 * travels.
 */
export function errorStatus(error: InferenceError): CallStatus {
  const { code, details, pushbackMs } = toStatus(error);
  if (pushbackMs === undefined) return { code, details };
  const lost = error.reason === "sequence_lost" ? { [sequenceLostKey]: "true" } : {};
  return { code, details, trailers: { [pushbackKey]: pushbackMs, ...lost } };
}

/** The side of a call that answers. */
export interface Call<Response> {
  /** Full method, `inference.GRPCInferenceService/ModelInfer`. */
  readonly method: string;
  /** When its headers arrived: `performance.now()` milliseconds. */
  readonly startMs: number;
  /** When an answer is of no use any more, on the same clock; Infinity: never. */
  readonly deadlineMs: number;
  /** Aborted when the caller goes away, or when the call ends in an error while work is under way. Made on first use. */
  readonly signal: AbortSignal;
  /** False once `end` or `reset` was called or the caller went away; nothing written after that reaches anybody. */
  readonly isOpen: boolean;
  /** The first value of a metadata key (lower case); undefined: not sent. */
  metadata(key: string): string | undefined;
  /** Asks for the next message or the half-close. Nothing arrives unasked, so not asking is back-pressure. At most one ask at a time. */
  read(): void;
  /**
   * Sends one message. `onAccepted` is called when HTTP/2 has taken it under the receiver's window, in the order of the writes, and never
   * for a call that is closed before. The bytes belong to the call until then.
   */
  write(response: Response, onAccepted: () => void): void;
  /** Ends the call with a status after what was written; without a write before it, the answer is trailers only. Later ends do nothing. */
  end(status: CallStatus): void;
  /** Gives the call up without delivering what was written, for a reader that takes nothing. `code` is what the caller should see. */
  reset(code: number): void;
}

/** The side of a call that listens. What it throws ends the call. */
export interface CallListener<Request> {
  onMessage(request: Request): void;
  /** The caller sends nothing more. Also seen when the caller vanishes: it proves nothing about completeness. */
  onHalfClose(): void;
  /** Whether it waits for the caller's next message with nothing else to do: what a stop need not wait for. Absent: never. */
  readonly isIdle?: boolean;
  /** Trailing metadata of every status that ends the call, whoever ends it. Read when the status leaves. Absent: none. */
  readonly trailers?: Readonly<Record<string, string>>;
  /** The call is over for both sides: delivered, cancelled or lost. Called exactly once, after everything else. */
  onClosed(): void;
}

/** Takes one call: answers through `call`, hears through what it returns. */
export type CallHandler<Request, Response> = (call: Call<Response>) => CallListener<Request>;

/** A handler of any method, for tables that hold many. The method's own serializers decide what the messages are. */
// biome-ignore lint/suspicious/noExplicitAny: the messages of methods in one table have nothing in common
export type AnyCallHandler = CallHandler<any, any>;

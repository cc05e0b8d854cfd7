import type { InferenceError, Reason } from "../errors.ts";

/** gRPC status codes by name, as the gRPC specification numbers them. */
export const statusCodes = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

const codes: Readonly<Record<Reason, number>> = {
  invalid: statusCodes.INVALID_ARGUMENT,
  not_found: statusCodes.NOT_FOUND,
  shed: statusCodes.UNAVAILABLE,
  queue_full: statusCodes.UNAVAILABLE,
  concurrency_limit: statusCodes.UNAVAILABLE,
  overload: statusCodes.UNAVAILABLE,
  queue_timeout: statusCodes.UNAVAILABLE,
  draining: statusCodes.UNAVAILABLE,
  loading: statusCodes.UNAVAILABLE,
  restarting: statusCodes.UNAVAILABLE,
  sequence_lost: statusCodes.UNAVAILABLE,
  quota: statusCodes.RESOURCE_EXHAUSTED,
  too_large: statusCodes.RESOURCE_EXHAUSTED,
  deadline: statusCodes.DEADLINE_EXCEEDED,
  cancelled: statusCodes.CANCELLED,
  unauthenticated: statusCodes.UNAUTHENTICATED,
  forbidden: statusCodes.PERMISSION_DENIED,
  refused: statusCodes.FAILED_PRECONDITION,
  unsupported: statusCodes.UNIMPLEMENTED,
  runtime: statusCodes.INTERNAL,
  internal: statusCodes.INTERNAL,
};

/** The trailer of a unary call, and below as a parameter on a stream, which says that the request's sequence is lost with its state. */
export const sequenceLostKey = "sluice-sequence-lost";
export const sequenceLostParameter = "sluice_sequence_lost";

/** The trailer that tells gRPC clients when to try again (gRFC A6). */
export const pushbackKey = "grpc-retry-pushback-ms";

/**
 * Most bytes of a status text in `grpc-message`, percent-encoded. Clients built on gRPC's C core refuse trailers above 8 KiB, and the
 * status would be lost with them.
 */
export const maxStatusTextBytes = 4096;

/** Clients read a pushback as a signed 32-bit integer. */
const maxPushbackMs = 2 ** 31 - 1;

/** The gRPC status code of a reason; the one table of them. */
export function statusCode(reason: Reason): number {
  return codes[reason];
}

/** A status as grpc-js takes it, without its metadata. */
export interface Status {
  readonly code: number;
  readonly details: string;
  /** Value of {@link pushbackKey}; undefined: no such trailer. */
  readonly pushbackMs: string | undefined;
}

/** The status of an error. Only the error's own message travels; `cause` does not. */
export function toStatus(error: InferenceError): Status {
  return {
    code: statusCode(error.reason),
    details: statusText(error.message),
    pushbackMs: error.retryAfterMs === undefined ? undefined : String(pushbackMs(error.retryAfterMs)),
  };
}

/** A pushback as the plain integer that clients parse; -1: do not try again. */
export function pushbackMs(retryAfterMs: number): number {
  return retryAfterMs >= 0 ? Math.min(Math.ceil(retryAfterMs), maxPushbackMs) : -1;
}

/**
 * A text that can travel as `grpc-message`: lone surrogates replaced (percent-encoding throws on them), cut at a character boundary
 * to {@link maxStatusTextBytes}.
 */
export function statusText(message: string): string {
  const text = message.toWellFormed();
  if (text.length * 9 <= maxStatusTextBytes) return text; // no UTF-16 unit takes more than nine bytes percent-encoded
  const ellipsis = "...";
  let bytes = 0;
  let lastFit = 0;
  let position = 0;
  for (const character of text) {
    bytes += encodedBytes(character);
    if (bytes > maxStatusTextBytes) return text.slice(0, lastFit) + ellipsis;
    position += character.length;
    if (bytes <= maxStatusTextBytes - ellipsis.length) lastFit = position;
  }
  return text;
}

/** Printable ASCII other than "%" stands for itself; some more is encoded by some encoders, so only letters and digits count as one. */
function encodedBytes(character: string): number {
  return /[A-Za-z0-9]/.test(character) ? 1 : 3 * Buffer.byteLength(character);
}

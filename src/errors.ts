/**
 * Why a request, a call or a load did not succeed.
 *
 * A closed set: `protocol/status.ts` maps each reason to one gRPC status and does not compile when a reason is missing, the
 * monitor counts rejections by it. Reasons are finer than statuses because an operator needs to tell a full queue from a
 * draining server although a client treats both alike.
 */
export const reasons = [
  /** The request is malformed or does not fit the model's signature. */
  "invalid",
  /** No such model, version or method. */
  "not_found",
  /** The server-wide limit on buffered bytes or calls is reached. */
  "shed",
  /** The model's queue holds its maximum of requests, rows or bytes. */
  "queue_full",
  /** As many rows of the model are in the server as admission allows at a time. */
  "concurrency_limit",
  /** It waited too long in a queue that stands, and was shed before it ran. */
  "overload",
  /** The queue policy's timeout passed before the request was taken into a batch (Triton's REJECT action). */
  "queue_timeout",
  /** The server or the model version is being shut down. */
  "draining",
  /** The model or version is known but not ready yet. */
  "loading",
  /** The runtime process of the model is being started again. */
  "restarting",
  /** The sequence that the request belongs to ended with its runtime process: its state is gone. */
  "sequence_lost",
  /** A tenant used up its quota. */
  "quota",
  /** A message or an answer exceeds its size limit. */
  "too_large",
  /** The caller's deadline passed, or cannot be met. */
  "deadline",
  /** The caller went away. */
  "cancelled",
  /** No credential, or one that does not verify. */
  "unauthenticated",
  /** A known caller without the right to do this. */
  "forbidden",
  /** A model file or configuration was refused before ONNX Runtime saw it. */
  "refused",
  /** The operation exists in the protocol but is not offered here. */
  "unsupported",
  /** ONNX Runtime failed on a valid request, or the run exceeded its limit. */
  "runtime",
  /** A bug of our own or an exception nobody foresaw. */
  "internal",
] as const;

export type Reason = (typeof reasons)[number];

export interface InferenceErrorOptions {
  /** The original error: logged, never sent. */
  readonly cause?: unknown;
  /** After how many milliseconds a retry makes sense; becomes `grpc-retry-pushback-ms`. Negative: do not retry. */
  readonly retryAfterMs?: number;
}

/**
 * The one error of sluice. `message` is written for the caller and may travel: it names the caller's own input, never a host
 * path, a stack or an internal name. Whatever must not travel belongs in `cause`.
 */
export class InferenceError extends Error {
  override readonly name = "InferenceError";
  readonly reason: Reason;
  readonly retryAfterMs: number | undefined;

  constructor(reason: Reason, message: string, options: InferenceErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** An `InferenceError` as it is; anything else becomes "internal error" with the original kept in `cause`. */
export function toInferenceError(error: unknown): InferenceError {
  return error instanceof InferenceError ? error : new InferenceError("internal", "internal error", { cause: error });
}

/** Throws on a bug of our own: a condition that no input can make false. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InferenceError("internal", "internal error", { cause: new Error(message) });
}

/** A value of a settings file as it may stand in a message: a word of it, not a page. */
export function shown(value: unknown): string {
  if (value instanceof Map) return "keys and values";
  if (Array.isArray(value)) return "a list";
  if (value === undefined || value === null) return "empty";
  const text = typeof value === "string" ? `'${value}'` : String(value);
  return text.length > 100 ? `${text.slice(0, 100)}...` : text;
}

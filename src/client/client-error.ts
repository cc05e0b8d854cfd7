import type { Metadata, StatusObject } from "@grpc/grpc-js";
import { pushbackKey, sequenceLostKey, statusCodes } from "../protocol/status.ts";

const statusNames: ReadonlyMap<number, string> = new Map(
  Object.entries(statusCodes).map(([name, code]) => [code, name]),
);

/** What a {@link ClientError} carries beside its text. */
export interface ClientErrorOptions {
  readonly retryAfterMs?: number | undefined;
  readonly isSequenceLost?: boolean;
  readonly cause?: unknown;
}

/**
 * Why a call did not succeed, as the server (or the connection to it) said; `message` is the server's own text. The same class for a unary
 * call and for one item of a stream.
 */
export class ClientError extends Error {
  override readonly name = "ClientError";
  /** The gRPC status code, e.g. 3; 2 (UNKNOWN) where a server gives none, as others do inside streams. */
  readonly code: number;
  /** The name of the code, e.g. `INVALID_ARGUMENT`. */
  readonly status: string;
  /** After how many milliseconds the server thinks a retry makes sense; negative: do not retry. Undefined: it did not say. */
  readonly retryAfterMs: number | undefined;
  /** The request's sequence ended with the process that held its state: it has to be begun again. */
  readonly isSequenceLost: boolean;

  constructor(code: number, message: string, options: ClientErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = statusNames.get(code) ?? `status ${code}`;
    this.retryAfterMs = options.retryAfterMs;
    this.isSequenceLost = options.isSequenceLost ?? false;
  }
}

/** How a call ended, as an error. */
export function clientErrorOf(status: Pick<StatusObject, "code" | "details" | "metadata">): ClientError {
  return new ClientError(status.code, status.details, {
    retryAfterMs: pushbackOf(status.metadata),
    isSequenceLost: status.metadata.get(sequenceLostKey).length > 0,
  });
}

/** After how many milliseconds a server wants to be asked again; negative: never. Undefined: it does not say. */
export function pushbackOf(metadata: Metadata): number | undefined {
  const [pushback] = metadata.get(pushbackKey);
  const milliseconds = pushback === undefined ? Number.NaN : Number.parseInt(String(pushback), 10);
  return Number.isNaN(milliseconds) ? undefined : milliseconds;
}

/** What becomes of a call whose signal was aborted. */
export function cancelledByCaller(): ClientError {
  return new ClientError(statusCodes.CANCELLED, "cancelled by the caller");
}

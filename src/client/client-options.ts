import { InferenceError } from "../errors.ts";

/** Longest deadline that is sent, milliseconds: grpc-js servers misread 2^31 ms (24.8 days) and more, so longer ones are shortened to this. */
export const maxDeadlineMs = 23 * 86_400_000;

/** How a client speaks to its server. */
export interface ClientOptions {
  /** Deadline of a unary call that names none, milliseconds. Default 60,000: a call without any can wait for ever. */
  readonly deadlineMs: number;
  /** Largest message either way, bytes. Default 64 MiB, as the server's. */
  readonly maxMessageBytes: number;
  /** Attempts of a unary call that is answered UNAVAILABLE, the first included, 1 to 5. Default 4; 1 switches retries off. */
  readonly maxAttempts: number;
  /** Idle time after which the connection is pinged, milliseconds. Default 60,000. */
  readonly keepaliveTimeMs: number;
  /** Requests of a stream that may be without their answer at a time. Default 64, as the server's window. */
  readonly streamWindow: number;
  /** Metadata sent with every call, such as `sluice-tenant`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Absent: plain text. Present: TLS, with the system's certificate authorities unless others are given. */
  readonly tls: TlsOptions | undefined;
}

/** PEM files' contents. */
export interface TlsOptions {
  readonly rootCertificates?: Uint8Array;
  readonly privateKey?: Uint8Array;
  readonly certificateChain?: Uint8Array;
}

const ranges = {
  deadlineMs: { default: 60_000, min: 1, max: Number.MAX_SAFE_INTEGER },
  maxMessageBytes: { default: 64 * 1024 * 1024, min: 1024, max: 2 ** 31 - 1 },
  maxAttempts: { default: 4, min: 1, max: 5 },
  keepaliveTimeMs: { default: 60_000, min: 1_000, max: 2 ** 31 - 1 },
  streamWindow: { default: 64, min: 1, max: 65_536 },
} as const;

/**
 * Partial options to full ones.
 * @throws InferenceError "invalid" for a number out of its range or an unknown key.
 */
export function resolveClientOptions(partial: Partial<ClientOptions> = {}): ClientOptions {
  for (const key of Object.keys(partial)) {
    if (!Object.hasOwn(ranges, key) && key !== "metadata" && key !== "tls") {
      throw new InferenceError(
        "invalid",
        `unknown client option '${key}', expected one of ${[...Object.keys(ranges), "metadata", "tls"].join(", ")}`,
      );
    }
  }
  return {
    deadlineMs: inRange("deadlineMs", partial.deadlineMs),
    maxMessageBytes: inRange("maxMessageBytes", partial.maxMessageBytes),
    maxAttempts: inRange("maxAttempts", partial.maxAttempts),
    keepaliveTimeMs: inRange("keepaliveTimeMs", partial.keepaliveTimeMs),
    streamWindow: inRange("streamWindow", partial.streamWindow),
    metadata: partial.metadata ?? {},
    tls: partial.tls,
  };
}

function inRange(key: keyof typeof ranges, value: number | undefined): number {
  const { default: standard, min, max } = ranges[key];
  if (value === undefined) return standard;
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new InferenceError("invalid", `client option '${key}' is ${value}, expected an integer from ${min} to ${max}`);
}

import { InferenceError } from "../errors.ts";

/** gRPC's own policies of choosing among the servers of a client. */
const loadBalancingPolicies = ["pick_first", "round_robin"] as const;

/** How a client speaks to its servers. */
export interface ClientOptions {
  /** Deadline of a unary call that names none, milliseconds. Default 60,000: a call without any can wait for ever. */
  readonly deadlineMs: number;
  /** Largest message either way, bytes. Default 64 MiB, as the server's. */
  readonly maxMessageBytes: number;
  /** Attempts of a unary call that is answered UNAVAILABLE, the first included, 1 to 5. Default 4; 1 switches retries off. */
  readonly maxAttempts: number;
  /** Wait before the first repetition of a call and before connecting again, milliseconds; each further one doubles it. Default 100. */
  readonly backoffMs: number;
  /** Longest such wait, milliseconds. Default 2,000. */
  readonly maxBackoffMs: number;
  /** Idle time after which the connection is pinged, milliseconds. Default 60,000. */
  readonly keepaliveTimeMs: number;
  /**
   * How calls and streams are spread over several addresses, or over all addresses of one DNS name. Default `round_robin` for several
   * addresses, `pick_first` (the first one that can be reached) for one.
   */
  readonly loadBalancing: (typeof loadBalancingPolicies)[number] | undefined;
  /** Connections to each server, used in turn by calls and streams, 1 to 64. Default 1; more where one connection is the bottleneck. */
  readonly channels: number;
  /**
   * HTTP/2 receive window of a stream and of a connection, bytes: as much of its answers a server may send before the client has read them.
   * Default 4 MiB; Node's own 64 KB make bulk answers wait for a round trip each.
   */
  readonly receiveWindowBytes: number;
  /** Requests of a stream that may be without their answer at a time. Default 64, as the server's window. */
  readonly streamWindow: number;
  /**
   * Bytes of a stream's unanswered requests, and of answers that its reader has not taken; one request is always let in. Default 64 MiB, as
   * the server's window.
   */
  readonly streamWindowBytes: number;
  /**
   * Connections in a row that a stream may lose without one answer before it fails; 0: a stream ends with its first connection. Default 5.
   * Connections that cannot be made do not count once a server has been reached.
   */
  readonly resumeAttempts: number;
  /** How long a stream looks for a server after it lost one, milliseconds since its last answer. Default 60,000. */
  readonly resumeTimeoutMs: number;
  /**
   * Times that a request of a stream is sent in all while servers refuse it with UNAVAILABLE and a time after which to try again; then the
   * refusal is its answer. Default 10; 1: never again.
   */
  readonly itemAttempts: number;
  /** Metadata sent with every call, such as `sluice-tenant`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Absent: plain text. Present: TLS, with the system's certificate authorities unless others are given. */
  readonly tls: TlsOptions | undefined;
}

/** PEM files' contents, and the name to expect. */
export interface TlsOptions {
  readonly rootCertificates?: Uint8Array;
  readonly privateKey?: Uint8Array;
  readonly certificateChain?: Uint8Array;
  /** Name in the servers' certificates; absent: the host of the address. Needed where addresses name several hosts. */
  readonly serverName?: string;
}

const ranges = {
  deadlineMs: { default: 60_000, min: 1, max: Number.MAX_SAFE_INTEGER },
  maxMessageBytes: { default: 64 * 1024 * 1024, min: 1024, max: 2 ** 31 - 1 },
  maxAttempts: { default: 4, min: 1, max: 5 },
  backoffMs: { default: 100, min: 1, max: 3_600_000 },
  maxBackoffMs: { default: 2_000, min: 1, max: 3_600_000 },
  keepaliveTimeMs: { default: 60_000, min: 1_000, max: 2 ** 31 - 1 },
  channels: { default: 1, min: 1, max: 64 },
  receiveWindowBytes: { default: 4 * 1024 * 1024, min: 65_535, max: 2 ** 31 - 1 },
  streamWindow: { default: 64, min: 1, max: 65_536 },
  streamWindowBytes: { default: 64 * 1024 * 1024, min: 1, max: Number.MAX_SAFE_INTEGER },
  resumeAttempts: { default: 5, min: 0, max: 1_000_000 },
  resumeTimeoutMs: { default: 60_000, min: 0, max: 2 ** 31 - 1 },
  itemAttempts: { default: 10, min: 1, max: 1_000_000 },
} as const;

const otherKeys = ["loadBalancing", "metadata", "tls"] as const;

/**
 * Partial options to full ones.
 * @throws InferenceError "invalid" for a number out of its range, an unknown policy or an unknown key.
 */
export function resolveClientOptions(partial: Partial<ClientOptions> = {}): ClientOptions {
  const known = [...Object.keys(ranges), ...otherKeys];
  for (const key of Object.keys(partial)) {
    if (known.includes(key)) continue;
    throw new InferenceError("invalid", `unknown client option '${key}', expected one of ${known.join(", ")}`);
  }
  const backoffMs = inRange("backoffMs", partial.backoffMs);
  return {
    deadlineMs: inRange("deadlineMs", partial.deadlineMs),
    maxMessageBytes: inRange("maxMessageBytes", partial.maxMessageBytes),
    maxAttempts: inRange("maxAttempts", partial.maxAttempts),
    backoffMs,
    maxBackoffMs: Math.max(backoffMs, inRange("maxBackoffMs", partial.maxBackoffMs)),
    keepaliveTimeMs: inRange("keepaliveTimeMs", partial.keepaliveTimeMs),
    loadBalancing: knownPolicy(partial.loadBalancing),
    channels: inRange("channels", partial.channels),
    receiveWindowBytes: inRange("receiveWindowBytes", partial.receiveWindowBytes),
    streamWindow: inRange("streamWindow", partial.streamWindow),
    streamWindowBytes: inRange("streamWindowBytes", partial.streamWindowBytes),
    resumeAttempts: inRange("resumeAttempts", partial.resumeAttempts),
    resumeTimeoutMs: inRange("resumeTimeoutMs", partial.resumeTimeoutMs),
    itemAttempts: inRange("itemAttempts", partial.itemAttempts),
    metadata: partial.metadata ?? {},
    tls: partial.tls,
  };
}

function knownPolicy(policy: ClientOptions["loadBalancing"]): ClientOptions["loadBalancing"] {
  if (policy === undefined || loadBalancingPolicies.includes(policy)) return policy;
  throw new InferenceError(
    "invalid",
    `client option 'loadBalancing' is '${policy}', expected one of ${loadBalancingPolicies.join(", ")}`,
  );
}

/** A number of the options, or its default. @throws InferenceError "invalid" for one out of its range. */
export function inRange(key: keyof typeof ranges, value: number | undefined): number {
  const { default: standard, min, max } = ranges[key];
  if (value === undefined) return standard;
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new InferenceError("invalid", `client option '${key}' is ${value}, expected an integer from ${min} to ${max}`);
}

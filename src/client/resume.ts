import type { StatusObject } from "@grpc/grpc-js";
import { statusCodes } from "../protocol/status.ts";
import { pushbackOf } from "./client-error.ts";

/** How long a stream goes on without a server. */
export interface ResumeLimits {
  /** Connections in a row that a server takes and ends without one answer; 0: a stream ends with its connection. */
  readonly resumeAttempts: number;
  /** Milliseconds without an answer after which a further loss is final. */
  readonly resumeTimeoutMs: number;
  /** Wait before the second attempt in a row, milliseconds; doubled with each further one. The first is made at once. */
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
}

/** What has been tried since the last answer. */
export interface Outage {
  readonly sinceMs: number;
  /** Connections that ended, whether or not a server took them. */
  readonly losses: number;
  /** Those that a server took. */
  readonly attempts: number;
}

/** How a connection ended. */
export interface Loss {
  readonly status: Pick<StatusObject, "code" | "details" | "metadata">;
  /** Whether a server took the call at all. */
  readonly wasTaken: boolean;
  /** Whether some server took a call of this stream at any time. */
  readonly isKnown: boolean;
}

/** To try again after a while, or why not; a reason absent: the status says it all. */
export type ResumeDecision =
  | { readonly outage: Outage; readonly delayMs: number }
  | { readonly outage?: undefined; readonly reason: string | undefined };

/**
 * Whether a stream goes on after its connection ended, and when. `outage` is what had been tried before, undefined after an answer; `random`
 * from 0 to 1 spreads the waits of many clients by a fifth either way (gRFC A6).
 */
export function decideResume(
  outage: Outage | undefined,
  { status, wasTaken, isKnown }: Loss,
  limits: ResumeLimits,
  nowMs: number,
  random: number,
): ResumeDecision {
  if (!isLostConnection(status) || limits.resumeAttempts === 0) return { reason: undefined };
  const pushbackMs = pushbackOf(status.metadata) ?? 0;
  if (pushbackMs < 0) return { reason: undefined };
  const before = outage ?? { sinceMs: nowMs, losses: 0, attempts: 0 };
  // A server that was never there is rather a wrong address than one that restarts: the attempts are counted then.
  const attempts = before.attempts + (wasTaken || !isKnown ? 1 : 0);
  if (attempts > limits.resumeAttempts) {
    return {
      reason: `${attempts} connections in a row brought no answer (resumeAttempts is ${limits.resumeAttempts})`,
    };
  }
  const leftMs = before.sinceMs + limits.resumeTimeoutMs - nowMs;
  if (before.losses > 0 && leftMs <= 0) {
    return { reason: `no server answered for ${limits.resumeTimeoutMs} ms (resumeTimeoutMs)` };
  }
  const backoffMs =
    before.losses === 0
      ? 0
      : Math.min(limits.backoffMs * 2 ** (before.losses - 1), limits.maxBackoffMs) * (0.8 + 0.4 * random);
  const delayMs = Math.max(pushbackMs, Math.min(backoffMs, leftMs));
  return { outage: { sinceMs: before.sinceMs, losses: before.losses + 1, attempts }, delayMs };
}

/**
 * Statuses that say nothing about the requests, only that this server or the way to it is gone: what servers that stop send (UNAVAILABLE), what
 * grpc-js makes of a connection that breaks (UNAVAILABLE, or INTERNAL with such a text), and of one that a server cuts (CANCELLED, which
 * here is never our own).
 */
function isLostConnection({ code, details }: Loss["status"]): boolean {
  if (code === statusCodes.UNAVAILABLE || code === statusCodes.CANCELLED) return true;
  return code === statusCodes.INTERNAL && details.startsWith("Received RST_STREAM");
}

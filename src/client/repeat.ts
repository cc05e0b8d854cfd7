import { statusCodes } from "../protocol/status.ts";
import type { ClientError } from "./client-error.ts";

/** How often a request of a stream is sent that servers refuse with a time after which to try again. */
export interface RepeatLimits {
  /** Times in all. */
  readonly itemAttempts: number;
  /** Least wait after the first refusal, milliseconds; doubled with each further one. */
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
}

/**
 * After how many milliseconds a request is sent again that has this answer and was refused so often before; undefined: the answer stands. The
 * server's time is kept, and more is waited where it turns out too short again and again.
 */
export function repeatAfterMs(
  error: ClientError | undefined,
  refusals: number,
  { itemAttempts, backoffMs, maxBackoffMs }: RepeatLimits,
): number | undefined {
  const asked = error?.code === statusCodes.UNAVAILABLE ? error.retryAfterMs : undefined;
  if (asked === undefined || asked < 0 || refusals + 1 >= itemAttempts) return undefined;
  return Math.max(asked, Math.min(backoffMs * 2 ** refusals, maxBackoffMs));
}

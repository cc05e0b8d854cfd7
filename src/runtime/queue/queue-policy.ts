import { InferenceError } from "../../errors.ts";
import type { InferenceRequest } from "../../inference.ts";
import type { ModelConfig, ModelConfigQueuePolicy } from "../../model/model-config.ts";

/** What a priority level does with requests that wait too long or are too many (Triton's ModelQueuePolicy). */
export interface LevelPolicy {
  /** REJECT fails an expired request, DELAY moves it behind all unexpired ones of its level. */
  readonly action: "REJECT" | "DELAY";
  /** Time a request may wait, Infinity: for ever. */
  readonly timeoutMs: number;
  /** Whether a request may shorten the timeout. */
  readonly isOverrideAllowed: boolean;
  /** Most requests waiting in the level. */
  readonly maxRequests: number;
}

/** How a model's queue orders and limits requests. Levels count from 1, the highest; without priorities there is one level. */
export interface QueuePolicy {
  readonly levels: readonly LevelPolicy[];
  /** Level of a request that names none, or one that does not exist. */
  readonly defaultLevel: number;
}

/** The policy that a configuration writes. */
export function queuePolicy(config: ModelConfig): QueuePolicy {
  const batching = config.dynamic_batching;
  const count = Math.max(1, batching?.priority_levels ?? 0);
  const levels = Array.from({ length: count }, (_, index) =>
    levelPolicy(batching?.priority_queue_policy?.[String(index + 1)] ?? batching?.default_queue_policy),
  );
  return { levels, defaultLevel: Math.min(count, Math.max(1, batching?.default_priority_level ?? 1)) };
}

function levelPolicy(policy: ModelConfigQueuePolicy | undefined): LevelPolicy {
  const timeout = policy?.default_timeout_microseconds ?? 0;
  const size = policy?.max_queue_size ?? 0;
  return {
    action: policy?.timeout_action ?? "REJECT",
    timeoutMs: timeout > 0 ? timeout / 1000 : Number.POSITIVE_INFINITY,
    isOverrideAllowed: policy?.allow_timeout_override ?? false,
    maxRequests: size > 0 ? size : Number.POSITIVE_INFINITY,
  };
}

/**
 * One level, no timeout, no limit of its own: such a queue may be emptied ahead of time, because nothing that waits in it can be overtaken
 * or expire (Triton prefetches for these queues alone).
 */
export function isSimpleQueue({ levels: [level, ...others] }: QueuePolicy): boolean {
  if (level === undefined || others.length > 0) return false;
  return (
    level.timeoutMs === Number.POSITIVE_INFINITY &&
    level.maxRequests === Number.POSITIVE_INFINITY &&
    !level.isOverrideAllowed
  );
}

/** The level of a request: its `priority` parameter where that level exists, else the default. */
export function levelOf(request: InferenceRequest, policy: QueuePolicy): number {
  if (policy.levels.length === 1) return 1;
  const priority = Number(request.parameters.get("priority") ?? 0);
  return priority >= 1 && priority <= policy.levels.length ? priority : policy.defaultLevel;
}

/**
 * How long a request may wait: the level's timeout, or the request's own `timeout` (microseconds) where the level allows that and it is
 * shorter, which is Triton's rule. Without a timeout of the level there is nothing to shorten.
 */
export function timeoutOf(request: InferenceRequest, level: LevelPolicy): number {
  if (!level.isOverrideAllowed || level.timeoutMs === Number.POSITIVE_INFINITY) return level.timeoutMs;
  const own = Number(request.parameters.get("timeout") ?? 0) / 1000;
  return own > 0 && own < level.timeoutMs ? own : level.timeoutMs;
}

/** Triton's answer to a request that found its queue full. */
export function queueFull(request: InferenceRequest, retryAfterMs: number): InferenceError {
  return new InferenceError("queue_full", tooMany(request), { retryAfterMs });
}

/** The answer to a request that found as many rows of its model in the server as admission allows. */
export function overLimit(request: InferenceRequest, limitRows: number, retryAfterMs: number): InferenceError {
  const what = `admission lets in ${Math.round(limitRows)} rows of this model at a time`;
  return new InferenceError("concurrency_limit", `${tooMany(request)}: ${what}`, { retryAfterMs });
}

function tooMany({ id }: InferenceRequest): string {
  return `[request id: ${id === "" ? "<id_unknown>" : id}] Exceeds maximum queue size`;
}

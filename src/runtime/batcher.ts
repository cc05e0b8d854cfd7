import type { ModelConfig } from "../model/model-config.ts";
import type { BatchReason } from "./observer.ts";
import type { QueueEntry } from "./queue-entry.ts";
import type { RequestQueue } from "./request-queue.ts";

/** When and how requests are put together (Triton's dynamic batching). */
export interface BatchPolicy {
  /** Most rows of a batch. */
  readonly maxRows: number;
  /** Requests may share a batch; without it every request runs alone. */
  readonly isMerging: boolean;
  /** Sizes worth waiting for, ascending; at least one. */
  readonly preferredSizes: readonly number[];
  /** How long the oldest request waits for others; 0: not at all. */
  readonly maxDelayMs: number;
}

/** The policy that a complete configuration writes. Without preferred sizes the largest batch is the preferred one (Triton's rule). */
export function batchPolicy(config: ModelConfig): BatchPolicy {
  const maxRows = Math.max(1, config.max_batch_size ?? 0);
  const batching = config.dynamic_batching;
  const preferred = [...(batching?.preferred_batch_size ?? [])].sort((a, b) => a - b);
  return {
    maxRows,
    isMerging: batching !== undefined && maxRows > 1,
    preferredSizes: preferred.length > 0 ? preferred : [maxRows],
    maxDelayMs: (batching?.max_queue_delay_microseconds ?? 0) / 1000,
  };
}

/** What to do now: run the first `count` entries of the queue, or look again at `untilMs`, or wait for something to arrive. */
export type BatchDecision =
  | { readonly kind: "batch"; readonly count: number; readonly rows: number; readonly reason: BatchReason }
  | { readonly kind: "wait"; readonly untilMs: number }
  | { readonly kind: "empty" };

const empty: BatchDecision = { kind: "empty" };

/**
 * Decides what an instance that is free now should run. Follows Triton's dynamic batcher (core, `GetDynamicBatch`) for a payload that is
 * still empty, because a batch is only formed when an instance can take it: the order of the checks, that the best preferred size is
 * ignored once the delay has passed, and what happens at delay 0 are visible in `batch_stats`. Cancelled and expired entries leave the
 * queue on the way.
 * @param maxBytes inputs that one batch may carry
 * @param runMs shortest time that a run takes: an entry that cannot be answered before its deadline is dropped
 */
export function decideBatch(
  queue: RequestQueue,
  policy: BatchPolicy,
  now: number,
  maxBytes: number,
  runMs: number,
): BatchDecision {
  const largestPreferred = policy.preferredSizes[policy.preferredSizes.length - 1] as number; // at least one
  let count = 0;
  let rows = 0;
  let bytes = 0;
  let best = 0;
  let bestRows = 0;
  let closed: BatchReason | undefined;
  let oldestMs = Number.POSITIVE_INFINITY;
  let timeoutMs = Number.POSITIVE_INFINITY;
  let deadlineMs = Number.POSITIVE_INFINITY;
  let first: QueueEntry | undefined;
  queue.scan(now, now + runMs, (entry) => {
    if (first !== undefined) {
      if (rows + entry.rows > largestPreferred && best === 0) [best, bestRows] = [count, rows];
      closed = closingReason(policy, first, entry, rows, bytes, maxBytes);
      if (closed !== undefined) return "stop";
    }
    first ??= entry;
    count++;
    rows += entry.rows;
    bytes += entry.byteLength;
    oldestMs = Math.min(oldestMs, entry.queuedMs);
    if (!entry.isDelayed) timeoutMs = Math.min(timeoutMs, entry.timeoutMs);
    deadlineMs = Math.min(deadlineMs, entry.deadlineMs);
    if (policy.preferredSizes.includes(rows)) [best, bestRows] = [count, rows];
    return "keep";
  });
  if (first === undefined) return empty;
  if (first.isAlone) closed = "retry"; // nobody can join it, so it waits for nobody
  const isDelayOver = policy.maxDelayMs > 0 && now - oldestMs >= policy.maxDelayMs;
  if (best !== 0 && !isDelayOver) {
    return {
      kind: "batch",
      count: best,
      rows: bestRows,
      reason: closed ?? (bestRows >= policy.maxRows ? "full" : "preferred"),
    };
  }
  if (closed !== undefined) return { kind: "batch", count, rows, reason: closed };
  if (rows >= largestPreferred) return { kind: "batch", count, rows, reason: "full" };
  if (isDelayOver) return { kind: "batch", count, rows, reason: "timeout" };
  if (policy.maxDelayMs === 0 || !policy.isMerging) return { kind: "batch", count, rows, reason: "idle" };
  const delayEndMs = oldestMs + policy.maxDelayMs;
  // A caller who does not wait that long: if its request went on waiting, it could only be dropped.
  if (deadlineMs - runMs <= delayEndMs) return { kind: "batch", count, rows, reason: "deadline" };
  return { kind: "wait", untilMs: Math.min(delayEndMs, timeoutMs) };
}

/** Why `entry` cannot join the batch that `first` began; undefined: it can. */
function closingReason(
  policy: BatchPolicy,
  first: QueueEntry,
  entry: QueueEntry,
  rows: number,
  bytes: number,
  maxBytes: number,
): BatchReason | undefined {
  if (first.isAlone || entry.isAlone) return "retry";
  if (!policy.isMerging) return "full";
  if (rows + entry.rows > policy.maxRows || bytes + entry.byteLength > maxBytes) return "full";
  return entry.shapeKey === first.shapeKey ? undefined : "shape";
}

import type { ModelConfig } from "../../model/model-config.ts";
import type { BatchReason } from "../observer.ts";
import type { QueueEntry } from "../queue/queue-entry.ts";
import type { RequestQueue } from "../queue/request-queue.ts";
import { type BucketRange, chooseBuckets } from "./length-range.ts";
import { bytesAtLength } from "./request-measure.ts";
import type { RunTimeEstimate } from "./run-time-model.ts";
import { decideWaiting } from "./waiting-rule.ts";

/** When and how requests are put together (Triton's dynamic batching, and our limits beside rows). */
export interface BatchPolicy {
  /** Most rows of a batch. */
  readonly maxRows: number;
  /** Requests may share a batch; without it every request runs alone. */
  readonly isMerging: boolean;
  /** Sizes worth waiting for, ascending; at least one. */
  readonly preferredSizes: readonly number[];
  /** How long the oldest request waits for others; 0: not at all. */
  readonly maxDelayMs: number;
  /** Time from arrival to answer within which batches may wait for more rows; absent: they never wait for that. */
  readonly latencyTargetMs?: number;
  /** Most input elements of a batch, and most of its own cost input; absent: any. A request above it runs alone. */
  readonly maxElements?: number;
  readonly maxCost?: number;
  /** Lengths to which rows are padded, ascending: requests of different lengths share a batch; absent: only those of one shape do. */
  readonly lengthBuckets?: readonly number[];
}

/** What of a model's settings is the batcher's. */
export interface BatchLimits {
  readonly latencyTargetMs?: number;
  readonly maxBatchElements?: number;
  readonly maxBatchCost?: number;
  readonly lengthBuckets?: readonly number[];
}

/** The policy that a complete configuration writes. Without preferred sizes the largest batch is the preferred one (Triton's rule). */
export function batchPolicy(config: ModelConfig, limits: BatchLimits = {}): BatchPolicy {
  const maxRows = Math.max(1, config.max_batch_size ?? 0);
  const batching = config.dynamic_batching;
  const preferred = [...(batching?.preferred_batch_size ?? [])].sort((a, b) => a - b);
  const { latencyTargetMs, maxBatchElements, maxBatchCost, lengthBuckets } = limits;
  return {
    maxRows,
    isMerging: batching !== undefined && maxRows > 1,
    preferredSizes: preferred.length > 0 ? preferred : [maxRows],
    maxDelayMs: (batching?.max_queue_delay_microseconds ?? 0) / 1000,
    ...(latencyTargetMs === undefined ? {} : { latencyTargetMs }),
    ...(maxBatchElements === undefined ? {} : { maxElements: maxBatchElements }),
    ...(maxBatchCost === undefined ? {} : { maxCost: maxBatchCost }),
    ...(lengthBuckets === undefined ? {} : { lengthBuckets }),
  };
}

/** The policy while a model is being drained: nobody is waited for. */
export function drainPolicy({ latencyTargetMs: _, ...policy }: BatchPolicy): BatchPolicy {
  return { ...policy, maxDelayMs: 0 };
}

/** What the batcher knows of the near future. */
export interface Forecast {
  /** Rows that arrive in a millisecond. */
  readonly rowsPerMs: number;
  /** How long batches of a shape bucket take; undefined: not known yet. */
  runTime(shapeBucket: number): RunTimeEstimate | undefined;
}

/** What to do now: run some entries of the queue, or look again at `untilMs`, or wait for something to arrive. */
export type BatchDecision =
  | {
      readonly kind: "batch";
      /** So many: the first ones of the queue, or those that are `picked`. */
      readonly count: number;
      readonly rows: number;
      readonly reason: BatchReason;
      /** In a queue of different lengths; absent: the first ones. */
      readonly picked?: readonly QueueEntry[];
    }
  | { readonly kind: "wait"; readonly untilMs: number }
  | { readonly kind: "empty" };

/** Entries of the queue that are to run together. */
export type DecidedBatch = Extract<BatchDecision, { readonly kind: "batch" }>;

const empty: BatchDecision = { kind: "empty" };

/**
 * Entries that are looked at for a batch of similar lengths, or one for each of its rows where it takes more: so a long queue costs no more than
 * a short one, and a full batch is seen.
 */
const maxLookedAt = 256;

/**
 * Decides what an instance that is free now should run. Follows Triton's dynamic batcher (core, `GetDynamicBatch`) for a payload that is
 * still empty, because a batch is only formed when an instance can take it: the order of the checks, that the best preferred size is
 * ignored once the delay has passed, and what happens at delay 0 are visible in `batch_stats`. Cancelled and expired entries leave the
 * queue on the way. With a latency target, what Triton would run at once may wait for more (`waiting-rule.ts`). Where rows are padded the
 * oldest request goes with those of similar length from behind it (`length-range.ts`).
 * @param maxBytes inputs that one batch may carry
 * @param runMs shortest time that a run takes: an entry that cannot be answered before its deadline is dropped
 * @param forecast for latency targets and length buckets; absent: nothing waits for more, and nothing passes others
 */
export function decideBatch(
  queue: RequestQueue,
  policy: BatchPolicy,
  now: number,
  maxBytes: number,
  runMs: number,
  forecast?: Forecast,
): BatchDecision {
  const largestPreferred = policy.preferredSizes[policy.preferredSizes.length - 1] as number; // at least one
  const range = bucketsToRun(queue, policy, now, runMs, forecast);
  const fill = new BatchFill(policy, maxBytes, range !== undefined);
  let best = 0;
  let bestRows = 0;
  let closed: BatchReason | undefined;
  let looked = 0;
  let hasPassed = false;
  queue.scan(now, now + runMs, (entry) => {
    if (range !== undefined) {
      if (++looked > Math.max(maxLookedAt, policy.maxRows)) return "stop";
      if (!isWithin(range, entry)) {
        hasPassed = true;
        return "keep";
      }
    }
    if (fill.first !== undefined) {
      if (fill.rows + entry.rows > largestPreferred && best === 0) [best, bestRows] = [fill.count, fill.rows];
      closed = fill.closingReason(fill.first, entry);
      if (closed !== undefined) return "stop";
    }
    fill.add(entry);
    if (policy.preferredSizes.includes(fill.rows)) [best, bestRows] = [fill.count, fill.rows];
    return "keep";
  });
  const { first, count, rows } = fill;
  if (first === undefined) return empty;
  if (first.isAlone) closed = "retry"; // nobody can join it, so it waits for nobody
  const isDelayOver = policy.maxDelayMs > 0 && now - fill.oldestMs >= policy.maxDelayMs;
  if (best !== 0 && !isDelayOver) {
    return fill.batch(best, bestRows, closed ?? (bestRows >= policy.maxRows ? "full" : "preferred"));
  }
  if (closed !== undefined) return fill.batch(count, rows, closed);
  if (rows >= largestPreferred) return fill.batch(count, rows, "full");
  if (hasPassed) return fill.batch(count, rows, "shape"); // those of other lengths are not held up
  if (isDelayOver) return fill.batch(count, rows, "timeout");
  if (!policy.isMerging) return fill.batch(count, rows, "idle");
  if (policy.maxDelayMs === 0) return decideByTarget(fill, policy, now, forecast);
  const delayEndMs = fill.oldestMs + policy.maxDelayMs;
  // A caller who does not wait that long: if its request went on waiting, it could only be dropped.
  if (fill.deadlineMs - runMs <= delayEndMs) return fill.batch(count, rows, "deadline");
  return { kind: "wait", untilMs: Math.min(delayEndMs, fill.timeoutMs) };
}

/** The length buckets that run together now; undefined: the model pads nothing, or nothing waits. */
function bucketsToRun(
  queue: RequestQueue,
  { lengthBuckets, isMerging, maxRows }: BatchPolicy,
  now: number,
  runMs: number,
  forecast: Forecast | undefined,
): BucketRange | undefined {
  if (lengthBuckets === undefined || !isMerging || forecast === undefined) return undefined;
  const rows = new Array<number>(lengthBuckets.length).fill(0);
  let head: number | undefined;
  let looked = 0;
  queue.scan(now, now + runMs, ({ measure: { shapeBucket }, rows: own }) => {
    if (++looked > Math.max(maxLookedAt, maxRows)) return "stop";
    head ??= shapeBucket;
    rows[shapeBucket] = (rows[shapeBucket] ?? 0) + own;
    return "keep";
  });
  if (head === undefined) return undefined;
  return chooseBuckets({ lengths: lengthBuckets, rows, head, maxRows }, (bucket) => forecast.runTime(bucket));
}

/** Whether an entry runs at one of these lengths; one that runs alone ends the batch by that, whatever its length. */
function isWithin({ low, high }: BucketRange, { measure, isAlone }: QueueEntry): boolean {
  return isAlone || (measure.shapeBucket >= low && measure.shapeBucket <= high);
}

/** Triton would run the batch now: so does sluice, unless the model has a latency target that leaves time for more rows. */
function decideByTarget(
  fill: BatchFill,
  { latencyTargetMs }: BatchPolicy,
  now: number,
  forecast: Forecast | undefined,
): BatchDecision {
  const { count, rows } = fill;
  if (latencyTargetMs === undefined || forecast === undefined) return fill.batch(count, rows, "idle");
  const decision = decideWaiting({
    now,
    rows,
    maxRows: fill.reachableRows,
    answerByMs: Math.min(fill.oldestMs + latencyTargetMs, fill.deadlineMs),
    rowsPerMs: forecast.rowsPerMs,
    runTime: forecast.runTime(fill.shapeBucket),
  });
  if (typeof decision === "string") return fill.batch(count, rows, decision);
  return { kind: "wait", untilMs: Math.min(decision.untilMs, fill.timeoutMs) };
}

/** The entries that a batch would have so far, summed up. */
class BatchFill {
  readonly #policy: BatchPolicy;
  readonly #maxBytes: number;
  readonly #picked: QueueEntry[] | undefined;
  first: QueueEntry | undefined;
  count = 0;
  rows = 0;
  /** The bucket of the longest. */
  shapeBucket = 0;
  oldestMs = Number.POSITIVE_INFINITY;
  /** When the first of them expires by the queue's policy, and by its caller's deadline. */
  timeoutMs = Number.POSITIVE_INFINITY;
  deadlineMs = Number.POSITIVE_INFINITY;
  #cost = 0;
  /** Beside its length, and for each step of it. */
  #bytes = 0;
  #elements = 0;
  #bytesPerLength = 0;
  #elementsPerLength = 0;
  #paddedLength = 0;

  /** @param isPicking entries are not simply the first ones of the queue */
  constructor(policy: BatchPolicy, maxBytes: number, isPicking: boolean) {
    this.#policy = policy;
    this.#maxBytes = maxBytes;
    this.#picked = isPicking ? [] : undefined;
  }

  add(entry: QueueEntry): void {
    const { measure } = entry;
    this.first ??= entry;
    this.count++;
    this.rows += entry.rows;
    this.#picked?.push(entry);
    this.shapeBucket = Math.max(this.shapeBucket, measure.shapeBucket);
    this.oldestMs = Math.min(this.oldestMs, entry.queuedMs);
    if (!entry.isDelayed) this.timeoutMs = Math.min(this.timeoutMs, entry.timeoutMs);
    this.deadlineMs = Math.min(this.deadlineMs, entry.deadlineMs);
    this.#cost += measure.cost;
    this.#bytes += bytesAtLength(entry, 0);
    this.#bytesPerLength += measure.bytesPerLength;
    this.#elements += measure.elements;
    this.#elementsPerLength += measure.elementsPerLength;
    this.#paddedLength = Math.max(this.#paddedLength, measure.paddedLength);
  }

  /** Why `entry` cannot join the batch that `first` began; undefined: it can. */
  closingReason(first: QueueEntry, entry: QueueEntry): BatchReason | undefined {
    const { isMerging, maxRows, maxElements, maxCost } = this.#policy;
    const { measure } = entry;
    if (first.isAlone || entry.isAlone) return "retry";
    if (!isMerging) return "full";
    if (this.rows + entry.rows > maxRows) return "full";
    const length = Math.max(this.#paddedLength, measure.paddedLength);
    const bytes = this.#bytes + this.#bytesPerLength * length + bytesAtLength(entry, length);
    if (bytes > this.#maxBytes) return "full";
    const perLength = this.#elementsPerLength + measure.elementsPerLength;
    if (maxElements !== undefined && this.#elements + measure.elements + perLength * length > maxElements)
      return "full";
    if (maxCost !== undefined && this.#cost + measure.cost > maxCost) return "full";
    return entry.shapeKey === first.shapeKey ? undefined : "shape";
  }

  /** Rows that the batch can come to when those that join it are like those that are in it. */
  get reachableRows(): number {
    const { maxRows, maxElements = Number.POSITIVE_INFINITY, maxCost = Number.POSITIVE_INFINITY } = this.#policy;
    const bytes = this.#bytes + this.#bytesPerLength * this.#paddedLength;
    const elements = this.#elements + this.#elementsPerLength * this.#paddedLength;
    const growth = Math.min(
      timesWithin(this.#maxBytes, bytes),
      timesWithin(maxElements, elements),
      timesWithin(maxCost, this.#cost),
    );
    return Math.max(this.rows, Math.min(maxRows, Math.floor(this.rows * growth)));
  }

  /** The first `count` of its entries as a batch. */
  batch(count: number, rows: number, reason: BatchReason): BatchDecision {
    const batch = { kind: "batch", count, rows, reason } as const;
    return this.#picked === undefined ? batch : { ...batch, picked: this.#picked.slice(0, count) };
  }
}

/** How many times what is used fits in a limit. */
function timesWithin(limit: number, used: number): number {
  return used > 0 ? limit / used : Number.POSITIVE_INFINITY;
}

import type { SequencePlan } from "../../model/sequence-plan.ts";
import type { BatchReason } from "../observer.ts";
import type { Sequence } from "./sequence.ts";

/** When and how requests of sequences are put together. */
export interface SequencePolicy {
  readonly strategy: SequencePlan["strategy"];
  /** Most rows of a batch. */
  readonly maxRows: number;
  /** Bytes that the inputs of one batch may take. */
  readonly maxBytes: number;
}

/** What an instance that is free now does. */
export type SequenceDecision =
  /** Runs the first waiting request of each of these; undefined: a row without a request. */
  | { readonly kind: "batch"; readonly rows: readonly (Sequence | undefined)[]; readonly reason: BatchReason }
  | { readonly kind: "wait"; readonly untilMs: number }
  | { readonly kind: "empty" };

const empty: SequenceDecision = { kind: "empty" };

/**
 * Triton's direct strategy: a sequence is the row of its slot in every batch; rows between that have nothing to run hold no request. Waits only when both
 * a delay and a utilization are configured: until so much of the slots has a request, or the oldest one has waited so long. Where rows are so large that
 * a batch of all slots exceeds the arena, there are no rows between. What has waited longest is in the batch: sequences of other shapes, or those for which
 * there is no room, have their turn however many requests come in the lower slots.
 * @param slots sequences by slot number
 */
export function decideDirect(
  slots: readonly (Sequence | undefined)[],
  policy: SequencePolicy,
  now: number,
): SequenceDecision {
  const first = longestReady(slots);
  if (first === undefined || policy.strategy.kind !== "direct") return empty;
  const { maxDelayMs, minSlotUtilization } = policy.strategy;
  if (maxDelayMs > 0 && minSlotUtilization > 0) {
    let oldestMs = Number.POSITIVE_INFINITY;
    let ready = 0;
    for (const sequence of slots) {
      if (!isReady(sequence)) continue;
      ready++;
      oldestMs = Math.min(oldestMs, frontOf(sequence).queuedMs);
    }
    const isEnough = ready / policy.maxRows >= minSlotUtilization;
    if (!isEnough && now - oldestMs <= maxDelayMs) return { kind: "wait", untilMs: oldestMs + maxDelayMs };
  }
  const rowBytes = frontOf(first).byteLength; // a row without a request takes as much
  const hasHoles = slots.length * rowBytes <= policy.maxBytes;
  const candidates = hasHoles ? slots : slots.filter(isReady).sort((a, b) => a.readyMs - b.readyMs);
  const rows: (Sequence | undefined)[] = [];
  let isCut = false;
  let last = 0;
  let bytes = rowBytes; // of the first, which is a row in any case
  for (const sequence of candidates) {
    const own = sequence === first || !isReady(sequence) ? 0 : frontOf(sequence).byteLength; // texts differ in length
    const fits = isReady(sequence) && isLike(first, sequence) && bytes + own <= policy.maxBytes;
    if (isReady(sequence) && !fits) isCut = true;
    if (fits || hasHoles) rows.push(fits ? sequence : undefined);
    if (fits) last = rows.length;
    bytes += fits ? own : hasHoles ? rowBytes : 0;
  }
  rows.length = last;
  const isFull = last === policy.maxRows && !rows.includes(undefined);
  return { kind: "batch", rows, reason: isCut ? "shape" : isFull ? "full" : "idle" };
}

/**
 * Triton's oldest strategy: a dynamic batcher over the first waiting request of every sequence, each a row. Follows `GetDynamicBatch` of Triton's core, as
 * `decideBatch` does, for requests of one row.
 * @param ready sequences with a request that may run, in the order in which it could have run
 */
export function decideOldest(ready: readonly Sequence[], policy: SequencePolicy, now: number): SequenceDecision {
  const [first] = ready;
  if (first === undefined || policy.strategy.kind !== "oldest") return empty;
  const { maxDelayMs, preferredSizes } = policy.strategy;
  const largestPreferred = preferredSizes[preferredSizes.length - 1] ?? policy.maxRows;
  let count = 0;
  let best = 0;
  let bytes = 0;
  let closed: BatchReason | undefined;
  for (const sequence of ready) {
    const { byteLength } = frontOf(sequence);
    if (count > 0) {
      if (count + 1 > largestPreferred && best === 0) best = count;
      if (count + 1 > policy.maxRows || bytes + byteLength > policy.maxBytes) closed = "full";
      else if (!isLike(first, sequence)) closed = "shape";
      if (closed !== undefined) break;
    }
    count++;
    bytes += byteLength;
    if (preferredSizes.includes(count)) best = count;
  }
  const isDelayOver = maxDelayMs > 0 && now - first.readyMs >= maxDelayMs;
  const batch = (rows: number, reason: BatchReason): SequenceDecision => ({
    kind: "batch",
    rows: ready.slice(0, rows),
    reason,
  });
  if (best !== 0 && !isDelayOver) return batch(best, closed ?? (best >= policy.maxRows ? "full" : "preferred"));
  if (closed !== undefined) return batch(count, closed);
  if (count >= largestPreferred) return batch(count, "full");
  if (isDelayOver) return batch(count, "timeout");
  if (maxDelayMs === 0) return batch(count, "idle");
  return { kind: "wait", untilMs: first.readyMs + maxDelayMs };
}

/** Whether a sequence has a request that may run now. */
export function isReady(sequence: Sequence | undefined): sequence is Sequence {
  return sequence !== undefined && sequence.running === undefined && sequence.waiting.length > 0;
}

/** Which of these could have run first; undefined: none has a request that may run. */
function longestReady(slots: readonly (Sequence | undefined)[]): Sequence | undefined {
  let first: Sequence | undefined;
  for (const sequence of slots)
    if (isReady(sequence) && (first === undefined || sequence.readyMs < first.readyMs)) first = sequence;
  return first;
}

function frontOf(sequence: Sequence) {
  const [front] = sequence.waiting;
  if (front === undefined) throw new RangeError("a sequence without a waiting request");
  return front.entry;
}

/** Whether two sequences can share a batch: inputs and states of the same shapes. */
function isLike(a: Sequence, b: Sequence): boolean {
  return frontOf(a).shapeKey === frontOf(b).shapeKey && shapeOf(a) === shapeOf(b);
}

/** The shapes of the state with which the first waiting request runs. */
function shapeOf(sequence: Sequence): number {
  return sequence.waiting[0]?.isStart === true ? 0 : sequence.stateShape;
}

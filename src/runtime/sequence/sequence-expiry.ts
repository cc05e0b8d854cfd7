import type { Sequence, SequenceItem } from "./sequence.ts";

/** A sequence that has to end before its END. */
export interface Expired {
  readonly sequence: Sequence;
  readonly reason: "cancelled" | "expired" | "idle";
  /** The request whose deadline passed; undefined: none did. */
  readonly late: SequenceItem | undefined;
}

/** What has passed, and when to look again; Infinity: nothing will pass. */
export interface Expiry {
  readonly expired: readonly Expired[];
  readonly nextMs: number;
}

/**
 * Which sequences end because nobody waits for one of their requests any more, because the `timeout` of one passed in the backlog, or because nothing came
 * for too long. A sequence is idle from its latest request or answer on; in the backlog it is not (Triton's rules, but that there a long run counts
 * as idleness).
 */
export function expireSequences(sequences: Iterable<Sequence>, now: number, idleMs: number): Expiry {
  const expired: Expired[] = [];
  let nextMs = Number.POSITIVE_INFINITY;
  for (const sequence of sequences) {
    const hopeless = hopelessItem(sequence.waiting, now);
    const isWaiting = sequence.slot === undefined;
    if (hopeless !== undefined) {
      expired.push({ sequence, reason: "cancelled", late: isLate(hopeless, now) ? hopeless : undefined });
    } else if (isWaiting && sequence.expiresMs <= now) {
      expired.push({ sequence, reason: "expired", late: undefined });
    } else if (!isWaiting && sequence.isQuiet && sequence.activeMs + idleMs <= now) {
      expired.push({ sequence, reason: "idle", late: undefined });
    } else {
      nextMs = Math.min(nextMs, nextEvent(sequence, now, idleMs));
    }
  }
  return { expired, nextMs };
}

/** The first of these requests that nobody waits for. */
export function hopelessItem(items: readonly SequenceItem[], now: number): SequenceItem | undefined {
  return items.find((item) => item.entry.context.isCancelled || isLate(item, now));
}

/** Whether the deadline of a request has passed. */
export function isLate({ entry }: SequenceItem, now: number): boolean {
  return entry.deadlineMs <= now;
}

function nextEvent(sequence: Sequence, now: number, idleMs: number): number {
  if (sequence.isQuiet) return sequence.activeMs + idleMs;
  let nextMs = now + idleMs;
  if (sequence.slot === undefined) nextMs = Math.min(nextMs, sequence.expiresMs);
  for (const { entry } of sequence.waiting) nextMs = Math.min(nextMs, entry.deadlineMs);
  return nextMs;
}

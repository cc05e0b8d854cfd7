import type { QueueEntry } from "./queue-entry.ts";
import type { QueuePolicy } from "./queue-policy.ts";

/** A first-in-first-out list linked through the entries themselves. */
class EntryList {
  head: QueueEntry | undefined;
  #tail: QueueEntry | undefined;

  append(entry: QueueEntry): void {
    entry.next = undefined;
    if (this.#tail === undefined) this.head = entry;
    else this.#tail.next = entry;
    this.#tail = entry;
  }

  prepend(entry: QueueEntry): void {
    entry.next = this.head;
    this.head = entry;
    this.#tail ??= entry;
  }

  /** Removes the entry after `previous`, or the head. */
  removeAfter(previous: QueueEntry | undefined): void {
    const removed = previous === undefined ? this.head : previous.next;
    if (removed === undefined) return;
    if (previous === undefined) this.head = removed.next;
    else previous.next = removed.next;
    if (removed === this.#tail) this.#tail = previous;
    removed.next = undefined;
  }
}

interface Level {
  readonly waiting: EntryList;
  readonly delayed: EntryList;
  requests: number;
}

/** Why an entry leaves the queue without running. */
export type DropReason = "cancelled" | "deadline" | "queue_timeout";

/**
 * The requests that wait for one model version: a list of unexpired and one of delayed requests for each priority level. Counts what it
 * holds; what is dropped because nobody waits for it any more goes to `onDropped`. Not bounded itself: see `batched-model.ts`.
 */
export class RequestQueue {
  readonly #policy: QueuePolicy;
  readonly #levels: readonly Level[];
  readonly #onDropped: (entry: QueueEntry, reason: DropReason) => void;
  #requests = 0;
  #rows = 0;
  #bytes = 0;

  /** @param onDropped called while the queue is being looked through, so it must not come back to it */
  constructor(policy: QueuePolicy, onDropped: (entry: QueueEntry, reason: DropReason) => void) {
    this.#policy = policy;
    this.#levels = policy.levels.map(() => ({ waiting: new EntryList(), delayed: new EntryList(), requests: 0 }));
    this.#onDropped = onDropped;
  }

  get requests(): number {
    return this.#requests;
  }

  get rows(): number {
    return this.#rows;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Requests waiting in one level, counted from 1. */
  requestsIn(level: number): number {
    return this.#level(level).requests;
  }

  push(entry: QueueEntry, level: number): void {
    this.#level(level).waiting.append(entry);
    this.#count(this.#level(level), entry, 1);
  }

  /**
   * Puts back entries that were taken, in their order, in front of all others of the first level. They left in time, so the queue policy's
   * timeout does not apply to them any more.
   */
  unshift(entries: readonly QueueEntry[]): void {
    const level = this.#level(1);
    for (let i = entries.length - 1; i >= 0; i--) {
      const entry = entries[i] as QueueEntry; // i is an index of entries
      entry.timeoutMs = Number.POSITIVE_INFINITY;
      level.waiting.prepend(entry);
      this.#count(level, entry, 1);
    }
  }

  /**
   * Visits the entries in the order in which they would be batched: levels ascending, within a level the unexpired ones, then the delayed.
   * Before an entry is visited its policy is applied: cancelled and expired ones leave the queue or move to the delayed list.
   * @param unrunnableBeforeMs an entry whose deadline lies before this cannot be answered in time
   * @param visit returns "keep" to go on, "stop" to end
   */
  scan(now: number, unrunnableBeforeMs: number, visit: (entry: QueueEntry) => "keep" | "stop"): void {
    for (let index = 0; index < this.#levels.length; index++) {
      const level = this.#levels[index] as Level; // index is below length
      if (this.#scanList(level, level.waiting, now, unrunnableBeforeMs, visit)) return;
      if (this.#scanList(level, level.delayed, now, unrunnableBeforeMs, visit)) return;
    }
  }

  #scanList(
    level: Level,
    list: EntryList,
    now: number,
    unrunnableBeforeMs: number,
    visit: (entry: QueueEntry) => "keep" | "stop",
  ): boolean {
    let previous: QueueEntry | undefined;
    for (let entry = list.head; entry !== undefined; ) {
      const next: QueueEntry | undefined = entry.next;
      const drop = dropReason(entry, now, unrunnableBeforeMs);
      if (drop !== undefined) {
        list.removeAfter(previous);
        this.#drop(level, entry, drop);
      } else {
        if (visit(entry) === "stop") return true;
        previous = entry;
      }
      entry = next;
    }
    return false;
  }

  /** Removes the first `count` entries in batching order. */
  take(count: number): QueueEntry[] {
    const taken: QueueEntry[] = [];
    for (const level of this.#levels) {
      for (const list of [level.waiting, level.delayed]) {
        while (taken.length < count && list.head !== undefined) {
          const entry = list.head;
          list.removeAfter(undefined);
          this.#count(level, entry, -1);
          taken.push(entry);
        }
      }
    }
    return taken;
  }

  /** Drops whatever is cancelled or expired, wherever it stands. @returns when the next entry expires, Infinity: none does */
  expire(now: number): number {
    let nextMs = Number.POSITIVE_INFINITY;
    this.scan(now, now, (entry) => {
      nextMs = Math.min(nextMs, entry.deadlineMs, entry.isDelayed ? Number.POSITIVE_INFINITY : entry.timeoutMs);
      return "keep";
    });
    return nextMs;
  }

  /** Removes everything. */
  clear(): QueueEntry[] {
    return this.take(Number.POSITIVE_INFINITY);
  }

  #drop(level: Level, entry: QueueEntry, reason: DropReason): void {
    this.#count(level, entry, -1);
    if (reason === "queue_timeout" && this.#actionOf(level) === "DELAY") {
      entry.isDelayed = true;
      level.delayed.append(entry);
      this.#count(level, entry, 1);
    } else {
      this.#onDropped(entry, reason);
    }
  }

  #actionOf(level: Level): "REJECT" | "DELAY" {
    return this.#policy.levels[this.#levels.indexOf(level)]?.action ?? "REJECT";
  }

  #level(level: number): Level {
    return this.#levels[level - 1] as Level; // levels come from the policy
  }

  #count(level: Level, entry: QueueEntry, sign: 1 | -1): void {
    level.requests += sign;
    this.#requests += sign;
    this.#rows += sign * entry.rows;
    this.#bytes += sign * entry.byteLength;
  }
}

function dropReason(entry: QueueEntry, now: number, unrunnableBeforeMs: number): DropReason | undefined {
  if (entry.context.isCancelled || entry.whole.error !== undefined) return "cancelled";
  if (entry.deadlineMs <= unrunnableBeforeMs) return "deadline";
  return !entry.isDelayed && now > entry.timeoutMs ? "queue_timeout" : undefined;
}

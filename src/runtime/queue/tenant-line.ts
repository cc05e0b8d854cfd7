import type { TenantShare } from "../../tenant.ts";
import { EntryList } from "./entry-list.ts";
import type { FairMember } from "./fair-order.ts";
import type { QueueEntry } from "./queue-entry.ts";
import type { QueuePolicy } from "./queue-policy.ts";

interface Level {
  readonly waiting: EntryList;
  readonly delayed: EntryList;
  requests: number;
  /** Rows of the unexpired requests. */
  rows: number;
}

/** Why an entry leaves the queue without running. */
export type DropReason = "cancelled" | "deadline" | "overload" | "queue_timeout" | "share";

/**
 * What one tenant has in a model's queue: a list of unexpired and one of delayed requests for each priority level, and the tenant's turn
 * among others. Looked through one entry after another (`rewind`, `next`), in the order in which they run: levels ascending, within a level
 * the unexpired ones, then the delayed.
 */
export class TenantLine implements FairMember {
  readonly share: TenantShare;
  startTag = 0;
  place = -1;
  rank = 0;
  requests = 0;
  rows = 0;
  bytes = 0;
  /** It is being looked through together with others; kept by the queue. */
  isLooked = false;
  readonly #policy: QueuePolicy;
  readonly #levels: readonly Level[];
  readonly #onDropped: (entry: QueueEntry, reason: DropReason) => void;
  /** No level before this one holds anything. */
  #firstLevel = 0;
  /** Where the look through it stands. */
  #lookedLevel = 0;
  #isDelayedLooked = false;
  #looked: QueueEntry | undefined;

  /** @param onDropped hears of an entry that has left because nobody waits for it any more */
  constructor(share: TenantShare, policy: QueuePolicy, onDropped: (entry: QueueEntry, reason: DropReason) => void) {
    this.share = share;
    this.#policy = policy;
    this.#levels = policy.levels.map(() => ({
      waiting: new EntryList(),
      delayed: new EntryList(),
      requests: 0,
      rows: 0,
    }));
    this.#onDropped = onDropped;
  }

  get weight(): number {
    return this.share.weight;
  }

  /** Requests waiting in one level, counted from 1. */
  requestsIn(level: number): number {
    return this.#level(level).requests;
  }

  /** Rows that run before a request of this level that is due then, as far as they are sure to: what is delayed already is left out. */
  rowsBefore(level: number, dueMs: number): number {
    let rows = -this.#level(level).waiting.rowsDueAfter(dueMs);
    for (let index = this.#firstLevel; index < level; index++) rows += this.#levels[index]?.rows ?? 0;
    return rows;
  }

  /** What waits, of one level where it is given; what would run last comes first. */
  *fromLast(level?: number): Generator<QueueEntry, undefined> {
    const first = level === undefined ? this.#firstLevel : level - 1;
    const last = level === undefined ? this.#levels.length - 1 : level - 1;
    for (let index = last; index >= first; index--) {
      const { delayed, waiting } = this.#level(index + 1);
      for (let entry = delayed.tail; entry !== undefined; entry = entry.previous) yield entry;
      for (let entry = waiting.tail; entry !== undefined; entry = entry.previous) yield entry;
    }
  }

  /** Puts an entry into its level, `entry.level`. @param isByDue before those that are due later, else behind all of the level */
  push(entry: QueueEntry, isByDue: boolean): void {
    const level = this.#level(entry.level);
    if (isByDue) level.waiting.insertByDue(entry);
    else level.waiting.append(entry);
    if (entry.level - 1 < this.#firstLevel) this.#firstLevel = entry.level - 1;
    this.#count(level, entry, 1);
  }

  /** Takes the entry that runs first out; undefined: there is none. */
  shift(): QueueEntry | undefined {
    for (; this.#firstLevel < this.#levels.length; this.#firstLevel++) {
      const level = this.#levels[this.#firstLevel] as Level; // the index is below length
      const list = level.waiting.head === undefined ? level.delayed : level.waiting;
      const entry = list.head;
      if (entry === undefined) continue;
      list.remove(entry);
      this.#count(level, entry, -1);
      return entry;
    }
    return undefined;
  }

  /** Takes one of its entries out, wherever it stands. */
  take(entry: QueueEntry): void {
    const level = this.#level(entry.level);
    (entry.isDelayed ? level.delayed : level.waiting).remove(entry);
    this.#count(level, entry, -1);
  }

  /** Begins to look through it from its first entry on. */
  rewind(): void {
    this.#lookedLevel = this.#firstLevel;
    this.#isDelayedLooked = false;
    this.#looked = this.#levels[this.#firstLevel]?.waiting.head;
  }

  /**
   * The next entry that can still run; undefined: that was all. What is cancelled or expired on the way to it leaves, or moves to the
   * delayed list where the policy says so.
   * @param unrunnableBeforeMs an entry whose deadline lies before this cannot be answered in time
   * @param isShed says of an entry that it has waited too long; absent: none has
   */
  next(now: number, unrunnableBeforeMs: number, isShed?: (entry: QueueEntry) => boolean): QueueEntry | undefined {
    for (;;) {
      const entry = this.#looked;
      const level = this.#levels[this.#lookedLevel];
      if (level === undefined) return undefined;
      if (entry === undefined) {
        this.#lookOn(level);
        continue;
      }
      this.#looked = entry.next;
      const overload = isShed?.(entry) === true ? "overload" : undefined;
      const reason = dropReason(entry, now, unrunnableBeforeMs) ?? overload;
      if (reason === undefined) return entry;
      this.#drop(level, entry, reason);
    }
  }

  #lookOn(level: Level): void {
    if (this.#isDelayedLooked) this.#lookedLevel++;
    this.#isDelayedLooked = !this.#isDelayedLooked;
    this.#looked = this.#isDelayedLooked ? level.delayed.head : this.#levels[this.#lookedLevel]?.waiting.head;
  }

  #drop(level: Level, entry: QueueEntry, reason: DropReason): void {
    (this.#isDelayedLooked ? level.delayed : level.waiting).remove(entry);
    if (reason === "queue_timeout" && this.#policy.levels[entry.level - 1]?.action === "DELAY") {
      entry.isDelayed = true;
      level.rows -= entry.rows;
      level.delayed.append(entry);
      return;
    }
    this.#count(level, entry, -1);
    this.#onDropped(entry, reason);
  }

  #level(level: number): Level {
    return this.#levels[level - 1] as Level; // levels come from the policy
  }

  #count(level: Level, entry: QueueEntry, sign: 1 | -1): void {
    level.requests += sign;
    if (!entry.isDelayed) level.rows += sign * entry.rows;
    this.requests += sign;
    this.rows += sign * entry.rows;
    this.bytes += sign * entry.byteLength;
  }
}

/** Why an entry cannot run any more; undefined: it can. */
export function dropReason(entry: QueueEntry, now: number, unrunnableBeforeMs: number): DropReason | undefined {
  if (entry.context.isCancelled || entry.whole.error !== undefined) return "cancelled";
  if (entry.deadlineMs <= unrunnableBeforeMs) return "deadline";
  return !entry.isDelayed && now > entry.timeoutMs ? "queue_timeout" : undefined;
}

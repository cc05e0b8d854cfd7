import { equalShares, type TenantShares } from "../../tenant.ts";
import { EntryList } from "./entry-list.ts";
import { FairOrder } from "./fair-order.ts";
import type { QueueEntry } from "./queue-entry.ts";
import type { QueuePolicy } from "./queue-policy.ts";
import { type DropReason, dropReason, TenantLine } from "./tenant-line.ts";

/** How a queue orders its entries beside the model's own policy. */
export interface QueueOrder {
  /** Who gets how much of the model while others wait. Absent: everybody alike. */
  readonly shares?: TenantShares;
  /** Keep the order of arrival within a level whatever the deadlines (Triton's preserve_ordering). Absent: the earliest deadline first. */
  readonly isArrivalOrder?: boolean;
}

/** Something that a queue may be full of. */
export interface QueueMeasure {
  /** What a tenant has of it in the queue. */
  line(line: TenantLine): number;
  /** What one entry takes of it. */
  entry(entry: QueueEntry): number;
}

/**
 * An entry without a deadline, or with a later one, counts as due so long after it came. So a deadline lets a request pass others for a
 * while and nobody is passed for ever; and without deadlines the order is that of arrival.
 */
const longestDueMs = 10_000;

/** What a row costs until the model has run, in milliseconds: any value that lets turns end, corrected by the first run. */
const unknownRowMs = 1;

/** How long after requests of two tenants came one after the other the queue counts as shared. */
const sharedMs = 1_000;

/** Weight of the latest run in the measured cost of a row. */
const rowMsWeight = 0.1;

/**
 * The requests that wait for one model version. Tenants take turns by start-time fair queuing over what their requests cost, weighed by their
 * shares; a tenant's own requests run by priority level, then by deadline, then as they came (docs/adr/0012-queue-order.md). Counts what it
 * holds; what is dropped because nobody waits for it any more goes to `onDropped`. Not bounded itself: see `batched-model.ts`.
 */
export class RequestQueue {
  readonly #policy: QueuePolicy;
  readonly #shares: TenantShares;
  readonly #isArrivalOrder: boolean;
  readonly #onDropped: (entry: QueueEntry, reason: DropReason) => void;
  /** What was put back: it goes before all tenants, since it had its turn. */
  readonly #returned = new EntryList();
  readonly #order = new FairOrder<TenantLine>();
  /** The lines of all tenants that were seen; there are as many tenants as the tenants file lists, and the default one. */
  readonly #lines = new Map<string, TenantLine>();
  /** The tenant and the line found last, because most queues have one. */
  #latestTenant: string | undefined;
  #latestLine: TenantLine | undefined;
  /** Whose request came last. */
  #pushedTenant: string | undefined;
  #sharedUntilMs = Number.NEGATIVE_INFINITY;
  readonly #levelRequests: number[];
  /** Measured cost of a row: what a turn is charged for each before it has run; 0: unknown. */
  #rowMs = 0;
  /** Lines met while looking ahead, with where they really stand; kept to save the arrays. */
  readonly #met: TenantLine[] = [];
  readonly #metTags: number[] = [];
  #requests = 0;
  #rows = 0;
  #bytes = 0;
  /** The rows by the shape buckets of their requests, as far as any was seen. */
  readonly #bucketRows: number[] = [];

  /** @param onDropped called while the queue is being looked through, so it must not come back to it */
  constructor(
    policy: QueuePolicy,
    onDropped: (entry: QueueEntry, reason: DropReason) => void,
    { shares = equalShares, isArrivalOrder = false }: QueueOrder = {},
  ) {
    this.#policy = policy;
    this.#shares = shares;
    this.#isArrivalOrder = isArrivalOrder;
    this.#onDropped = (entry, reason) => {
      this.#count(entry, -1);
      onDropped(entry, reason);
    };
    this.#levelRequests = new Array<number>(policy.levels.length).fill(0);
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

  /** Several tenants use the model these days: whose turn it is should be decided late. */
  isShared(now: number): boolean {
    return now < this.#sharedUntilMs;
  }

  /** The least that a function tells of the shape buckets of which rows wait; Infinity: none do. */
  leastOfBuckets(tell: (shapeBucket: number) => number): number {
    let least = Number.POSITIVE_INFINITY;
    for (const [shapeBucket, rows = 0] of this.#bucketRows.entries()) {
      if (rows > 0) least = Math.min(least, tell(shapeBucket));
    }
    return least;
  }

  /** Requests waiting in one level, counted from 1. */
  requestsIn(level: number): number {
    return this.#levelRequests[level - 1] ?? 0;
  }

  push(entry: QueueEntry, level: number): void {
    entry.level = level;
    entry.dueMs = this.#dueMs(entry.deadlineMs, entry.queuedMs);
    const { tenant } = entry.context;
    if (tenant !== this.#pushedTenant) {
      if (this.#pushedTenant !== undefined) this.#sharedUntilMs = entry.queuedMs + sharedMs;
      this.#pushedTenant = tenant;
    }
    const line = this.#lineOf(tenant);
    line.push(entry, !this.#isArrivalOrder);
    if (line.place < 0) this.#order.enter(line);
    this.#count(entry, 1);
  }

  /**
   * Puts back entries that were taken, in their order, in front of all others. They left in time, so the queue policy's timeout does not
   * apply to them any more; they count as of the first level.
   */
  unshift(entries: readonly QueueEntry[]): void {
    for (let i = entries.length - 1; i >= 0; i--) {
      const entry = entries[i] as QueueEntry; // i is an index of entries
      entry.timeoutMs = Number.POSITIVE_INFINITY;
      entry.level = 1;
      entry.isReturned = true;
      this.#returned.prepend(entry);
      this.#count(entry, 1);
    }
  }

  /**
   * Visits the entries in the order in which they would be batched. Before an entry is visited its policy is applied: cancelled and expired
   * ones leave the queue or move to the delayed list.
   * @param unrunnableBeforeMs an entry whose deadline lies before this cannot be answered in time
   * @param visit returns "keep" to go on, "stop" to end
   */
  scan(now: number, unrunnableBeforeMs: number, visit: (entry: QueueEntry) => "keep" | "stop"): void {
    if (this.#returned.head !== undefined && this.#scanReturned(now, unrunnableBeforeMs, visit)) return;
    const { first } = this.#order;
    if (first === undefined) return;
    if (this.#order.size === 1) this.#scanLine(first, now, unrunnableBeforeMs, visit);
    else this.#scanTurns(now, unrunnableBeforeMs, visit);
  }

  #scanReturned(now: number, unrunnableBeforeMs: number, visit: (entry: QueueEntry) => "keep" | "stop"): boolean {
    for (let entry = this.#returned.head; entry !== undefined; ) {
      const next: QueueEntry | undefined = entry.next;
      const reason = dropReason(entry, now, unrunnableBeforeMs);
      if (reason !== undefined) {
        this.#returned.remove(entry);
        this.#onDropped(entry, reason);
      } else if (visit(entry) === "stop") {
        return true;
      }
      entry = next;
    }
    return false;
  }

  #scanLine(
    line: TenantLine,
    now: number,
    unrunnableBeforeMs: number,
    visit: (entry: QueueEntry) => "keep" | "stop",
    isShed?: (entry: QueueEntry) => boolean,
  ): void {
    line.rewind();
    for (;;) {
      const entry = line.next(now, unrunnableBeforeMs, isShed);
      if (entry === undefined || visit(entry) === "stop") break;
    }
    if (line.requests === 0) this.#order.leave(line);
  }

  /** Gives turns away as `take` would, and takes them back in the end. */
  #scanTurns(now: number, unrunnableBeforeMs: number, visit: (entry: QueueEntry) => "keep" | "stop"): void {
    for (let line = this.#order.first; line !== undefined; line = this.#order.first) {
      if (!line.isLooked) {
        line.rewind();
        line.isLooked = true;
        this.#met.push(line);
        this.#metTags.push(line.startTag);
      }
      const entry = line.next(now, unrunnableBeforeMs);
      if (entry === undefined) this.#order.suspend(line);
      else if (visit(entry) === "stop") break;
      else this.#order.move(line, line.startTag + this.#cost(entry) / line.weight);
    }
    for (const [index, line] of this.#met.entries()) {
      line.isLooked = false;
      this.#order.resume(line, this.#metTags[index] ?? 0);
      if (line.requests === 0) this.#order.leave(line);
    }
    this.#met.length = 0;
    this.#metTags.length = 0;
  }

  /** The first `count` entries in batching order, as a scan with the same times visits them; they stay. */
  first(count: number, now: number, unrunnableBeforeMs: number): QueueEntry[] {
    const found: QueueEntry[] = [];
    this.scan(now, unrunnableBeforeMs, (entry) => {
      found.push(entry);
      return found.length < count ? "keep" : "stop";
    });
    return found;
  }

  /** Requests of a tenant that wait. */
  requestsOf(tenant: string): number {
    return this.#lineOf(tenant).requests;
  }

  /** Removes the first `count` entries in batching order, and charges their tenants what they are likely to cost. */
  take(count: number): QueueEntry[] {
    const taken: QueueEntry[] = [];
    while (taken.length < count) {
      const returned = this.#returned.head;
      if (returned === undefined) break;
      this.#returned.remove(returned);
      taken.push(returned);
    }
    while (taken.length < count) {
      const line = this.#order.first;
      const entry = line?.shift();
      if (line === undefined || entry === undefined) break;
      entry.chargedMs = this.#cost(entry);
      this.#order.charge(line, entry.chargedMs);
      if (line.requests === 0) this.#order.leave(line);
      taken.push(entry);
    }
    for (let i = 0; i < taken.length; i++) this.#count(taken[i] as QueueEntry, -1); // i is an index of taken
    return taken;
  }

  /** Removes entries that a scan has just visited, wherever they stand, and charges their tenants as {@link take} does. */
  takePicked(entries: readonly QueueEntry[]): QueueEntry[] {
    for (const entry of entries) {
      this.#count(entry, -1);
      if (entry.isReturned) {
        this.#returned.remove(entry);
        continue;
      }
      const line = this.#lineOf(entry.context.tenant);
      line.take(entry);
      entry.chargedMs = this.#cost(entry);
      this.#order.charge(line, entry.chargedMs);
      if (line.requests === 0) this.#order.leave(line);
    }
    return [...entries];
  }

  /** So many rows have run and took so long: what entries are charged from now on. */
  learn(rows: number, costMs: number): void {
    const rowMs = costMs / Math.max(1, rows);
    if (!(rowMs > 0)) return; // nothing was measured
    this.#rowMs = this.#rowMs === 0 ? rowMs : this.#rowMs + rowMsWeight * (rowMs - this.#rowMs);
  }

  /** An entry that was taken has run, and cost so much, which corrects its tenant's charge. */
  settle(entry: QueueEntry, costMs: number): void {
    const line = this.#lines.get(entry.context.tenant);
    if (line !== undefined) this.#order.correct(line, costMs - entry.chargedMs);
    entry.chargedMs = costMs;
  }

  /** Drops whatever is cancelled or expired, wherever it stands. @returns when the next entry expires, Infinity: none does */
  expire(now: number): number {
    let nextMs = Number.POSITIVE_INFINITY;
    const visit = (entry: QueueEntry) => {
      nextMs = Math.min(nextMs, entry.deadlineMs, entry.isDelayed ? Number.POSITIVE_INFINITY : entry.timeoutMs);
      return "keep" as const;
    };
    this.#scanReturned(now, now, visit);
    for (const line of [...this.#order.members]) this.#scanLine(line, now, now, visit);
    return nextMs;
  }

  /**
   * Rows that are sure to run before a request that came now: those of its tenant before it, and those of others that are there already and have
   * their turns before its own.
   */
  rowsAhead(tenant: string, level: number, deadlineMs: number, now: number): number {
    const line = this.#lineOf(tenant);
    const own = line.rowsBefore(level, this.#dueMs(deadlineMs, now));
    if (own === 0 || line.requests === this.#requests) return own;
    const rowMs = this.#rowMs || unknownRowMs;
    const turnMs = line.startTag + (own * rowMs) / line.weight; // when its turn would come, in virtual time
    let others = 0;
    for (const member of this.#order.members) {
      if (member === line) continue;
      const rows = ((turnMs - member.startTag) * member.weight) / rowMs;
      others += Math.min(member.rows, Math.max(0, rows));
    }
    return own + Math.floor(others);
  }

  /**
   * Makes room in a full queue for a tenant with little in it: drops, reason "share", what would run last of whoever has most by weight, again and
   * again until there is room. Drops nothing where that would not be enough.
   * @param of what the queue is full of: what a tenant has of it, and what one entry takes
   * @param more how much of it the tenant wants to add
   * @param missing how much of it others have to give
   * @param level drop from this level, which is what is full; absent: from any
   * @returns whether there is room now: else no other has more by weight than the tenant would have
   */
  giveWay(tenant: string, of: QueueMeasure, more: number, missing: number, level?: number): boolean {
    const own = this.#lineOf(tenant);
    const ownShare = (of.line(own) + more) / own.weight;
    const givers = this.#order.members
      .filter((line) => of.line(line) / line.weight > ownShare)
      .map((line) => ({ line, left: of.line(line), entries: line.fromLast(level) }));
    const given: QueueEntry[] = [];
    while (missing > 0) {
      let most = givers[0];
      for (const giver of givers)
        if (most === undefined || giver.left / giver.line.weight > most.left / most.line.weight) most = giver;
      if (most === undefined || most.left / most.line.weight <= ownShare) return false;
      const entry = most.entries.next().value;
      if (entry === undefined) return false;
      given.push(entry);
      most.left -= of.entry(entry);
      missing -= of.entry(entry);
    }
    for (const entry of given) this.#drop(entry, "share");
    return true;
  }

  /** Takes an entry that waits in a line out, because of that. */
  #drop(entry: QueueEntry, reason: DropReason): void {
    const line = this.#lineOf(entry.context.tenant);
    line.take(entry);
    if (line.requests === 0) this.#order.leave(line);
    this.#onDropped(entry, reason);
  }

  /** Drops whatever has waited too long, except what was put back: it had its turn. */
  shed(now: number, isShed: (entry: QueueEntry) => boolean): void {
    for (const line of [...this.#order.members]) this.#scanLine(line, now, now, keepAll, isShed);
  }

  /**
   * Whether a tenant has fewer rows waiting than its share of so many, by its weight beside those of the others who wait. Never while no other
   * waits: then there is nothing to share.
   */
  isBelowShare(tenant: string, rows: number): boolean {
    const line = this.#lineOf(tenant);
    const isWaiting = line.place >= 0;
    if (this.#order.size <= (isWaiting ? 1 : 0)) return false;
    let weights = isWaiting ? 0 : line.weight;
    for (const { weight } of this.#order.members) weights += weight;
    return line.rows < (rows * line.weight) / weights;
  }

  /** Removes everything. */
  clear(): QueueEntry[] {
    return this.take(Number.POSITIVE_INFINITY);
  }

  #dueMs(deadlineMs: number, queuedMs: number): number {
    return this.#isArrivalOrder ? 0 : Math.min(deadlineMs, queuedMs + longestDueMs);
  }

  #cost(entry: QueueEntry): number {
    return (this.#rowMs || unknownRowMs) * Math.max(1, entry.rows);
  }

  #lineOf(tenant: string): TenantLine {
    const latest = this.#latestLine;
    if (latest !== undefined && this.#latestTenant === tenant) return latest;
    let line = this.#lines.get(tenant);
    if (line === undefined) {
      line = new TenantLine(this.#shares.find(tenant), this.#policy, this.#onDropped);
      this.#lines.set(tenant, line);
    }
    this.#latestTenant = tenant;
    this.#latestLine = line;
    return line;
  }

  #count(entry: QueueEntry, sign: 1 | -1): void {
    this.#levelRequests[entry.level - 1] = this.requestsIn(entry.level) + sign;
    this.#requests += sign;
    this.#rows += sign * entry.rows;
    this.#bytes += sign * entry.byteLength;
    const { shapeBucket } = entry.measure;
    while (this.#bucketRows.length <= shapeBucket) this.#bucketRows.push(0); // at most maxShapeBuckets
    this.#bucketRows[shapeBucket] = (this.#bucketRows[shapeBucket] ?? 0) + sign * entry.rows;
  }
}

const keepAll = () => "keep" as const;

import { InferenceError } from "../errors.ts";
import type { TenantShare } from "../tenant.ts";
import { plainSettings, type TenantSettings } from "./tenants-file.ts";

/** What a request takes of its tenant's limits. */
export interface TenantCharge {
  readonly rows: number;
  readonly bytes: number;
}

/** Weight of the latest request in the average time that a tenant's requests stay. */
const stayWeight = 0.1;
const shortestRetryMs = 10;
const longestRetryMs = 10_000;

/**
 * One tenant: its share of the models, and what it has in the server, from the moment in which a request is let in until its answer is given. Lives as
 * long as the server; the tenants file changes its settings.
 */
export class TenantAccount implements TenantShare {
  readonly name: string;
  settings: TenantSettings = plainSettings;
  /** In the server now; all zero when nothing is under way. */
  requests = 0;
  rows = 0;
  bytes = 0;
  /** How long its requests stay, on average. */
  #stayMs = 0;
  /** Streams with a message that waits for room, in the order in which they came. */
  readonly #waiting = new Set<() => boolean>();
  #isWaking = false;

  constructor(name: string) {
    this.name = name;
  }

  get weight(): number {
    return this.settings.weight;
  }

  get highestPriority(): number {
    return this.settings.highestPriority;
  }

  /** Streams that wait for room. */
  get waitingCount(): number {
    return this.#waiting.size;
  }

  /** Lets a request in if all its limits have room for it. Whoever was let in leaves once, with the same charge. */
  tryEnter({ rows, bytes }: TenantCharge): boolean {
    const { maxRequests, maxRows, maxBytes } = this.settings;
    if (this.requests >= maxRequests || this.rows + rows > maxRows || this.bytes + bytes > maxBytes) return false;
    this.requests++;
    this.rows += rows;
    this.bytes += bytes;
    return true;
  }

  /** A request has its answer. @param stayMs since it came */
  leave({ rows, bytes }: TenantCharge, stayMs: number): void {
    this.requests--;
    this.rows -= rows;
    this.bytes -= bytes;
    this.#stayMs += stayWeight * (stayMs - this.#stayMs);
    if (this.#waiting.size > 0) this.wake();
  }

  /** Calls back when there may be room. The listener tells whether it found any, and calls {@link forget} when it waits no more. */
  whenRoom(listener: () => boolean): void {
    this.#waiting.add(listener);
  }

  /** Forgets a listener, for a stream that ended while it waited. */
  forget(listener: () => boolean): void {
    this.#waiting.delete(listener);
  }

  /**
   * Calls those that wait, in their order, until one finds no room: it goes on waiting, and so do those behind it, or small requests would
   * pass a large one for ever.
   */
  wake(): void {
    if (this.#isWaking) return; // what a listener ends at once is seen by this loop
    this.#isWaking = true;
    try {
      for (const listener of this.#waiting) if (!listener()) return;
    } finally {
      this.#isWaking = false;
    }
  }

  /** Why a request is not let in: it can never be, or not now. */
  refusal({ rows, bytes }: TenantCharge): InferenceError {
    const { maxRequests, maxRows, maxBytes } = this.settings;
    if (rows > maxRows) return tooLarge(`${rows} rows`, this.name, `maxRows ${maxRows}`);
    if (bytes > maxBytes) return tooLarge(`${bytes} bytes`, this.name, `maxBytes ${maxBytes}`);
    if (this.requests >= maxRequests) return this.#full(`${this.requests} requests`, `maxRequests ${maxRequests}`);
    if (this.rows + rows > maxRows) return this.#full(`${this.rows} rows`, `maxRows ${maxRows}`);
    return this.#full(`${this.bytes} bytes`, `maxBytes ${maxBytes}`);
  }

  /** Whether it could be let in at all, if nothing else were in the server. */
  fits({ rows, bytes }: TenantCharge): boolean {
    return rows <= this.settings.maxRows && bytes <= this.settings.maxBytes;
  }

  /** By the time that it names, what is in the server now has most likely left; clients do not all come back at once. */
  #full(has: string, limit: string): InferenceError {
    const retryAfterMs = Math.round(
      Math.min(longestRetryMs, Math.max(shortestRetryMs, this.#stayMs * (0.8 + 0.4 * Math.random()))),
    );
    const text = `tenant '${this.name}' has ${has} in the server, and no room for this request (${limit})`;
    return new InferenceError("quota", text, { retryAfterMs });
  }
}

function tooLarge(what: string, tenant: string, limit: string): InferenceError {
  return new InferenceError("quota", `${what} in one request are more than tenant '${tenant}' may have (${limit})`, {
    retryAfterMs: -1,
  });
}

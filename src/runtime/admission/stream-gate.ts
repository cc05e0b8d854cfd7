import { defaultTenant } from "../../tenant.ts";

/** Where streams wait before they read on: while a model has as much of theirs as it should, more would only wait in its queue. */
export interface Gate {
  /** Streams should not read now. */
  readonly isFull: boolean;
  /** Calls back once, when it is this one's turn to read on. @param tenant whose stream it is; absent: the default one's */
  whenRoom(listener: () => void, tenant?: string): void;
  /** Forgets a listener, for a stream that ended while it waited. */
  forget(listener: () => void): void;
}

/** Nobody ever waits here. */
export const openGate: Gate = { isFull: false, whenRoom: (listener) => listener(), forget() {} };

/** Weight of the latest message in the average of their rows. */
const averageWeight = 0.05;

/**
 * The gate of one model version. Counts rows of stream messages that are under way in the model; what a stream has read already is let in, so
 * the limit may be exceeded by one message for each stream. Tenants take turns, so that one with a stream is not held up by one with a thousand;
 * those of one tenant go on in the order in which they stopped. What a tenant's weight is worth, the model's queue decides.
 */
export class StreamGate implements Gate {
  /** Most rows of streams at a time. */
  limitRows = Number.POSITIVE_INFINITY;
  #rows = 0;
  #averageRows = 1;
  /** The tenants of which streams wait, whoever's turn is next first; a handful at most at a time, so a list. */
  readonly #lines: { readonly tenant: string; readonly waiting: (() => void)[] }[] = [];

  /** Rows of stream messages under way. */
  get rows(): number {
    return this.#rows;
  }

  get isFull(): boolean {
    return this.#rows >= this.limitRows;
  }

  /** Streams that wait. */
  get waitingCount(): number {
    return this.#lines.reduce((count, { waiting }) => count + waiting.length, 0);
  }

  whenRoom(listener: () => void, tenant: string = defaultTenant): void {
    const line = this.#lines.find((each) => each.tenant === tenant);
    if (line === undefined) this.#lines.push({ tenant, waiting: [listener] });
    else line.waiting.push(listener);
  }

  forget(listener: () => void): void {
    for (const [place, { waiting }] of this.#lines.entries()) {
      const index = waiting.indexOf(listener);
      if (index < 0) continue;
      waiting.splice(index, 1);
      if (waiting.length === 0) this.#lines.splice(place, 1);
      return;
    }
  }

  enter(rows: number): void {
    this.#rows += rows;
    this.#averageRows += averageWeight * (rows - this.#averageRows);
  }

  leave(rows: number): void {
    this.#rows -= rows;
  }

  /**
   * Lets as many streams go on as there is room for their messages, all of them when nothing is under way: one that has nothing to send at the
   * moment must not keep the others waiting. Called once after several have left, because those that go on take a while to arrive.
   */
  wake(): void {
    if (this.#lines.length === 0 || this.isFull) return;
    const room = Math.ceil((this.limitRows - this.#rows) / Math.max(1, this.#averageRows));
    for (const listener of this.#takeTurns(this.#rows === 0 ? this.waitingCount : room)) listener();
  }

  /** The next ones, one of each tenant in turn. Taken before any is called: who waits again at once waits for the next time. */
  #takeTurns(count: number): (() => void)[] {
    const taken: (() => void)[] = [];
    while (taken.length < count) {
      const line = this.#lines.shift();
      const listener = line?.waiting.shift();
      if (line === undefined || listener === undefined) break;
      taken.push(listener);
      if (line.waiting.length > 0) this.#lines.push(line);
    }
    return taken;
  }
}

/** How the blocks of a ring are made, and which ones a window takes. */
export interface BlockRingOptions<State> {
  /** Length of a block. */
  readonly blockMs: number;
  /** Complete blocks of the window. */
  readonly blocks: number;
  /** How many blocks stay open for what comes late, the window's included. Default: as many as the window has. */
  readonly kept?: number;
  /** A new, empty state. */
  create(): State;
}

/** What happened in one interval of time. */
export interface Block<State> {
  /** Epoch milliseconds, a multiple of the block's length. */
  readonly startMs: number;
  readonly state: State;
}

/**
 * What happened lately, by time: a ring of blocks of equal length, aligned to the epoch so that the blocks of several fronts and servers
 * merge. Blocks in which nothing happens are not made. Windows are sums of whole blocks, so they are exact to a block.
 */
export class BlockRing<State> {
  readonly blockMs: number;
  readonly #blocks: number;
  readonly #kept: number;
  readonly #create: () => State;
  /** Ascending by time. */
  #held: Block<State>[] = [];

  constructor({ blockMs, blocks, kept = blocks, create }: BlockRingOptions<State>) {
    this.blockMs = blockMs;
    this.#blocks = blocks;
    this.#kept = Math.max(kept, blocks);
    this.#create = create;
  }

  /** Most blocks that it holds: those kept and the current one. */
  get capacity(): number {
    return this.#kept + 1;
  }

  /** Beginning of the block that a moment lies in. */
  startOf(timeMs: number): number {
    return Math.floor(timeMs / this.blockMs) * this.blockMs;
  }

  /**
   * The state of the block of a moment, made where there is none.
   * @param nowMs the present; what is later than its block, or older than the ring, has no block: undefined
   */
  at(timeMs: number, nowMs: number): State | undefined {
    const startMs = this.startOf(timeMs);
    const currentMs = this.startOf(nowMs);
    if (!(startMs <= currentMs) || startMs < currentMs - this.#kept * this.blockMs) return undefined;
    const last = this.#held.at(-1);
    if (last !== undefined && last.startMs === startMs) return last.state; // nearly always
    const index = this.#held.findLastIndex((block) => block.startMs <= startMs);
    const found = this.#held[index];
    if (found !== undefined && found.startMs === startMs) return found.state;
    const made = { startMs, state: this.#create() };
    this.#held.splice(index + 1, 0, made);
    this.expire(nowMs);
    return made.state;
  }

  /** Forgets the blocks that are older than the ring. */
  expire(nowMs: number): void {
    const oldestMs = this.startOf(nowMs) - this.#kept * this.blockMs;
    const [oldest] = this.#held;
    if (oldest !== undefined && oldest.startMs < oldestMs) {
      this.#held = this.#held.filter(({ startMs }) => startMs >= oldestMs);
    }
  }

  /** Every block held, oldest first, the current one included. */
  all(): readonly Block<State>[] {
    return this.#held;
  }

  /**
   * The blocks of the window that ends at a moment, newest first: the configured number of complete blocks, and what has begun since where
   * the moment is no block's end.
   * @param minRows ends the window with the block that completes so many rows; 0: by time alone
   * @param rowsOf rows of a block
   */
  window(untilMs: number, minRows = 0, rowsOf: (state: State) => number = () => 0): readonly Block<State>[] {
    const fromMs = this.startOf(untilMs) - this.#blocks * this.blockMs;
    const chosen: Block<State>[] = [];
    let rows = 0;
    for (let index = this.#held.length - 1; index >= 0; index--) {
      const block = this.#held[index];
      if (block === undefined || block.startMs < fromMs || (minRows > 0 && rows >= minRows)) break;
      if (block.startMs >= untilMs) continue;
      chosen.push(block);
      rows += rowsOf(block.state);
    }
    return chosen;
  }
}

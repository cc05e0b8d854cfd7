import { type Block, BlockRing } from "../block-ring.ts";

/** What happened in one interval, by the time of the prediction. */
export interface QualityBlock<Judged, Seen> {
  /** Rows that were predicted. */
  predictions: number;
  /** Rows whose truth is known. */
  outcomes: number;
  /** Raised with every change, so that whoever works something out of the block knows whether it still holds. */
  revision: number;
  /** Made with the first outcome: most blocks of a long label horizon have none for long. */
  judged: Judged | undefined;
  /** Made with the first prediction that was looked at. */
  seen: Seen | undefined;
}

/** How predictions and their outcomes are kept by time. */
export interface QualityBlocksOptions<Judged, Seen> {
  readonly blockMs: number;
  /** Blocks of a window. */
  readonly windowBlocks: number;
  readonly labelHorizonMs: number;
  /** Blocks that memory allows, in each of the two grains. */
  readonly maxBlocks: number;
  createJudged(): Judged;
  mergeSeen(target: Seen, source: Seen): void;
  /** Undefined: predictions are only counted. */
  createSeen(): Seen | undefined;
}

/** The blocks of a window and its bounds. */
export interface QualityWindow<Judged, Seen> {
  readonly fromMs: number;
  readonly toMs: number;
  readonly blocks: readonly Block<QualityBlock<Judged, Seen>>[];
}

/** Blocks of one length. */
export interface BlockList<Judged, Seen> {
  readonly blockMs: number;
  readonly blocks: readonly Block<QualityBlock<Judged, Seen>>[];
}

/**
 * Predictions and their outcomes by the time of the prediction. Lately in blocks of the configured length; where labels may come later than
 * the blocks that memory allows reach back, all of the label horizon once more in as many longer blocks. So memory does not depend on the
 * horizon, and late labels find a block.
 */
export class QualityBlocks<Judged, Seen> {
  readonly #options: QualityBlocksOptions<Judged, Seen>;
  readonly #fine: BlockRing<QualityBlock<Judged, Seen>>;
  readonly #fineBlocks: number;
  readonly #coarse: BlockRing<QualityBlock<Judged, Seen>> | undefined;
  /** Blocks before have ended. */
  #endedMs = 0;

  constructor(options: QualityBlocksOptions<Judged, Seen>) {
    const { blockMs, windowBlocks, labelHorizonMs, maxBlocks } = options;
    this.#options = options;
    const create = () => ({ predictions: 0, outcomes: 0, revision: 0, judged: undefined, seen: undefined });
    const horizonBlocks = Math.ceil(labelHorizonMs / blockMs) + 1;
    const kept = Math.max(windowBlocks, Math.min(horizonBlocks, maxBlocks));
    this.#fineBlocks = kept;
    this.#fine = new BlockRing({ blockMs, blocks: windowBlocks, kept, create });
    if (kept >= horizonBlocks) return;
    const coarseMs = blockMs * Math.ceil(horizonBlocks / maxBlocks);
    const blocks = Math.max(1, Math.ceil((windowBlocks * blockMs) / coarseMs));
    const coarseKept = Math.ceil(labelHorizonMs / coarseMs) + 1;
    this.#coarse = new BlockRing({ blockMs: coarseMs, blocks, kept: coarseKept, create });
  }

  /** Length of its shorter blocks. */
  get blockMs(): number {
    return this.#fine.blockMs;
  }

  /** Blocks that it holds at most. */
  get capacity(): number {
    return this.#fine.capacity + (this.#coarse?.capacity ?? 0);
  }

  /** Blocks that hold something now. */
  get size(): number {
    return this.#fine.all().length + (this.#coarse?.all().length ?? 0);
  }

  /** So many rows were predicted now. */
  addPredictions(rows: number, nowMs: number): void {
    const block = this.#fine.at(nowMs, nowMs);
    if (block !== undefined) block.predictions += rows;
  }

  /** Where predictions that are looked at now are counted. */
  seenAt(nowMs: number): Seen | undefined {
    const block = this.#fine.at(nowMs, nowMs);
    if (block === undefined) return undefined;
    block.seen ??= this.#options.createSeen();
    block.revision += 1;
    return block.seen;
  }

  /**
   * Changes what is known of the outcomes of a moment's predictions.
   * @param change told the counts, and returns by how many rows they changed
   * @returns whether there was a block: not when the prediction is older than the label horizon
   */
  changeAt(atMs: number, nowMs: number, change: (judged: Judged) => number): boolean {
    // The clock of the server that made the prediction may be ahead.
    const timeMs = Math.min(atMs, nowMs);
    let isFound = false;
    for (const ring of [this.#fine, this.#coarse]) {
      const block = ring?.at(timeMs, nowMs);
      if (block === undefined) continue;
      block.judged ??= this.#options.createJudged();
      block.outcomes += change(block.judged);
      block.revision += 1;
      isFound = true;
    }
    return isFound;
  }

  /**
   * Blocks have ended: what was predicted in them is added to the longer ones.
   * @param onSeen told what was seen in each
   */
  endBlocks(endMs: number, onSeen: (seen: Seen) => void = () => {}): void {
    this.#fine.expire(endMs);
    this.#coarse?.expire(endMs);
    for (const { startMs, state } of this.#fine.all()) {
      if (startMs < this.#endedMs || startMs >= endMs) continue;
      if (state.seen !== undefined) onSeen(state.seen);
      const longer = this.#coarse?.at(startMs, endMs);
      if (longer === undefined) continue;
      longer.predictions += state.predictions;
      longer.revision += 1;
      if (state.seen === undefined) continue;
      longer.seen ??= this.#options.createSeen();
      if (longer.seen !== undefined) this.#options.mergeSeen(longer.seen, state.seen);
    }
    this.#endedMs = endMs;
  }

  /** The window of the latest predictions. */
  latest(nowMs: number): QualityWindow<Judged, Seen> {
    return windowOf(this.#fine, nowMs);
  }

  /**
   * The latest window of predictions whose truth is known: it ends with the newest block that gives it `minRows` outcomes, or where no window
   * has as many, with the newest block that has any. So it follows the labels, however late they come.
   */
  judged(nowMs: number, minRows: number): QualityWindow<Judged, Seen> | undefined {
    // The longer blocks are for what is older than the shorter ones.
    const reachMs = nowMs - this.#fineBlocks * this.#fine.blockMs;
    for (const rows of [minRows, 1]) {
      const window =
        newestWindow(this.#fine, nowMs, rows) ?? (this.#coarse && newestWindow(this.#coarse, nowMs, rows, reachMs));
      if (window !== undefined) return window;
    }
    return undefined;
  }

  /** Blocks from a moment on, oldest first, at least the last `count`; longer ones where many more than that would reach back to it. */
  since(fromMs: number, nowMs: number, count: number): BlockList<Judged, Seen> {
    const isFar = nowMs - fromMs > count * this.#fine.blockMs;
    const ring = isFar && this.#coarse !== undefined ? this.#coarse : this.#fine;
    const sinceMs = Math.min(fromMs, nowMs - count * ring.blockMs);
    return { blockMs: ring.blockMs, blocks: ring.all().filter(({ startMs }) => startMs + ring.blockMs > sinceMs) };
  }

  /** Predictions and outcomes of the whole label horizon. */
  coverage(): { readonly predictions: number; readonly outcomes: number } {
    const sum = { predictions: 0, outcomes: 0 };
    for (const { state } of (this.#coarse ?? this.#fine).all()) {
      sum.predictions += state.predictions;
      sum.outcomes += state.outcomes;
    }
    if (this.#coarse === undefined) return sum;
    for (const { startMs, state } of this.#fine.all())
      if (startMs >= this.#endedMs) sum.predictions += state.predictions;
    return sum;
  }
}

/** The window that ends at a moment; what happened in that very millisecond belongs to it unless a block ends there. */
function windowOf<Judged, Seen>(
  ring: BlockRing<QualityBlock<Judged, Seen>>,
  nowMs: number,
  endMs = Number.POSITIVE_INFINITY,
): QualityWindow<Judged, Seen> {
  const blocks = ring.window(Math.min(nowMs + 1, endMs));
  const fromMs = blocks.at(-1)?.startMs ?? ring.startOf(nowMs);
  return { fromMs, toMs: Math.min(nowMs, endMs), blocks };
}

/** The newest window that has so many outcomes and ends with a block that begins before a moment; undefined: none has. */
function newestWindow<Judged, Seen>(
  ring: BlockRing<QualityBlock<Judged, Seen>>,
  nowMs: number,
  rows: number,
  beforeMs = Number.POSITIVE_INFINITY,
): QualityWindow<Judged, Seen> | undefined {
  const held = ring.all();
  for (let index = held.length - 1; index >= 0; index--) {
    const last = held[index];
    if (last === undefined || last.startMs >= beforeMs || last.state.outcomes === 0) continue;
    const window = windowOf(ring, nowMs, last.startMs + ring.blockMs);
    const outcomes = window.blocks.reduce((sum, { state }) => sum + state.outcomes, 0);
    if (outcomes >= rows) return window;
  }
  return undefined;
}

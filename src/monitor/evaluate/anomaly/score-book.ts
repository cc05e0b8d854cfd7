import type { NumericProfile } from "../../../model/package-messages.ts";
import {
  clearNumericHistogram,
  createNumericHistogram,
  mergeNumericHistogram,
  type NumericHistogram,
  recordNumber,
} from "../../../statistics/numeric-histogram.ts";
import { quantile } from "../../../statistics/quantile.ts";
import { BlockRing } from "../block-ring.ts";
import { toNumericProfile } from "../signal-counts.ts";

/** How scores are kept and judged. */
export interface ScoreBookOptions {
  /** Scores above it are anomalous; undefined: what the latest scores say. */
  readonly threshold: number | undefined;
  /** Share of the latest scores that is not above a threshold that they say. */
  readonly quantile: number;
  /** Scores are distances, from 0 on without end. Default: they may be anything. */
  readonly isDistance?: boolean;
  readonly windows: { readonly blockSeconds: number; readonly blocks: number };
}

/** Latest scores that a threshold is learned from, and how many there must be. */
const latestScores = 1024;
export const leastScores = 256;

/** Bins between the first scores, and beyond the largest of them, each as wide as all before it. */
const innerBins = 16;
const outerBins = 6;

/** Edges as multiples of a threshold that is known: a score of twice the threshold is unusual, one of a hundred times is from elsewhere. */
const thresholdShares = [0, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4, 1, 1.25, 1.5, 2, 3, 4, 8, 16, 64, 1024];

interface ScoreBlock {
  /** Undefined: the edges are not known yet. */
  histogram: NumericHistogram | undefined;
  rows: number;
  anomalous: number;
}

/** The scores of a model version's rows: by blocks for the window, the latest ones for the threshold, counts since it was loaded. */
export class ScoreBook {
  readonly #options: ScoreBookOptions;
  readonly #blocks: BlockRing<ScoreBlock>;
  readonly #latest = new Float64Array(latestScores);
  #latestCount = 0;
  #edges: Float64Array | undefined;
  #threshold: number;
  /** Rows that were scored, and those of them above the threshold, since the version was loaded. */
  rows = 0;
  anomalousRows = 0;

  constructor(options: ScoreBookOptions) {
    this.#options = options;
    const { threshold, windows, isDistance = false } = options;
    this.#threshold = threshold ?? Number.NaN;
    if (isDistance && threshold !== undefined && threshold > 0)
      this.#edges = Float64Array.from(thresholdShares, (s) => s * threshold);
    this.#blocks = new BlockRing<ScoreBlock>({
      blockMs: windows.blockSeconds * 1000,
      blocks: windows.blocks,
      create: () => ({ histogram: undefined, rows: 0, anomalous: 0 }),
    });
  }

  /** Edges of the bins of scores; undefined: too few scores were seen. */
  get edges(): Float64Array | undefined {
    return this.#edges;
  }

  /** Scores above it are anomalous; NaN: not known yet. */
  get threshold(): number {
    return this.#threshold;
  }

  /** Takes the score of a row, which may be infinite. @returns whether it is anomalous; never before there is a threshold */
  record(score: number, atMs: number): boolean {
    this.rows++;
    if (Number.isFinite(score)) this.#latest[this.#latestCount++ % latestScores] = score;
    if (this.#latestCount === leastScores && Number.isFinite(score)) this.learn();
    const isAnomalous = score > this.#threshold; // false while it is NaN
    if (isAnomalous) this.anomalousRows++;
    const block = this.#blocks.at(atMs, atMs);
    if (block === undefined) return isAnomalous;
    block.rows++;
    if (isAnomalous) block.anomalous++;
    if (this.#edges !== undefined) {
      block.histogram ??= createNumericHistogram(this.#edges);
      recordNumber(block.histogram, score);
    }
    return isAnomalous;
  }

  /** Works out anew what is learned from the latest scores. To be called at the end of each block. */
  learn(): void {
    if (this.#latestCount < leastScores) return;
    const sorted = this.#latest.slice(0, Math.min(latestScores, this.#latestCount)).sort();
    if (this.#options.threshold === undefined) this.#threshold = quantile(sorted, this.#options.quantile);
    this.#edges ??= edgesOf(sorted);
  }

  /** The scores of the window that ends now; undefined: there are none, or their bins are not known yet. */
  window(nowMs: number): { readonly scores?: NumericProfile; readonly share?: number } {
    this.#blocks.expire(nowMs);
    let [rows, anomalous] = [0, 0];
    const whole = this.#edges && createNumericHistogram(this.#edges);
    if (whole !== undefined) clearNumericHistogram(whole);
    for (const { state } of this.#blocks.all()) {
      rows += state.rows;
      anomalous += state.anomalous;
      if (whole !== undefined && state.histogram !== undefined) mergeNumericHistogram(whole, state.histogram);
    }
    if (rows === 0) return {};
    const share = anomalous / rows;
    if (whole === undefined) return { share };
    return { share, scores: toNumericProfile({ kind: "numeric", histogram: whole, nulls: new Float64Array(1) }) };
  }
}

/** Equal bins between the smallest and the largest score, then ever wider ones for those that are more unusual than anything so far. */
function edgesOf(sorted: Float64Array): Float64Array {
  const low = sorted[0] ?? 0;
  const high = sorted.at(-1) ?? 0;
  const range = high > low ? high - low : Math.max(1e-6, Math.abs(low));
  const inner = Array.from({ length: innerBins + 1 }, (_, i) => low + (range * i) / innerBins);
  const outer = Array.from({ length: outerBins }, (_, i) => low + range * 2 ** (i + 1));
  return Float64Array.from([...inner, ...outer]);
}

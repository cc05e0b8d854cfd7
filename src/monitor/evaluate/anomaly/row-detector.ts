import {
  createHalfSpaceTrees,
  type HalfSpaceTrees,
  halfSpaceScore,
  learnRow,
} from "../../../statistics/half-space-trees.ts";
import { createMahalanobisScorer, type MahalanobisScorer, mahalanobisScore } from "../../../statistics/mahalanobis.ts";
import type { Signal } from "../../collect/sampled-rows.ts";

/** Gives rows of a model's inputs their score, at once. */
export interface RowDetector {
  readonly name: "mahalanobis" | "half_space_trees";
  /** What a row is made of, in this order. A value that is missing is NaN. */
  readonly signals: readonly Signal[];
  /** What a score takes, in nanoseconds or thereabouts (bench: monitor/anomaly). */
  readonly rowNs: number;
  /** Whether rows have scores yet. */
  readonly isReady: boolean;
  /** The score of a row: the higher, the more unusual. */
  score(row: Float64Array): number;
  /** Learns from a row that was scored before. Absent: it knows what it needs. */
  learn?(row: Float64Array): void;
}

/** Scores by the distance from the reference. */
export class MahalanobisDetector implements RowDetector {
  readonly name = "mahalanobis";
  readonly signals: readonly Signal[];
  readonly rowNs: number;
  readonly isReady = true;
  readonly #scorer: MahalanobisScorer;

  /** @param signals those of the reference, in its order */
  constructor(signals: readonly Signal[], mean: readonly number[], inverseCovariance: readonly number[]) {
    this.signals = signals;
    this.rowNs = 20 + (signals.length * signals.length) / 2;
    this.#scorer = createMahalanobisScorer(mean, inverseCovariance);
  }

  score(row: Float64Array): number {
    return mahalanobisScore(this.#scorer, row);
  }
}

/** Rows that trees learn from before they give scores, and from then on at a time. */
export const treeWindow = 250;

/** Ten trees of nine levels, once to score and once to learn. */
const treesNs = 1000;

/**
 * Scores by trees that learn from the rows that they see. Where the reference does not tell the range of every signal, the first
 * {@link treeWindow} rows do.
 */
export class HalfSpaceDetector implements RowDetector {
  readonly name = "half_space_trees";
  readonly signals: readonly Signal[];
  readonly rowNs: number;
  readonly #seed: number;
  #trees: HalfSpaceTrees | undefined;
  /** Rows that will tell the ranges; empty once they have. */
  #first = new Float64Array();
  #firstCount = 0;

  constructor(signals: readonly Signal[], seed: number) {
    this.signals = signals;
    this.rowNs = treesNs + signals.length;
    this.#seed = seed;
    const hasRanges = signals.every(({ minimum, maximum }) => Number.isFinite(minimum) && Number.isFinite(maximum));
    if (hasRanges) {
      const [minimums, maximums] = [signals.map(({ minimum }) => minimum), signals.map(({ maximum }) => maximum)];
      this.#trees = createHalfSpaceTrees({ minimums, maximums, seed, window: treeWindow });
    }
  }

  get isReady(): boolean {
    return this.#trees?.isReady === true;
  }

  score(row: Float64Array): number {
    return this.#trees === undefined ? 0 : halfSpaceScore(this.#trees, row);
  }

  learn(row: Float64Array): void {
    if (this.#trees !== undefined) learnRow(this.#trees, row);
    else this.#keep(row);
  }

  #keep(row: Float64Array): void {
    const width = this.signals.length;
    if (this.#first.length === 0) this.#first = new Float64Array(treeWindow * width);
    this.#first.set(row.subarray(0, width), this.#firstCount * width);
    if (++this.#firstCount < treeWindow) return;
    const [minimums, maximums] = rangesOf(this.#first, width);
    const trees = createHalfSpaceTrees({ minimums, maximums, seed: this.#seed, window: treeWindow });
    for (let i = 0; i < treeWindow; i++) learnRow(trees, this.#first, i * width);
    this.#trees = trees;
    this.#first = new Float64Array();
  }
}

/** Smallest and largest finite number of each column; 0 for one without any. */
function rangesOf(rows: Float64Array, width: number): readonly [Float64Array, Float64Array] {
  const minimums = new Float64Array(width).fill(Number.POSITIVE_INFINITY);
  const maximums = new Float64Array(width).fill(Number.NEGATIVE_INFINITY);
  for (let i = 0; i < rows.length; i++) {
    const value = rows[i] as number; // i is below length
    if (!Number.isFinite(value)) continue;
    minimums[i % width] = Math.min(minimums[i % width] as number, value);
    maximums[i % width] = Math.max(maximums[i % width] as number, value);
  }
  const known = (value: number) => (Number.isFinite(value) ? value : 0);
  return [minimums.map(known), maximums.map(known)];
}

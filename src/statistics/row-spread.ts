import {
  createMahalanobisScorer,
  fitMahalanobis,
  leaveOneOutScore,
  type MahalanobisFit,
  mahalanobisScore,
} from "./mahalanobis.ts";
import { quantile } from "./quantile.ts";
import { createRandomSource, type RandomSource } from "./random.ts";
import { createRowMoments, type RowMoments, recordRow } from "./row-moments.ts";

/** Numbers that the sample of rows holds at most: 4 MB. */
const maxSampledNumbers = 2 ** 19;

/** What whole rows are like, with the score that tells unusual ones. */
export interface SpreadOfRows extends MahalanobisFit {
  /** The score that a share `probability` of rows does not exceed, rows that the fit has not seen. */
  readonly threshold: number;
}

/**
 * Mean and spread of whole rows, seen once, in bounded memory: moments of all of them, and a sample (reservoir, seeded) that tells how their
 * scores lie. Rows with a number that is missing or infinite are left out.
 */
export class RowSpread {
  readonly #moments: RowMoments;
  readonly #sample: Float64Array;
  readonly #capacity: number;
  readonly #random: RandomSource;

  /** @param width numbers of a row, 1 to maxRowWidth */
  constructor(width: number, seed = 1) {
    this.#moments = createRowMoments(width);
    this.#capacity = Math.floor(maxSampledNumbers / width);
    this.#sample = new Float64Array(this.#capacity * width);
    this.#random = createRandomSource(seed);
  }

  /** Rows taken so far. */
  get count(): number {
    return this.#moments.count;
  }

  /** Adds a row. */
  add(row: Float64Array): void {
    if (!recordRow(this.#moments, row)) return;
    const { count, width } = this.#moments;
    const place = count <= this.#capacity ? count - 1 : Math.floor(this.#random() * count);
    if (place < this.#capacity) this.#sample.set(row, place * width);
  }

  /** Undefined when the rows do not tell. */
  fit(probability: number): SpreadOfRows | undefined {
    const fit = fitMahalanobis(this.#moments);
    if (fit === undefined) return undefined;
    const { width, count } = this.#moments;
    const scorer = createMahalanobisScorer(fit.mean, fit.inverseCovariance);
    const row = new Float64Array(fit.columns.length);
    const scores = Float64Array.from({ length: Math.min(count, this.#capacity) }, (_, i) => {
      fit.columns.forEach((column, k) => {
        row[k] = this.#sample[i * width + column] as number; // a row of the sample
      });
      return leaveOneOutScore(mahalanobisScore(scorer, row), fit, count);
    });
    return { ...fit, threshold: quantile(scores.sort(), probability) };
  }
}

import { centralMoments, type RowMoments } from "./row-moments.ts";

/** A covariance matrix drawn towards a multiple of the identity, so far as the rows do not bear it out. */
export interface ShrunkCovariance {
  /** d * d numbers, row by row. */
  readonly covariance: Float64Array;
  /** Weight of the identity's multiple, 0 to 1. */
  readonly shrinkage: number;
}

/**
 * The covariance of Ledoit and Wolf ("A well-conditioned estimator for large-dimensional covariance matrices", 2004), as scikit-learn's
 * LedoitWolf has it, divisor n.
 * @param moments of at least one row
 * @param scales numbers are divided by these first. Absent: by nothing.
 */
export function ledoitWolf(moments: RowMoments, scales?: ArrayLike<number>): ShrunkCovariance {
  const { width, count, products, fourths } = centralMoments(moments);
  const covariance = new Float64Array(width * width);
  let trace = 0;
  let squares = 0;
  let fourth = 0;
  for (let i = 0, at = 0; i < width; i++) {
    for (let j = 0; j < width; j++, at++) {
      const scale = scales === undefined ? 1 : (scales[i] as number) * (scales[j] as number);
      const value = (products[at] as number) / (count * scale);
      covariance[at] = value;
      squares += value * value;
      fourth += (fourths[at] as number) / (scale * scale);
      if (i === j) trace += value;
    }
  }
  const mean = trace / width;
  const spread = squares - 2 * mean * trace + width * mean * mean; // times width
  const error = Math.max(0, fourth / count - squares) / count; // times width
  const shrinkage = error === 0 ? 0 : Math.min(1, error / spread);
  for (let i = 0; i < covariance.length; i++) covariance[i] = (1 - shrinkage) * (covariance[i] as number);
  for (let i = 0; i < width; i++) covariance[i * width + i] = (covariance[i * width + i] as number) + shrinkage * mean;
  return { covariance, shrinkage };
}

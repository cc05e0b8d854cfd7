import { choleskyFactor, inverseOf, solveFactored } from "./cholesky.ts";
import { centralMoments, type RowMoments, rowMeans } from "./row-moments.ts";
import { ledoitWolf } from "./shrunk-covariance.ts";

/** Mean and spread of whole rows, fitted to rows that are as they should be. */
export interface MahalanobisFit {
  /** Indexes of the numbers of a row that it rests on, ascending: those that are not always the same. */
  readonly columns: readonly number[];
  /** Their means. */
  readonly mean: Float64Array;
  /** The inverse of their covariance, in their own units: d * d numbers, row by row. */
  readonly inverseCovariance: Float64Array;
  /** How far the correlation was drawn towards none, 0 to 1. */
  readonly shrinkage: number;
}

/** Smaller standard deviations beside the mean are rounding. */
const leastRelativeDeviation = 1e-9;

/**
 * Fits mean and spread. Numbers are brought to deviation 1 before their covariance is shrunk: shrinking draws all variances to one value, which
 * would drown a number in millimetres beside one in kilometres.
 * @returns undefined when there are fewer than two rows, or all numbers are always the same
 */
export function fitMahalanobis(moments: RowMoments): MahalanobisFit | undefined {
  const { width, count, products } = centralMoments(moments);
  if (count < 2) return undefined;
  const means = rowMeans(moments);
  const deviations = means.map((_, i) => Math.sqrt(Math.max(0, products[i * width + i] as number) / count));
  const isConstant = (deviation: number, i: number) =>
    !(deviation > Math.abs(means[i] as number) * leastRelativeDeviation);
  const columns = [...deviations.keys()].filter((i) => !isConstant(deviations[i] as number, i));
  if (columns.length === 0) return undefined;
  const kept = columns.length === width ? moments : selectColumns(moments, columns);
  const scales = columns.map((i) => deviations[i] as number);
  const { covariance, shrinkage } = ledoitWolf(kept, scales);
  const correlationInverse = invert(covariance, columns.length);
  const inverseCovariance = correlationInverse.map(
    (value, at) =>
      value / ((scales[Math.floor(at / columns.length)] as number) * (scales[at % columns.length] as number)),
  );
  return { columns, mean: Float64Array.from(columns, (i) => means[i] as number), inverseCovariance, shrinkage };
}

/** Numbers that follow exactly from others leave a matrix without an inverse: the diagonal grows until there is one. */
function invert(correlation: Float64Array, size: number): Float64Array {
  for (let ridge = 1e-8; ; ridge *= 10) {
    const factor = choleskyFactor(correlation, size);
    if (factor !== undefined) return inverseOf(factor, size);
    for (let i = 0; i < size; i++) correlation[i * size + i] = (correlation[i * size + i] as number) + ridge;
  }
}

function selectColumns(moments: RowMoments, columns: readonly number[]): RowMoments {
  const vector = (values: Float64Array) => Float64Array.from(columns, (i) => values[i] as number);
  const matrix = (values: Float64Array) =>
    Float64Array.from(columns.flatMap((i) => columns.map((j) => values[i * moments.width + j] as number)));
  const { count, origin, sums, products, thirds, fourths } = moments;
  return {
    width: columns.length,
    count,
    origin: vector(origin),
    sums: vector(sums),
    products: matrix(products),
    thirds: matrix(thirds),
    fourths: matrix(fourths),
  };
}

/** Numbers of a row that may be missing: what they could be is worked out for each row that lacks some. */
export const maxMissing = 16;

/** What scores rows: a fit, laid out so that a score of d numbers takes d * d / 2 multiplications. */
export interface MahalanobisScorer {
  readonly width: number;
  readonly mean: Float64Array;
  readonly inverse: Float64Array;
  /** The diagonal and twice what is right of it, row by row. */
  readonly upper: Float64Array;
  /** Deviations of the row at hand. */
  readonly deviations: Float64Array;
}

/** @param inverseCovariance symmetric, row by row */
export function createMahalanobisScorer(
  mean: ArrayLike<number>,
  inverseCovariance: ArrayLike<number>,
): MahalanobisScorer {
  const width = mean.length;
  const upper = new Float64Array((width * (width + 1)) / 2);
  for (let i = 0, at = 0; i < width; i++) {
    for (let j = i; j < width; j++, at++) {
      upper[at] = ((inverseCovariance[i * width + j] as number) * (i === j ? 1 : 2)) as number;
    }
  }
  const inverse = Float64Array.from(inverseCovariance);
  return { width, mean: Float64Array.from(mean), inverse, upper, deviations: new Float64Array(width) };
}

/**
 * The squared Mahalanobis distance of a row from the mean: 0 or more. Numbers that are missing (NaN) are what they would be at the least distance,
 * so that the score is that of the others alone; NaN when more than {@link maxMissing} are. An infinite number makes it infinite.
 */
export function mahalanobisScore(scorer: MahalanobisScorer, row: ArrayLike<number>): number {
  const { width, mean, upper, deviations } = scorer;
  let missing: number[] | undefined;
  for (let i = 0; i < width; i++) {
    const deviation = (row[i] as number) - (mean[i] as number);
    if (deviation === Number.POSITIVE_INFINITY || deviation === Number.NEGATIVE_INFINITY) {
      return Number.POSITIVE_INFINITY;
    }
    deviations[i] = deviation;
    if (!Number.isNaN(deviation)) continue;
    deviations[i] = 0;
    missing ??= [];
    missing.push(i);
  }
  if (missing !== undefined && !fillIn(scorer, missing)) return Number.NaN;
  let score = 0;
  for (let i = 0, at = 0; i < width; i++) {
    let sum = 0;
    for (let j = i; j < width; j++, at++) sum += (upper[at] as number) * (deviations[j] as number);
    score += sum * (deviations[i] as number);
  }
  return Number.isNaN(score) ? Number.POSITIVE_INFINITY : Math.max(0, score); // infinite from both sides: further away than doubles tell
}

/**
 * The score that a row of the fit would have if the fit had been made without it: rows that a fit has seen look more usual to it than new ones do,
 * the more so the fewer there are. By the formula of Sherman and Morrison for a covariance without one row: exact where it was not shrunk, and as
 * if the numbers of a row contributed alike where it was shrunk to their variances.
 * @param count rows of the fit
 */
export function leaveOneOutScore(score: number, { columns, shrinkage }: MahalanobisFit, count: number): number {
  const left = 1 - ((1 - shrinkage + shrinkage / columns.length) * score) / (count - 1);
  return (count * score) / ((count - 1) * Math.max(1e-3, left));
}

/** Puts the deviations of least distance in the place of missing ones: a linear system of their number. @returns false: there are too many */
function fillIn({ width, inverse, deviations }: MahalanobisScorer, missing: readonly number[]): boolean {
  const size = missing.length;
  if (size > maxMissing) return false;
  const matrix = Float64Array.from({ length: size * size }, (_, at) => {
    const [i, j] = [missing[Math.floor(at / size)] as number, missing[at % size] as number];
    return inverse[i * width + j] as number;
  });
  const factor = choleskyFactor(matrix, size);
  if (factor === undefined) return false;
  const slopes = Float64Array.from(missing, (i) => {
    let sum = 0;
    for (let j = 0; j < width; j++) sum -= (inverse[i * width + j] as number) * (deviations[j] as number);
    return sum;
  });
  for (const [at, value] of solveFactored(factor, slopes).entries()) deviations[missing[at] as number] = value;
  return true;
}

import {
  addToMoments,
  createMoments,
  type Moments,
  m2Of,
  mergeMoments,
  subtractFromMoments,
  subtractMoments,
} from "./moments.ts";
import { addCompensated, addSums, compensatedLength, compensatedSum } from "./sums.ts";

/** How far predicted numbers are from true ones, for each output: sums of errors e = true - predicted, and the spread of the truth. */
export interface Regression {
  readonly outputs: number;
  /** Rows, weight, squared weight; then for each output compensated sums of e, abs(e), e^2, e^4. */
  readonly sums: Float64Array;
  /** Of the true numbers, by output. */
  readonly truths: Moments;
}

const head = 3;
const stride = 4 * compensatedLength;

/** Errors and true numbers beyond this magnitude are refused, so that no sum overflows. */
export const maxRegressionMagnitude = 1e50;

/** @param outputs numbers that a row predicts. */
export function createRegression(outputs: number): Regression {
  return { outputs, sums: new Float64Array(head + stride * outputs), truths: createMoments(outputs) };
}

/**
 * Counts a row.
 *
 * @returns whether it was counted: not when a number of it is missing, NaN, infinite or beyond {@link maxRegressionMagnitude}.
 */
export function recordRegression(
  regression: Regression,
  truth: ArrayLike<number>,
  predicted: ArrayLike<number>,
  weight = 1,
): boolean {
  return change(regression, truth, predicted, weight, 1);
}

/** Takes away a row that was counted before, with the same weight. */
export function revertRegression(
  regression: Regression,
  truth: ArrayLike<number>,
  predicted: ArrayLike<number>,
  weight = 1,
): void {
  change(regression, truth, predicted, weight, -1);
  if ((regression.sums[0] ?? 0) <= 0) regression.sums.fill(0);
}

/** Whether a row can be counted. */
export function isRegressionRow(outputs: number, truth: ArrayLike<number>, predicted: ArrayLike<number>): boolean {
  for (let output = 0; output < outputs; output++) {
    const value = truth[output] ?? Number.NaN;
    const error = value - (predicted[output] ?? Number.NaN);
    // Written so that NaN fails.
    if (!(Math.abs(value) <= maxRegressionMagnitude && Math.abs(error) <= maxRegressionMagnitude)) return false;
  }
  return true;
}

function change(
  { outputs, sums, truths }: Regression,
  truth: ArrayLike<number>,
  predicted: ArrayLike<number>,
  weight: number,
  sign: 1 | -1,
): boolean {
  if (!(weight > 0) || !isRegressionRow(outputs, truth, predicted)) return false;
  const signed = sign * weight;
  sums[0] = (sums[0] ?? 0) + sign;
  sums[1] = (sums[1] ?? 0) + signed;
  sums[2] = (sums[2] ?? 0) + signed * weight;
  for (let output = 0; output < outputs; output++) {
    const value = truth[output] ?? 0;
    const error = value - (predicted[output] ?? 0);
    const square = error * error;
    const at = head + stride * output;
    addCompensated(sums, signed * error, at);
    addCompensated(sums, signed * Math.abs(error), at + compensatedLength);
    addCompensated(sums, signed * square, at + 2 * compensatedLength);
    addCompensated(sums, signed * square * square, at + 3 * compensatedLength);
    if (sign === 1) addToMoments(truths, value, weight, output);
    else subtractFromMoments(truths, value, weight, output);
  }
  return true;
}

/** Adds what another one of the same outputs holds. */
export function mergeRegression(target: Regression, source: Regression): void {
  addSums(target.sums, source.sums, 1);
  mergeMoments(target.truths, source.truths);
}

/** Takes away what was merged before. */
export function subtractRegression(target: Regression, source: Regression): void {
  addSums(target.sums, source.sums, -1);
  subtractMoments(target.truths, source.truths);
  if ((target.sums[0] ?? 0) <= 0) target.sums.fill(0);
}

export function regressionRows({ sums }: Regression): number {
  return sums[0] ?? 0;
}

export function regressionWeight({ sums }: Regression): number {
  return sums[1] ?? 0;
}

export function regressionSquaredWeight({ sums }: Regression): number {
  return sums[2] ?? 0;
}

/** What is known of one output; NaN throughout without rows. */
export interface OutputErrors {
  /** Mean of true - predicted: above 0, predictions are too low. */
  readonly bias: number;
  readonly mae: number;
  readonly mse: number;
  /** Variances of e, abs(e) and e^2. */
  readonly biasVariance: number;
  readonly maeVariance: number;
  readonly mseVariance: number;
  /** NaN with fewer than two rows. */
  readonly r2: number;
}

export function outputErrors({ sums, truths }: Regression, output: number): OutputErrors {
  const weight = sums[1] ?? 0;
  const mean = (power: number) =>
    weight > 0 ? compensatedSum(sums, head + stride * output + compensatedLength * power) / weight : Number.NaN;
  const bias = mean(0);
  const mae = mean(1);
  const mse = Math.max(0, mean(2));
  return {
    bias,
    mae,
    mse,
    biasVariance: Math.max(0, mse - bias * bias),
    maeVariance: Math.max(0, mse - mae * mae),
    mseVariance: Math.max(0, mean(3) - mse * mse),
    r2: (sums[0] ?? 0) < 2 ? Number.NaN : coefficientOfDetermination(mse * weight, m2Of(truths, output)),
  };
}

/**
 * R^2 = 1 - (sum of e^2) / (sum of squared deviations of the truth). Where the truth is constant: 1 if nothing is wrong, else 0, as
 * scikit-learn says.
 */
function coefficientOfDetermination(squaredErrors: number, m2: number): number {
  if (m2 > 0) return 1 - squaredErrors / m2;
  return squaredErrors === 0 ? 1 : 0;
}

/**
 * Weight, mean and sum of squared deviations (M2) of weighted values, several variables in one array: Welford's rule, merged by the
 * parallel rule of Chan, Golub and LeVeque ("Updating formulae and a pairwise algorithm for computing sample variances", 1979). Unlike a
 * sum of squares it does not cancel where the mean is large beside the spread.
 */
export type Moments = Float64Array;

/** Numbers of each variable: weight, mean, M2. */
const stride = 3;

/** Largest magnitude that is taken, so that no square and no sum of squares overflows. */
export const maxMomentMagnitude = 1e100;

/** @param variables how many variables the array has. */
export function createMoments(variables = 1): Moments {
  return new Float64Array(variables * stride);
}

/**
 * Adds a value to variable `index`.
 * @returns whether it was taken: not when it is NaN, infinite or beyond {@link maxMomentMagnitude}, or its weight is not above 0.
 */
export function addToMoments(moments: Moments, value: number, weight = 1, index = 0): boolean {
  if (!(Math.abs(value) <= maxMomentMagnitude && weight > 0)) return false;
  const at = index * stride;
  const total = (moments[at] ?? 0) + weight;
  const mean = moments[at + 1] ?? 0;
  const delta = value - mean;
  const next = mean + delta * (weight / total);
  moments[at] = total;
  moments[at + 1] = next;
  moments[at + 2] = (moments[at + 2] ?? 0) + weight * delta * (value - next);
  return true;
}

/** Takes away a value that was added before, with the same weight. */
export function subtractFromMoments(moments: Moments, value: number, weight = 1, index = 0): void {
  if (Math.abs(value) <= maxMomentMagnitude && weight > 0) takeAway(moments, index * stride, weight, value, 0);
}

/** Adds what other moments of the same variables hold. */
export function mergeMoments(target: Moments, source: Moments): void {
  for (let at = 0; at < target.length; at += stride) {
    const added = source[at] ?? 0;
    if (added <= 0) continue;
    const weight = target[at] ?? 0;
    const total = weight + added;
    const mean = target[at + 1] ?? 0;
    const delta = (source[at + 1] ?? 0) - mean;
    target[at] = total;
    target[at + 1] = mean + delta * (added / total);
    target[at + 2] = (target[at + 2] ?? 0) + (source[at + 2] ?? 0) + delta * delta * weight * (added / total);
  }
}

/** Takes away what was merged before. */
export function subtractMoments(target: Moments, source: Moments): void {
  for (let at = 0; at < target.length; at += stride) {
    const weight = source[at] ?? 0;
    if (weight > 0) takeAway(target, at, weight, source[at + 1] ?? 0, source[at + 2] ?? 0);
  }
}

function takeAway(moments: Moments, at: number, weight: number, mean: number, m2: number): void {
  const total = moments[at] ?? 0;
  const left = total - weight;
  // A remainder as small as rounding makes it is none.
  if (left <= total * 1e-12) {
    moments.fill(0, at, at + stride);
    return;
  }
  const whole = moments[at + 1] ?? 0;
  const rest = whole - (mean - whole) * (weight / left);
  const delta = mean - rest;
  moments[at] = left;
  moments[at + 1] = rest;
  moments[at + 2] = Math.max(0, (moments[at + 2] ?? 0) - m2 - delta * delta * left * (weight / total));
}

export function weightOf(moments: Moments, index = 0): number {
  return moments[index * stride] ?? 0;
}

/** NaN when there are no values. */
export function meanOf(moments: Moments, index = 0): number {
  return weightOf(moments, index) > 0 ? (moments[index * stride + 1] ?? 0) : Number.NaN;
}

/** Sum of squared deviations from the mean, weighted. */
export function m2Of(moments: Moments, index = 0): number {
  return moments[index * stride + 2] ?? 0;
}

/** The variance of the values themselves, M2 / weight; NaN when there are none. */
export function varianceOf(moments: Moments, index = 0): number {
  const weight = weightOf(moments, index);
  return weight > 0 ? m2Of(moments, index) / weight : Number.NaN;
}

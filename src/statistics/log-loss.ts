/** Machine epsilon of 32-bit floats: what probabilities are clipped by that were kept as such. */
export const float32Epsilon = 2 ** -23;

/** Machine epsilon of 64-bit floats. */
export const float64Epsilon = 2 ** -52;

/**
 * Natural-log loss of one row, -ln p, p being the probability that was given to the true class. Clipped to [epsilon, 1 - epsilon] as
 * scikit-learn does, so that one confident mistake costs at most 15.94 (float32) or 36.04 (float64).
 */
export function logLoss(probability: number, epsilon: number): number {
  return -Math.log(Math.min(1 - epsilon, Math.max(epsilon, probability)));
}

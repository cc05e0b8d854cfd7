/** How well scores order rows, exactly: for files, where all rows are there at once. Windows use score-histogram.ts. */

/** One score and the weight of rows of the class and of others that have it. */
interface Step {
  readonly score: number;
  positive: number;
  negative: number;
}

/**
 * Distinct scores, highest first.
 *
 * @param positives by row: 1 when it belongs to the class, 0 when not; an estimate gives probabilities.
 */
function steps(scores: ArrayLike<number>, positives: ArrayLike<number>, weights?: ArrayLike<number>): Step[] {
  const order = Array.from(scores, (_, row) => row).sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0));
  const found: Step[] = [];
  for (const row of order) {
    const score = scores[row] ?? 0;
    const weight = weights?.[row] ?? 1;
    const share = positives[row] ?? 0;
    let step = found.at(-1);
    if (step?.score !== score) {
      step = { score, positive: 0, negative: 0 };
      found.push(step);
    }
    step.positive += weight * share;
    step.negative += weight * (1 - share);
  }
  return found;
}

/**
 * Area under the receiver operating characteristic, by trapezoids. Undefined where one of the two sides has no rows.
 *
 * @param scores by row, finite.
 * @param positives by row: 1, 0, or the probability of 1.
 */
export function rocAuc(
  scores: ArrayLike<number>,
  positives: ArrayLike<number>,
  weights?: ArrayLike<number>,
): number | undefined {
  let hits = 0;
  let misses = 0;
  let area = 0;
  for (const { positive, negative } of steps(scores, positives, weights)) {
    area += negative * (hits + positive / 2);
    hits += positive;
    misses += negative;
  }
  return hits > 0 && misses > 0 ? area / (hits * misses) : undefined;
}

/** Average precision: the sum of (recall that a threshold adds) times (precision at it), not interpolated. Undefined without rows of the class. */
export function averagePrecision(
  scores: ArrayLike<number>,
  positives: ArrayLike<number>,
  weights?: ArrayLike<number>,
): number | undefined {
  let hits = 0;
  let taken = 0;
  let sum = 0;
  for (const { positive, negative } of steps(scores, positives, weights)) {
    hits += positive;
    taken += positive + negative;
    if (positive > 0) sum += positive * (hits / taken);
  }
  return hits > 0 ? sum / hits : undefined;
}

/** A function of a score that never falls: straight lines between points; beyond them the nearest point counts. */
export interface IsotonicMap {
  /** Ascending. */
  readonly scores: Float64Array;
  /** At each score. */
  readonly values: Float64Array;
}

/** Neighbouring scores that share one value. */
interface Pool {
  /** Index of its first score among the distinct ones, and one past its last. */
  first: number;
  end: number;
  weight: number;
  mean: number;
}

/**
 * The map that never falls and is nearest to the targets in weighted squares: pool adjacent violators (Ayer et al., "An empirical
 * distribution function for sampling with incomplete information", 1955). Same points as scikit-learn's IsotonicRegression.
 *
 * @param scores any order, finite; equal ones share their mean target.
 * @param targets by score, finite; 0 and 1 for a calibration.
 * @returns undefined without scores.
 */
export function fitIsotonic(
  scores: ArrayLike<number>,
  targets: ArrayLike<number>,
  weights?: ArrayLike<number>,
): IsotonicMap | undefined {
  const order = Array.from(scores, (_, index) => index).sort((a, b) => (scores[a] ?? 0) - (scores[b] ?? 0));
  const distinct: number[] = [];
  const single: Pool[] = [];
  for (const row of order) {
    const score = scores[row] ?? 0;
    const weight = weights?.[row] ?? 1;
    const last = single.at(-1);
    if (last !== undefined && distinct.at(-1) === score) pour(last, weight, targets[row] ?? 0);
    else {
      single.push({ first: distinct.length, end: distinct.length + 1, weight, mean: targets[row] ?? 0 });
      distinct.push(score);
    }
  }
  if (distinct.length === 0) return undefined;
  return toMap(distinct, poolViolators(single));
}

/** Joins neighbours until the means rise strictly. */
function poolViolators(single: readonly Pool[]): readonly Pool[] {
  const pools: Pool[] = [];
  for (const next of single) {
    const pool = { ...next };
    for (let before = pools.at(-1); before !== undefined && before.mean >= pool.mean; before = pools.at(-1)) {
      pools.pop();
      pour(pool, before.weight, before.mean);
      pool.first = before.first;
    }
    pools.push(pool);
  }
  return pools;
}

function pour(pool: Pool, weight: number, value: number): void {
  const total = pool.weight + weight;
  pool.mean += (value - pool.mean) * (weight / total);
  pool.weight = total;
}

/** The first and last score of each pool: all others lie on the line between them. */
function toMap(distinct: readonly number[], pools: readonly Pool[]): IsotonicMap {
  const scores: number[] = [];
  const values: number[] = [];
  for (const { first, end, mean } of pools) {
    for (const index of end - first > 1 ? [first, end - 1] : [first]) {
      scores.push(distinct[index] ?? 0);
      values.push(mean);
    }
  }
  return { scores: Float64Array.from(scores), values: Float64Array.from(values) };
}

/** The value of a map at a score. */
export function applyIsotonic({ scores, values }: IsotonicMap, score: number): number {
  const last = scores.length - 1;
  if (score <= (scores[0] ?? 0)) return values[0] ?? 0;
  if (score >= (scores[last] ?? 0)) return values[last] ?? 0;
  let low = 0; // scores[low] <= score < scores[high]
  let high = last;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((scores[middle] ?? 0) <= score) low = middle;
    else high = middle;
  }
  const from = scores[low] ?? 0;
  const share = (score - from) / ((scores[high] ?? 0) - from);
  return (values[low] ?? 0) * (1 - share) + (values[high] ?? 0) * share;
}

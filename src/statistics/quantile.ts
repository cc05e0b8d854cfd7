/**
 * A quantile of all values, between two of them in proportion (numpy's default, type 7 of Hyndman and Fan).
 * @param sorted ascending, without NaN
 * @param probability 0 to 1
 * @returns NaN when there are no values
 */
export function quantile(sorted: ArrayLike<number>, probability: number): number {
  const place = (sorted.length - 1) * probability;
  const below = Math.floor(place);
  const low = sorted[below] ?? Number.NaN;
  const high = sorted[below + 1];
  const share = place - below;
  return high === undefined || share === 0 ? low : low + share * (high - low);
}

/** A distribution by bins, with what lies outside of them. */
export interface BinnedValues {
  /** Ascending, one more than there are bins. */
  readonly edges: ArrayLike<number>;
  readonly counts: ArrayLike<number>;
  readonly underflow: number;
  readonly overflow: number;
  readonly minimum: number;
  readonly maximum: number;
}

/**
 * The value below which a share of all values lies, taken as evenly spread within each bin: off by at most the width of the bin. Between
 * minimum and maximum; undefined without values.
 * @param probability 0 to 1
 */
export function binQuantile(
  { edges, counts, underflow, overflow, minimum, maximum }: BinnedValues,
  probability: number,
): number | undefined {
  const bins = counts.length;
  let total = underflow + overflow;
  for (let bin = 0; bin < bins; bin++) total += counts[bin] ?? 0;
  if (!(total > 0)) return undefined;
  let rank = probability * total;
  for (let bin = -1; bin <= bins; bin++) {
    const count = bin < 0 ? underflow : bin < bins ? (counts[bin] ?? 0) : overflow;
    if (count > 0 && rank <= count) {
      // Values lie within the bin and between the extremes, which are narrower in the first and the last one that has any.
      const low = Math.max(minimum, bin < 0 ? minimum : (edges[bin] ?? minimum));
      const high = Math.min(maximum, bin < bins ? (edges[bin + 1] ?? maximum) : maximum);
      return low + Math.max(0, high - low) * (rank / count);
    }
    rank -= count;
  }
  return maximum;
}

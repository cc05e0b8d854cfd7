/** Most numbers of a row that are looked at: of more, every second, third and so on. */
export const maxDescribedNumbers = 4096;

/** What is told of a row of many numbers, as the statistics that the monitor watches wide tensors by. NaN where no number is finite. */
export interface RowStatistics {
  readonly mean: number;
  readonly deviation: number;
  readonly minimum: number;
  readonly maximum: number;
  /** Share of the finite numbers that are 0. */
  readonly zeros: number;
  /** Some number was NaN, or, where none was, infinite. */
  readonly spoiltBy: "nothing" | "nan" | "infinite";
}

/** Describes `count` numbers from an offset on. */
export function describeNumbers(values: ArrayLike<number | bigint>, offset: number, count: number): RowStatistics {
  const step = Math.max(1, Math.ceil(count / maxDescribedNumbers));
  let [n, mean, m2, zeros] = [0, 0, 0, 0];
  let [minimum, maximum] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  let spoiltBy: RowStatistics["spoiltBy"] = "nothing";
  for (let i = 0; i < count; i += step) {
    const value = Number(values[offset + i]);
    if (!Number.isFinite(value)) {
      if (spoiltBy !== "nan") spoiltBy = Number.isNaN(value) ? "nan" : "infinite";
      continue;
    }
    n++;
    const delta = value - mean;
    mean += delta / n;
    m2 += delta * (value - mean);
    if (value === 0) zeros++;
    minimum = Math.min(minimum, value);
    maximum = Math.max(maximum, value);
  }
  if (n === 0) {
    const none = Number.NaN;
    return { mean: none, deviation: none, minimum: none, maximum: none, zeros: none, spoiltBy };
  }
  return { mean, deviation: Math.sqrt(m2 / n), minimum, maximum, zeros: zeros / n, spoiltBy };
}

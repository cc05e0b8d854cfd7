import { bisect } from "./incomplete-gamma.ts";

/** Products of sample sizes up to which the exact distribution is counted. */
const maxExactPaths = 10_000;

/** Below this, the tail of Kolmogorov's distribution is worked out from its other series, because the first one alternates without end. */
const seriesBoundary = 1.18;

/**
 * Probability that Kolmogorov's statistic exceeds x: the limit of sqrt(n m / (n + m)) D. Two series of theta functions, each where it
 * converges in a few terms (Marsaglia, Tsang and Wang, 2003).
 */
export function kolmogorovTail(x: number): number {
  if (!(x > 0)) return x <= 0 ? 1 : Number.NaN;
  if (x < seriesBoundary) {
    const step = Math.exp(-(Math.PI ** 2) / (8 * x * x));
    const sum = step + step ** 9 + step ** 25 + step ** 49;
    return 1 - (Math.sqrt(2 * Math.PI) / x) * sum;
  }
  const step = Math.exp(-2 * x * x);
  return 2 * (step - step ** 4 + step ** 9 - step ** 16);
}

/** The x that Kolmogorov's statistic exceeds with this probability, 0 < tail < 1: 1.358 for 0.05. */
export function kolmogorovCritical(tail: number): number {
  if (!(tail > 0 && tail < 1)) return tail === 1 ? 0 : tail === 0 ? Number.POSITIVE_INFINITY : Number.NaN;
  return bisect(0.05, 30, (x) => kolmogorovTail(x) > tail);
}

/** The largest distance between the distribution functions of two samples. Neither is changed; NaN where one is empty. */
export function kolmogorovSmirnov(first: ArrayLike<number>, second: ArrayLike<number>): number {
  const a = Float64Array.from(first).sort();
  const b = Float64Array.from(second).sort();
  if (a.length === 0 || b.length === 0) return Number.NaN;
  let distance = 0;
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const value = Math.min(a[i] as number, b[j] as number); // both are below their length
    while (i < a.length && (a[i] as number) <= value) i++;
    while (j < b.length && (b[j] as number) <= value) j++;
    distance = Math.max(distance, Math.abs(i / a.length - j / b.length));
  }
  return distance;
}

/**
 * Probability of a distance of at least so much between two samples of one continuous distribution: counted exactly for small samples, by
 * Kolmogorov's limit for others.
 */
export function kolmogorovSmirnovTail(distance: number, n: number, m: number): number {
  if (!(n > 0 && m > 0)) return Number.NaN;
  return n * m <= maxExactPaths ? exactTail(distance, n, m) : kolmogorovTail(distance * Math.sqrt((n * m) / (n + m)));
}

/** Share of the lattice paths from (0, 0) to (n, m) that leave the band abs(i / n - j / m) < distance (Hodges, 1958). */
function exactTail(distance: number, n: number, m: number): number {
  const limit = distance - 1e-9 / Math.max(n, m);
  // Column by column: the share of paths that came to (i, j) without leaving, weighted so that the numbers stay near 1.
  const inside = new Float64Array(m + 1);
  inside[0] = 1;
  for (let j = 1; j <= m; j++) inside[j] = j / m < limit ? (inside[j - 1] as number) : 0;
  for (let i = 1; i <= n; i++) {
    inside[0] = i / n < limit ? (inside[0] as number) : 0;
    for (let j = 1; j <= m; j++) {
      const isInside = Math.abs(i / n - j / m) < limit;
      // Of the paths to (i, j), i / (i + j) come from (i - 1, j).
      inside[j] = isInside ? ((inside[j] as number) * i + (inside[j - 1] as number) * j) / (i + j) : 0;
    }
  }
  return 1 - (inside[m] as number);
}

import { chiSquareContingency } from "./chi-square.ts";
import {
  binnedKolmogorovSmirnov,
  binnedWasserstein,
  hellinger,
  jensenShannon,
  largestDifference,
  populationStability,
  sumOf,
  totalVariation,
} from "./distribution-distance.ts";
import { chiSquareQuantile, chiSquareTail } from "./incomplete-gamma.ts";
import { kolmogorovCritical, kolmogorovTail } from "./kolmogorov-smirnov.ts";
import { createNullDraws, fitTail, type SimulatedTail } from "./null-simulation.ts";

/** The scores that compare a window with the reference. */
export const driftMethods = [
  "psi",
  "js",
  "ks",
  "wasserstein",
  "chi_square",
  "l_infinity",
  "hellinger",
  "total_variation",
] as const;
export type DriftMethod = (typeof driftMethods)[number];

/** Scores that need an order of the bins. */
const orderedMethods: ReadonlySet<DriftMethod> = new Set(["ks", "wasserstein"]);

/** Whether a score can be worked out for bins of this kind. */
export function isApplicable(method: DriftMethod, isOrdered: boolean): boolean {
  return isOrdered || !orderedMethods.has(method);
}

/** What a signal is compared with. */
export interface DriftReference {
  /** Counts of the reference, one for each group of bins, at least two. */
  readonly counts: Float64Array;
  /** Where the mass of each group lies, ascending; absent: the groups have no order. */
  readonly positions?: Float64Array;
  /** Spread that a distance is told in, above 0; only with positions. */
  readonly scale?: number;
}

/** Simulated windows of each signal: enough for a mean excess within 10 %. */
const simulatedWindows = 2_000;

/** Rows of a simulated window at most: with more the laws only come closer to their limits, and a draw costs more. */
const maxSimulatedRows = 1_000;

/**
 * The scores of one signal and their laws when nothing has drifted.
 *
 * The chi-square statistic and Kolmogorov's have laws of their own. PSI, the squared Jensen-Shannon and the squared Hellinger distance follow
 * the chi-square law in the limit, but exceed it somewhat more often with few rows, and the others have no closed form: for all of these
 * windows are simulated, once, of the smallest size. Every score here is scaled by 1 / n + 1 / m (its root where it is a distance), so one
 * simulation serves every window of at least that size.
 */
export class DriftTest {
  readonly methods: readonly DriftMethod[];
  readonly #reference: DriftReference;
  readonly #referenceRows: number;
  readonly #degreesOfFreedom: number;
  readonly #tails: ReadonlyMap<DriftMethod, SimulatedTail>;

  /** @param leastRows of a window. Simulates, which takes some milliseconds. */
  constructor(reference: DriftReference, methods: readonly DriftMethod[], leastRows: number, seed: number) {
    this.#reference = reference;
    this.#referenceRows = sumOf(reference.counts);
    this.#degreesOfFreedom = reference.counts.length - 1;
    this.methods = methods.filter((method) => isApplicable(method, reference.positions !== undefined));
    this.#tails = simulateTails(this.methods, reference, leastRows, seed);
  }

  /** How far a window is from the reference. @param counts one for each group; NaN for an empty window */
  score(method: DriftMethod, counts: ArrayLike<number>): number {
    return scoreOf(method, this.#reference, counts);
  }

  /** The score that a window of `rows` rows exceeds by chance with this probability. */
  critical(method: DriftMethod, alpha: number, rows: number): number {
    const f = this.#noise(rows);
    if (method === "ks") return kolmogorovCritical(alpha) * Math.sqrt(f);
    const simulated = this.#tails.get(method)?.quantile(alpha) ?? 0;
    return fromScaled(method, Math.max(simulated, this.#limit(method, alpha)), f);
  }

  /** Probability of a score of at least so much by chance, in a window of `rows` rows. */
  pValue(method: DriftMethod, score: number, rows: number): number {
    if (Number.isNaN(score)) return Number.NaN;
    const f = this.#noise(rows);
    if (method === "ks") return kolmogorovTail(score / Math.sqrt(f));
    const scaled = toScaled(method, score, f);
    const simulated = this.#tails.get(method)?.tail(scaled) ?? 0;
    return Math.max(simulated, hasLimit(method) ? chiSquareTail(scaled, this.#degreesOfFreedom) : 0);
  }

  /** The score from which a difference matters, from the threshold as it is configured: for chi-square that is Cohen's w. */
  effectThreshold(method: DriftMethod, threshold: number, rows: number): number {
    return method === "chi_square" ? threshold ** 2 / this.#noise(rows) : threshold;
  }

  #limit(method: DriftMethod, alpha: number): number {
    return hasLimit(method) ? chiSquareQuantile(alpha, this.#degreesOfFreedom) : 0;
  }

  /** Variance of a share's difference, but for the share itself. */
  #noise(rows: number): number {
    return 1 / this.#referenceRows + 1 / rows;
  }
}

function hasLimit(method: DriftMethod): boolean {
  return method === "psi" || method === "js" || method === "chi_square" || method === "hellinger";
}

function scoreOf(method: DriftMethod, reference: DriftReference, counts: ArrayLike<number>): number {
  const { counts: expected, positions, scale = 1 } = reference;
  switch (method) {
    case "psi":
      return populationStability(expected, counts);
    case "js":
      return jensenShannon(expected, counts);
    case "ks":
      return binnedKolmogorovSmirnov(expected, counts);
    case "wasserstein":
      return binnedWasserstein(expected, counts, positions ?? []) / scale;
    case "chi_square":
      return chiSquareContingency(expected, counts).statistic;
    case "l_infinity":
      return largestDifference(expected, counts);
    case "hellinger":
      return hellinger(expected, counts);
    case "total_variation":
      return totalVariation(expected, counts);
  }
}

/** What a score's square is divided by so that it follows the chi-square law; 1 where it follows none. */
const chiSquareScale: Readonly<Record<DriftMethod, number>> = {
  psi: 1,
  js: 8 * Math.LN2,
  ks: 1,
  wasserstein: 1,
  chi_square: 1,
  l_infinity: 1,
  hellinger: 8,
  total_variation: 1,
};

/** A score as a number whose law does not depend on the sizes: like a chi-square variable, or the square of a distance. */
function toScaled(method: DriftMethod, score: number, noise: number): number {
  if (method === "chi_square") return score;
  if (method === "psi") return score / noise;
  return (chiSquareScale[method] * score * score) / noise;
}

function fromScaled(method: DriftMethod, scaled: number, noise: number): number {
  if (method === "chi_square") return scaled;
  if (method === "psi") return scaled * noise;
  return Math.sqrt((scaled * noise) / chiSquareScale[method]);
}

function simulateTails(
  methods: readonly DriftMethod[],
  reference: DriftReference,
  rows: number,
  seed: number,
): ReadonlyMap<DriftMethod, SimulatedTail> {
  const simulated = methods.filter((method) => method !== "ks");
  const values = simulated.map(() => new Float64Array(simulatedWindows));
  const windowRows = Math.min(rows, maxSimulatedRows);
  const draws = createNullDraws(reference.counts, windowRows, seed);
  const noise = 1 / sumOf(reference.counts) + 1 / windowRows;
  for (let i = 0; i < simulatedWindows; i++) {
    const counts = draws.next();
    simulated.forEach((method, k) => {
      const column = values[k] as Float64Array; // one for each
      column[i] = toScaled(method, scoreOf(method, reference, counts), noise);
    });
  }
  return new Map(simulated.map((method, k) => [method, fitTail(values[k] as Float64Array)]));
}

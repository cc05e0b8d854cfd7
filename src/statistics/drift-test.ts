import { assert } from "../errors.ts";
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
import { createNullDraws, fitTail, type NullDraws, type SimulatedTail } from "./null-simulation.ts";

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
 * simulation serves every window of at least that size, and every reference with the same shares and at least as many rows.
 */
export class DriftTest {
  readonly methods: readonly DriftMethod[];
  readonly reference: DriftReference;
  readonly #referenceRows: number;
  readonly #degreesOfFreedom: number;
  readonly #leastRows: number;
  readonly #seed: number;
  /** In the making; undefined before and after. */
  #simulation: Simulation | undefined;
  #tails: ReadonlyMap<DriftMethod, SimulatedTail> | undefined;
  /** Critical values of the laws in the limit at the probability asked for last. */
  #limits = { alpha: Number.NaN, chiSquare: Number.NaN, kolmogorov: Number.NaN };

  /** @param leastRows of a window. The laws are there once {@link prepare} has said so. */
  constructor(reference: DriftReference, methods: readonly DriftMethod[], leastRows: number, seed: number) {
    this.reference = reference;
    this.#referenceRows = sumOf(reference.counts);
    this.#degreesOfFreedom = reference.counts.length - 1;
    this.methods = methods.filter((method) => isApplicable(method, reference.positions !== undefined));
    this.#leastRows = leastRows;
    this.#seed = seed;
  }

  /**
   * Simulates up to so many windows more, some microseconds each, so that the work can be done in slices.
   * @returns whether the laws are there
   */
  prepare(windows = Number.POSITIVE_INFINITY): boolean {
    if (this.#tails !== undefined) return true;
    this.#simulation ??= new Simulation(this.methods, this.reference, this.#leastRows, this.#seed);
    if (!this.#simulation.run(windows)) return false;
    this.#tails = this.#simulation.tails();
    this.#simulation = undefined;
    return true;
  }

  /**
   * How far a window is from the reference, or from another one with the same groups.
   * @param counts one for each group; NaN for an empty window
   */
  score(method: DriftMethod, counts: ArrayLike<number>, against: ArrayLike<number> = this.reference.counts): number {
    return scoreOf(method, this.reference, against, counts);
  }

  /** The score that a window of `rows` rows exceeds by chance with this probability. */
  critical(method: DriftMethod, alpha: number, rows: number, referenceRows = this.#referenceRows): number {
    const noise = noiseOf(rows, referenceRows);
    const { chiSquare, kolmogorov } = this.#limitsAt(alpha);
    if (method === "ks") return kolmogorov * Math.sqrt(noise);
    const limit = hasLimit(method) ? chiSquare : 0;
    return fromScaled(method, Math.max(this.#tail(method).quantile(alpha), limit), noise);
  }

  /** Probability of a score of at least so much by chance, in a window of `rows` rows. */
  pValue(method: DriftMethod, score: number, rows: number, referenceRows = this.#referenceRows): number {
    if (Number.isNaN(score)) return Number.NaN;
    const noise = noiseOf(rows, referenceRows);
    if (method === "ks") return kolmogorovTail(score / Math.sqrt(noise));
    const scaled = toScaled(method, score, noise);
    const limit = hasLimit(method) ? chiSquareTail(scaled, this.#degreesOfFreedom) : 0;
    return Math.max(this.#tail(method).tail(scaled), limit);
  }

  /** The score from which a difference matters, from the threshold as it is configured: for chi-square that is Cohen's w. */
  effectThreshold(method: DriftMethod, threshold: number, rows: number, referenceRows = this.#referenceRows): number {
    return method === "chi_square" ? threshold ** 2 / noiseOf(rows, referenceRows) : threshold;
  }

  /** The same probability is asked for with every window, and the quantiles are found by many steps. */
  #limitsAt(alpha: number): { readonly chiSquare: number; readonly kolmogorov: number } {
    if (alpha !== this.#limits.alpha) {
      const chiSquare = chiSquareQuantile(alpha, this.#degreesOfFreedom);
      this.#limits = { alpha, chiSquare, kolmogorov: kolmogorovCritical(alpha) };
    }
    return this.#limits;
  }

  #tail(method: DriftMethod): SimulatedTail {
    const tail = this.#tails?.get(method);
    assert(tail !== undefined, `the law of ${method} was asked for before it was prepared`);
    return tail;
  }
}

/** Variance of the difference of two shares, but for the shares themselves. */
function noiseOf(rows: number, referenceRows: number): number {
  return 1 / referenceRows + 1 / rows;
}

function hasLimit(method: DriftMethod): boolean {
  return method === "psi" || method === "js" || method === "chi_square" || method === "hellinger";
}

function scoreOf(
  method: DriftMethod,
  { positions, scale = 1 }: DriftReference,
  expected: ArrayLike<number>,
  counts: ArrayLike<number>,
): number {
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

/** Scores of windows without drift, in the making. */
class Simulation {
  readonly #methods: readonly DriftMethod[];
  readonly #reference: DriftReference;
  readonly #values: readonly Float64Array[];
  readonly #noise: number;
  readonly #draws: NullDraws;
  #done = 0;

  constructor(methods: readonly DriftMethod[], reference: DriftReference, leastRows: number, seed: number) {
    this.#methods = methods.filter((method) => method !== "ks");
    this.#reference = reference;
    this.#values = this.#methods.map(() => new Float64Array(simulatedWindows));
    const rows = Math.min(leastRows, maxSimulatedRows);
    this.#noise = noiseOf(rows, sumOf(reference.counts));
    this.#draws = createNullDraws(reference.counts, rows, seed);
  }

  /** Returns whether all windows are drawn. */
  run(windows: number): boolean {
    const end = this.#methods.length === 0 ? simulatedWindows : Math.min(simulatedWindows, this.#done + windows);
    for (; this.#done < end && this.#methods.length > 0; this.#done++) {
      const counts = this.#draws.next();
      this.#methods.forEach((method, k) => {
        const score = scoreOf(method, this.#reference, this.#reference.counts, counts);
        const column = this.#values[k] as Float64Array; // one for each
        column[this.#done] = toScaled(method, score, this.#noise);
      });
    }
    return end === simulatedWindows;
  }

  tails(): ReadonlyMap<DriftMethod, SimulatedTail> {
    return new Map(this.#methods.map((method, k) => [method, fitTail(this.#values[k] as Float64Array)])); // one for each
  }
}

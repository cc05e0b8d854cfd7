import { equalMassEdges } from "./equal-mass-edges.ts";
import { largestSummedNumber } from "./numeric-histogram.ts";
import { QuantileSketch, type WeightedValues, weightedQuantile } from "./quantile-sketch.ts";

/** The distribution of a number, with the field names of sluice.model.v1.NumericProfile, so that it is one as it stands. */
export interface NumericSummary {
  readonly edges: readonly number[];
  readonly counts: readonly number[];
  readonly underflow_count: number;
  readonly overflow_count: number;
  readonly null_count: number;
  readonly infinite_count: number;
  readonly count: number;
  readonly mean: number;
  readonly m2: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly quantiles: readonly { readonly probability: number; readonly value: number }[];
}

/** As {@link NumericSummary}, of sluice.model.v1.CategoricalProfile. */
export interface CategoricalSummary {
  readonly categories: readonly { readonly text?: string; readonly code?: number; readonly count: number }[];
  readonly other_count: number;
  readonly null_count: number;
}

/** The quantiles that a summary tells. */
const toldProbabilities = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99] as const;

/**
 * What the values of a number are like, seen once, in bounded memory: moments exactly, quantiles and so the edges by a
 * {@link QuantileSketch}. Counts of bins are those of the sketch: exact for as many values as it keeps, within its error beyond.
 */
export class NumberSketch {
  readonly #sketch: QuantileSketch;
  #missing = 0;
  #infinite = 0;
  #count = 0;
  #mean = 0;
  #m2 = 0;
  #minimum = Number.POSITIVE_INFINITY;
  #maximum = Number.NEGATIVE_INFINITY;

  constructor(seed = 1) {
    this.#sketch = new QuantileSketch(seed);
  }

  /** Finite values seen so far. */
  get count(): number {
    return this.#count;
  }

  /** Adds a value; NaN is a missing one, and one beyond {@link largestSummedNumber} infinite. */
  add(value: number): void {
    if (!(Math.abs(value) <= largestSummedNumber)) {
      if (Number.isNaN(value)) this.#missing++;
      else this.#infinite++;
      return;
    }
    this.#sketch.add(value);
    this.#count++;
    const delta = value - this.#mean;
    this.#mean += delta / this.#count;
    this.#m2 += delta * (value - this.#mean);
    this.#minimum = Math.min(this.#minimum, value);
    this.#maximum = Math.max(this.#maximum, value);
  }

  /** Undefined without a finite value. @param bins of equal mass; numbers with few values have one bin each */
  summarize(bins: number): NumericSummary | undefined {
    if (this.#count === 0) return undefined;
    const weighted = this.#sketch.weighted();
    const edges = equalMassEdges(weighted, this.#minimum, this.#maximum, bins);
    return {
      edges: [...edges],
      counts: binWeights(weighted, edges),
      underflow_count: 0,
      overflow_count: 0,
      null_count: this.#missing,
      infinite_count: this.#infinite,
      count: this.#count,
      mean: this.#mean,
      m2: this.#m2,
      minimum: this.#minimum,
      maximum: this.#maximum,
      quantiles: toldProbabilities.map((probability) => ({
        probability,
        value: weightedQuantile(weighted, probability),
      })),
    };
  }
}

/** How much weight lies in each bin; everything lies within the edges. */
function binWeights({ values, weights }: WeightedValues, edges: readonly number[]): readonly number[] {
  const counts = new Array<number>(edges.length - 1).fill(0);
  let bin = 0;
  for (let i = 0; i < values.length; i++) {
    while (bin < counts.length - 1 && (values[i] as number) >= (edges[bin + 1] as number)) bin++;
    counts[bin] = (counts[bin] as number) + (weights[i] as number); // bin is below length
  }
  return counts;
}

/** A category: a text, or an integer that fits a double. */
export type CategoryValue = string | number;

/** Most categories that a summary tells apart; the others are counted together. */
export const maxCategories = 1000;

/** Values that are counted one by one before those that are new are counted together. */
const maxTrackedCategories = 10_000;

/**
 * How often each of several values occurred, seen once, in bounded memory: a value that is not among the first ten thousand different ones
 * counts as another one.
 */
export class CategorySketch {
  readonly #counts = new Map<CategoryValue, number>();
  #other = 0;
  #missing = 0;

  /** Adds a value; undefined and an empty text are missing ones, and a number that is no integer within 2^53 is one of the others. */
  add(value: CategoryValue | undefined): void {
    if (value === undefined || value === "") {
      this.#missing++;
      return;
    }
    if (typeof value === "number" && !Number.isSafeInteger(value)) {
      this.#other++;
      return;
    }
    const count = this.#counts.get(value);
    if (count === undefined && this.#counts.size >= maxTrackedCategories) this.#other++;
    else this.#counts.set(value, (count ?? 0) + 1);
  }

  /** Adds a value of which only is known that it is none of the others. */
  addOther(): void {
    this.#other++;
  }

  /** Different values that were counted one by one. */
  get size(): number {
    return this.#counts.size;
  }

  /** Undefined without a value. @param most categories to tell apart: the most frequent ones, in the order of their values */
  summarize(most = maxCategories): CategoricalSummary | undefined {
    if (this.#counts.size === 0) return undefined;
    const byCount = [...this.#counts].sort(([a, n], [b, m]) => m - n || compareValues(a, b));
    const kept = byCount.slice(0, most).sort(([a], [b]) => compareValues(a, b));
    const other = byCount.slice(most).reduce((sum, [, count]) => sum + count, this.#other);
    return {
      categories: kept.map(([value, count]) =>
        typeof value === "string" ? { text: value, count } : { code: value, count },
      ),
      other_count: other,
      null_count: this.#missing,
    };
  }
}

function compareValues(a: CategoryValue, b: CategoryValue): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a) < String(b) ? -1 : String(a) > String(b) ? 1 : 0;
}

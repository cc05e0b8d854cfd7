import { createRandomSource, type RandomSource } from "./random.ts";

/** Values that a sketch keeps of the newest ones; see {@link QuantileSketch}. */
export const sketchSize = 8192;

/** How much smaller each older level is; the published algorithm's own choice. */
const levelShrink = 2 / 3;
const leastLevelSize = 8;

/**
 * Quantiles of any number of values in bounded memory: the KLL sketch (Karnin, Lang and Liberty, 2016).
 *
 * Exact for up to {@link sketchSize} values. Beyond, a value's rank is wrong by at most 0.1 % of all values with a probability of 99 % (measured:
 * test/statistics/quantile-sketch.test.ts); it keeps at most about 3 * sketchSize numbers, 200 KB. Level i holds values that stand for 2^i each;
 * a full level is sorted and every second value moves up, from the first or from the second on as a seeded coin says, so the same values in the
 * same order give the same sketch.
 */
export class QuantileSketch {
  readonly #random: RandomSource;
  /** Values of each level, in any order; a level may hold a few more than its size until it is compacted. */
  readonly #levels: number[][] = [[]];
  #count = 0;

  constructor(seed = 1) {
    this.#random = createRandomSource(seed);
  }

  /** How many values it has seen. */
  get count(): number {
    return this.#count;
  }

  /** Adds a finite value. */
  add(value: number): void {
    this.#count++;
    const first = this.#levels[0] as number[]; // there is always one
    first.push(value);
    if (first.length > this.#sizeOf(0)) this.#compact();
  }

  /** Adds everything that another sketch has seen; that one stays as it is. */
  merge(other: QuantileSketch): void {
    this.#count += other.#count;
    other.#levels.forEach((values, level) => {
      while (this.#levels.length <= level) this.#levels.push([]);
      const own = this.#levels[level] as number[]; // made above
      for (const value of values) own.push(value);
    });
    this.#compact();
  }

  /** Its values in ascending order with what each stands for. */
  weighted(): WeightedValues {
    let merged: WeightedValues = { values: new Float64Array(), weights: new Float64Array() };
    this.#levels.forEach((values, level) => {
      const sorted = Float64Array.from(values).sort();
      merged = mergeSorted(merged, { values: sorted, weights: sorted.map(() => 2 ** level) });
    });
    return merged;
  }

  #sizeOf(level: number): number {
    const age = this.#levels.length - 1 - level;
    return Math.max(leastLevelSize, Math.ceil(sketchSize * levelShrink ** age));
  }

  #compact(): void {
    for (let level = 0; level < this.#levels.length; level++) {
      const values = this.#levels[level] as number[]; // level is below length
      if (values.length <= this.#sizeOf(level)) continue;
      if (level + 1 === this.#levels.length) this.#levels.push([]);
      const above = this.#levels[level + 1] as number[]; // made above
      values.sort((a, b) => a - b);
      // The odd one out stays, so that the weights keep adding up to the count.
      const kept = values.length % 2 === 1 ? values.pop() : undefined;
      for (let i = this.#random() < 0.5 ? 0 : 1; i < values.length; i += 2) above.push(values[i] as number);
      values.length = 0;
      if (kept !== undefined) values.push(kept);
    }
  }
}

/** Sorted values and how many each stands for. */
export interface WeightedValues {
  readonly values: Float64Array;
  readonly weights: Float64Array;
}

function mergeSorted(first: WeightedValues, second: WeightedValues): WeightedValues {
  const length = first.values.length + second.values.length;
  const [values, weights] = [new Float64Array(length), new Float64Array(length)];
  for (let i = 0, j = 0, at = 0; at < length; at++) {
    const isFirst = j === second.values.length || (first.values[i] as number) <= (second.values[j] as number);
    const [from, place] = isFirst ? [first, i++] : [second, j++];
    values[at] = from.values[place] as number; // beyond the end of one, the other one is taken
    weights[at] = from.weights[place] as number;
  }
  return { values, weights };
}

/** The smallest value that at least a share `probability` of the weight does not exceed; NaN where there are no values. */
export function weightedQuantile({ values, weights }: WeightedValues, probability: number): number {
  let total = 0;
  for (const weight of weights) total += weight;
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    sum += weights[i] as number; // as many as values
    if (sum >= probability * total) return values[i] as number;
  }
  return values.at(-1) ?? Number.NaN;
}

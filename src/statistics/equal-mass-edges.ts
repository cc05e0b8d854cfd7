import type { WeightedValues } from "./quantile-sketch.ts";

/** Numbers with at most so many different values get a bin for each: counts and grades are numbers of this kind. */
const maxDiscreteValues = 20;

/**
 * Edges of bins with about the same weight. They lie in the middle between two values, so that a value that comes in another precision stays
 * in its bin. Where one value has more weight than a bin it gets one of its own, because zeros of an otherwise continuous number are a kind of
 * their own; where there are few values, each does.
 *
 * @param weighted at least one value
 * @param bins how many are wanted; there may be fewer, and more where values have bins of their own
 * @returns strictly ascending from the smallest to the largest value, at least two
 */
export function equalMassEdges(
  weighted: WeightedValues,
  minimum: number,
  maximum: number,
  bins: number,
): readonly number[] {
  const { values, weights } = distinctValues(weighted);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const mass = values.length <= maxDiscreteValues ? 0 : total / bins;
  const edges = [minimum];
  const cutBefore = (i: number) => {
    const edge = middle(values[i - 1] as number, values[i] as number); // both are below length
    if (edge > (edges.at(-1) as number) && edge < maximum) edges.push(edge);
  };
  let sum = 0;
  let next = mass;
  for (let i = 0; i < values.length; i++) {
    const weight = weights[i] as number; // one for each value
    const isAlone = weight > mass;
    if (isAlone && i > 0) cutBefore(i);
    sum += weight;
    if (i + 1 === values.length || !(isAlone || sum >= next)) continue;
    cutBefore(i + 1);
    next = (Math.floor(sum / mass) + 1) * mass;
  }
  edges.push(maximum > minimum ? maximum : nextUp(minimum));
  return edges;
}

/** Each different value once, with all of its weight. */
function distinctValues({ values, weights }: WeightedValues): {
  readonly values: number[];
  readonly weights: number[];
} {
  const distinct: { readonly values: number[]; readonly weights: number[] } = { values: [], weights: [] };
  for (let i = 0; i < values.length; i++) {
    const [value, weight] = [values[i] as number, weights[i] as number]; // i is below both lengths
    const last = distinct.values.length - 1;
    if (value === distinct.values[last]) distinct.weights[last] = (distinct.weights[last] as number) + weight;
    else {
      distinct.values.push(value);
      distinct.weights.push(weight);
    }
  }
  return distinct;
}

/** A number above the lower and at most the higher one, halfway where there is one. */
function middle(lower: number, higher: number): number {
  const between = lower + (higher - lower) / 2;
  return between > lower && Number.isFinite(between) ? between : higher;
}

/** A double a little above a finite one. */
function nextUp(value: number): number {
  return value + Math.max(Number.MIN_VALUE, Math.abs(value) * Number.EPSILON);
}

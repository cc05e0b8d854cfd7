import type { AnomalyKind } from "../monitor-report.ts";
import {
  markAbsent,
  markInfinite,
  markNan,
  markNull,
  markOk,
  markUnseen,
  type SampledRows,
  type Signal,
} from "./sampled-rows.ts";

/**
 * How many values of each signal there were, how many of them should not be, and the moments of the numbers. State, and algebra over it: one
 * row of {@link valueFields} numbers for each signal.
 */
export interface ValueCounts {
  readonly numbers: Float64Array;
  /** Rows counted. */
  rows: number;
}

/** Places in a signal's row of numbers. */
export const valueTotal = 0;
export const valueNull = 1;
export const valueNan = 2;
export const valueInfinite = 3;
export const valueOutOfRange = 4;
export const valueUnseen = 5;
/** Finite numbers, whose mean, sum of squared deviations and extremes follow. */
export const valueCount = 6;
export const valueMean = 7;
export const valueM2 = 8;
export const valueMinimum = 9;
export const valueMaximum = 10;

/** Numbers of a signal. */
export const valueFields = 11;

/** What may be wrong with a value, with its place. */
export const anomalyPlaces: readonly (readonly [kind: AnomalyKind, place: number])[] = [
  ["null", valueNull],
  ["nan", valueNan],
  ["inf", valueInfinite],
  ["out_of_range", valueOutOfRange],
  ["unseen_category", valueUnseen],
];

/** Empty counts of so many signals. */
export function createValueCounts(signals: number): ValueCounts {
  const numbers = new Float64Array(signals * valueFields);
  for (let start = 0; start < numbers.length; start += valueFields) {
    numbers[start + valueMinimum] = Number.POSITIVE_INFINITY;
    numbers[start + valueMaximum] = Number.NEGATIVE_INFINITY;
  }
  return { numbers, rows: 0 };
}

/** What counting needs to know of the signals of a layout, in arrays by their place. */
export interface ValueRules {
  readonly minimum: Float64Array;
  readonly maximum: Float64Array;
  /** 1: the signal is a category, whose values are no numbers. */
  readonly isCategory: Uint8Array;
}

/** The rules of a layout's signals. */
export function valueRules(signals: readonly Signal[]): ValueRules {
  return {
    minimum: Float64Array.from(signals, ({ minimum }) => minimum),
    maximum: Float64Array.from(signals, ({ maximum }) => maximum),
    isCategory: Uint8Array.from(signals, ({ kind }) => (kind === "categorical" ? 1 : 0)),
  };
}

/**
 * Counts the values of sampled rows.
 * @param total counts of all rows ever, in which only rows and what should not be are counted: nobody asks for its moments
 */
export function recordValues(
  counts: ValueCounts,
  total: ValueCounts,
  { count, width, values, marks }: SampledRows,
  rules: ValueRules,
): void {
  counts.rows += count;
  total.rows += count;
  for (let row = 0, at = 0; row < count; row++) {
    for (let index = 0; index < width; index++, at++) {
      const start = index * valueFields;
      const value = values[at] ?? Number.NaN;
      const mark = marks[at] ?? markAbsent;
      if (mark === markAbsent) continue;
      add(counts.numbers, start + valueTotal, 1);
      if (mark !== markOk) {
        add(counts.numbers, start + placeOfMark(mark), 1);
        add(total.numbers, start + placeOfMark(mark), 1);
      } else if (rules.isCategory[index] === 0) {
        recordNumber(counts.numbers, start, value);
        if (value >= (rules.minimum[index] ?? 0) && value <= (rules.maximum[index] ?? 0)) continue;
        add(counts.numbers, start + valueOutOfRange, 1);
        add(total.numbers, start + valueOutOfRange, 1);
      }
    }
  }
}

function recordNumber(numbers: Float64Array, start: number, value: number): void {
  const count = (numbers[start + valueCount] ?? 0) + 1;
  const mean = numbers[start + valueMean] ?? 0;
  const next = mean + (value - mean) / count;
  numbers[start + valueCount] = count;
  numbers[start + valueMean] = next;
  add(numbers, start + valueM2, (value - mean) * (value - next));
  if (value < (numbers[start + valueMinimum] ?? 0)) numbers[start + valueMinimum] = value;
  if (value > (numbers[start + valueMaximum] ?? 0)) numbers[start + valueMaximum] = value;
}

function placeOfMark(mark: number): number {
  if (mark === markNull) return valueNull;
  if (mark === markNan) return valueNan;
  if (mark === markInfinite) return valueInfinite;
  return mark === markUnseen ? valueUnseen : valueNull;
}

/** Adds what others of the same signals have counted. Moments go together by the parallel rule of Welford's sums (Chan, Golub and LeVeque). */
export function mergeValueCounts(into: ValueCounts, from: ValueCounts): void {
  into.rows += from.rows;
  for (let start = 0; start < into.numbers.length; start += valueFields) mergeSignal(into.numbers, from.numbers, start);
}

function mergeSignal(into: Float64Array, from: Float64Array, start: number): void {
  for (let field = valueTotal; field <= valueUnseen; field++) add(into, start + field, from[start + field] ?? 0);
  const added = from[start + valueCount] ?? 0;
  if (added === 0) return;
  const before = into[start + valueCount] ?? 0;
  const count = before + added;
  const delta = (from[start + valueMean] ?? 0) - (into[start + valueMean] ?? 0);
  into[start + valueCount] = count;
  add(into, start + valueMean, (delta * added) / count);
  add(into, start + valueM2, (from[start + valueM2] ?? 0) + (delta * delta * before * added) / count);
  into[start + valueMinimum] = Math.min(into[start + valueMinimum] ?? 0, from[start + valueMinimum] ?? 0);
  into[start + valueMaximum] = Math.max(into[start + valueMaximum] ?? 0, from[start + valueMaximum] ?? 0);
}

function add(numbers: Float64Array, place: number, amount: number): void {
  numbers[place] = (numbers[place] ?? 0) + amount;
}

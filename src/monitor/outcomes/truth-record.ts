import type { PredictionLayout, PreviousTruth } from "../prediction.ts";

/**
 * What was reported about each of a number of places: whether anything was, the truth and its weight. A truth is the index of a class, or as many
 * numbers as the layout of a regression has.
 */
export interface TruthRecord {
  /** 1: there is a truth. */
  readonly isKnown: Uint8Array;
  readonly weights: Float64Array;
  /** Times of the predictions that they were recorded under, epoch milliseconds. */
  readonly times: Float64Array;
  /** Of classes; empty for a regression. */
  readonly classes: Int32Array;
  /** Of a regression, `width` numbers a place; empty for classes. */
  readonly values: Float64Array;
}

/** Bytes of one place. */
export function truthBytes({ task, width }: PredictionLayout): number {
  return 1 + 8 + 8 + (task === "regression" ? 8 * width : 4);
}

/** Nothing known of any place. */
export function createTruthRecord({ task, width }: PredictionLayout, places: number): TruthRecord {
  const isRegression = task === "regression";
  return {
    isKnown: new Uint8Array(places),
    weights: new Float64Array(places),
    times: new Float64Array(places),
    classes: new Int32Array(isRegression ? 0 : places),
    values: new Float64Array(isRegression ? places * width : 0),
  };
}

/** Keeps a truth; the one before is gone. */
export function recordTruth(record: TruthRecord, place: number, { truth, weight, atMs }: PreviousTruth): void {
  record.isKnown[place] = 1;
  record.weights[place] = weight;
  record.times[place] = atMs;
  if (typeof truth === "number") record.classes[place] = truth;
  else record.values.set(truth, place * truth.length);
}

/** Forgets the truth of a place. */
export function clearTruth(record: TruthRecord, place: number): void {
  record.isKnown[place] = 0;
}

/** What is known of a place, as a copy; undefined: nothing. */
export function readTruth(
  record: TruthRecord,
  { task, width }: PredictionLayout,
  place: number,
): PreviousTruth | undefined {
  if (record.isKnown[place] !== 1) return undefined;
  const weight = record.weights[place] ?? Number.NaN;
  const atMs = record.times[place] ?? Number.NaN;
  if (task !== "regression") return { truth: record.classes[place] ?? -1, weight, atMs };
  return { truth: record.values.slice(place * width, (place + 1) * width), weight, atMs };
}

import type { SignalRole } from "../../model/package-messages.ts";

/**
 * What a value of a sampled row is; anything but `markOk` has no meaning as a number. A category's number is its index in the reference.
 */
export const markOk = 0;
/** The input was left out, or the text is empty. */
export const markNull = 1;
export const markNan = 2;
export const markInfinite = 3;
/** A category that the reference does not know. */
export const markUnseen = 4;
/** The answer does not have the output, because it was not asked for: no value at all, and nothing wrong with it. */
export const markAbsent = 5;

/** What is made of a tensor with too many columns: a number about all of them. */
export const tensorStatistics = ["mean", "deviation", "minimum", "maximum", "zeros"] as const;

export type TensorStatistic = (typeof tensorStatistics)[number];

/** One number or category that every row has: a column of an input or output, or a statistic over all columns of one. */
export interface Signal {
  /** Unique in the layout. */
  readonly name: string;
  readonly role: SignalRole;
  /** Name of the tensor. */
  readonly tensor: string;
  /** Column of the tensor seen as [rows, columns]; 0 for a statistic. */
  readonly column: number;
  readonly datatype: string;
  readonly kind: "numeric" | "categorical" | "score";
  /** Known values of a categorical signal: texts, or integers in decimal. A value's number is its index here; empty: none are known. */
  readonly categories: readonly string[];
  /** Values outside are out of range. */
  readonly minimum: number;
  readonly maximum: number;
  /** Absent: the value of the column. */
  readonly statistic?: TensorStatistic;
}

/** The signals of a row, in the order of its values: inputs first. */
export interface SignalLayout {
  readonly signals: readonly Signal[];
  /** How many of them are inputs. */
  readonly inputCount: number;
  /** What is left out and why; empty: nothing. */
  readonly note: string;
}

/** Sampled rows of one answered request. One object that is filled anew each time; whoever keeps something copies. */
export interface SampledRows {
  /** Rows; the arrays are longer. */
  readonly count: number;
  /** Values of a row: the signals of the layout. */
  readonly width: number;
  /** `count * width` values, row by row. */
  readonly values: Float64Array;
  /** What each value is, see {@link markOk}. */
  readonly marks: Uint8Array;
  /** Epoch milliseconds of the answer. */
  readonly atMs: number;
}

import type { Datatype } from "../tensor.ts";
import type { NumericArray } from "../typed-arrays.ts";

/**
 * Tables as files hold them, read in bounded memory: the rows come in batches, the columns in groups of the caller's choice.
 */

/** The forms of a table file. */
export const tableFormats = ["csv", "jsonl", "npy", "parquet"] as const;
export type TableFormat = (typeof tableFormats)[number];

/** A column as it was found; its datatype is what its first rows (text) or the file's own description (binary) say. */
export interface TableColumn {
  /** Empty where the file gives none: an NPY array, JSON lines that are lists. */
  readonly name: string;
  readonly datatype: Datatype;
  /** Shape of the value in one row; empty for a single value. */
  readonly shape: readonly number[];
}

/** Columns that are read side by side into one row-major array of one datatype: a feature matrix, or a single column. */
export interface ColumnGroup {
  /** Indices into the table's columns, in the order wanted. */
  readonly columns: readonly number[];
  /** What every value becomes; one that cannot is an error. */
  readonly datatype: Datatype;
}

/**
 * The values of a group: rows times the elements of all its columns. A typed array of the datatype's own class, BOOL as one byte each, BYTES
 * as text (or bytes, where a file's are no UTF-8).
 */
export type GroupValues = NumericArray | readonly (string | Uint8Array)[];

/** Where a batch begins or ends, so that reading can go on from there another time. Plain data, safe to store. */
export interface TablePosition {
  /** Rows before it. */
  readonly row: number;
  /** Offset in the file of text formats; 0 in others, which find a row by its number. */
  readonly byte: number;
  /** Line of the file at that offset, from 1, for messages; 0 where there are no lines. */
  readonly line: number;
}

export const tableStart: TablePosition = { row: 0, byte: 0, line: 0 };

/** A run of rows. Owned by whoever took it. */
export interface TableBatch {
  /** Rows of the table before this batch. */
  readonly firstRow: number;
  readonly rowCount: number;
  /** One entry for each group asked for. */
  readonly groups: readonly GroupValues[];
  /** Where the next batch begins. */
  readonly end: TablePosition;
}

/** What is read of a table. */
export interface TableReading {
  readonly groups: readonly ColumnGroup[];
  /** Most rows of a batch; batches are shorter at the end of the table and at the end of a Parquet row group only. */
  readonly rowsPerBatch: number;
  /** Absent: from the first row. */
  readonly from?: TablePosition;
}

/** An opened table. Standard input can be read once, a file any number of times. */
export interface Table {
  /** The file's name for messages. */
  readonly name: string;
  readonly format: TableFormat;
  readonly columns: readonly TableColumn[];
  /** Undefined: only the end of the file will tell. */
  readonly rowCount: number | undefined;
  /** Size of the file; undefined for standard input. */
  readonly byteLength: number | undefined;
  /** @throws InferenceError "invalid" naming file, row or line, column and value where something is not as it must be. */
  read(reading: TableReading): AsyncGenerator<TableBatch, void, undefined>;
}

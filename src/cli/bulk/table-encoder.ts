import type { TableColumn } from "../../training/table.ts";

/** One element as answers and tables have it; BOOL may also be 0 or 1. */
export type OutputElement = number | bigint | boolean | string | Uint8Array;

/** Rows for the output: for each of its columns the elements of all rows, row by row. */
export interface OutputRows {
  readonly rowCount: number;
  readonly values: readonly ArrayLike<OutputElement>[];
}

/**
 * Makes the bytes of a table file piece by piece. The bytes depend on the rows and on how they were cut into `add` calls, on nothing else, so
 * that a run that was interrupted and continued gives the same file.
 */
export interface TableEncoder {
  /** The file's first bytes. */
  begin(): Uint8Array;
  /** Takes rows; the bytes that can be written now, none while they are still collected. */
  add(rows: OutputRows): Uint8Array;
  /** Rows taken that are not among the bytes given out. The file can be continued after a kill only where there are none. */
  readonly pendingRows: number;
  /** What has to be known, beside the bytes, to continue behind what was given out since the last call; JSON. Undefined: nothing. */
  takeState(): unknown;
  /** The file's last bytes. */
  end(): Uint8Array;
  /** Bytes to put over the file's first ones when the number of rows is known; undefined: none. */
  finalHead(rowCount: number): Uint8Array | undefined;
}

/** An output column with its name in a format without lists: `probabilities_0`, `probabilities_1`, ... for a list of several. */
export function flatNames({ name, shape }: TableColumn): readonly string[] {
  const width = shape.reduce((product, dimension) => product * dimension, 1);
  if (shape.length === 0 || width === 1) return [name];
  return Array.from({ length: width }, (_, i) => `${name}_${i}`);
}

/** Elements of one row of a column. */
export function rowWidth({ shape }: TableColumn): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

/** No bytes. */
export const noBytes = new Uint8Array(0);

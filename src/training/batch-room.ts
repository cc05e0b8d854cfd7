import { elementCount } from "../tensor.ts";
import { createValueArray, type ValueArray } from "./cell-values.ts";
import type { ColumnGroup, GroupValues, TableBatch, TableColumn } from "./table.ts";

/** A group of columns with room for the rows of a batch. */
export interface GroupRoom {
  readonly group: ColumnGroup;
  /** Elements of one row. */
  readonly width: number;
  readonly array: ValueArray;
}

/** Elements of one row of a group. */
export function groupWidth(group: ColumnGroup, columns: readonly TableColumn[]): number {
  return group.columns.reduce((sum, index) => sum + elementCount(columns[index]?.shape ?? []), 0);
}

/** A range of values; numbers are a view. */
export function sliceValues(values: GroupValues, start: number, end: number): GroupValues {
  return isTypedArray(values) ? values.subarray(start, end) : values.slice(start, end);
}

function isTypedArray(values: GroupValues): values is Exclude<GroupValues, readonly unknown[]> {
  return ArrayBuffer.isView(values);
}

/** Collects the rows of one batch after another. Whoever fills in a row counts it. */
export class BatchRoom {
  readonly #groups: readonly ColumnGroup[];
  readonly #columns: readonly TableColumn[];
  readonly #rowsPerBatch: number;
  #firstRow: number;
  #rooms: readonly GroupRoom[];
  /** Rows filled in. */
  rows = 0;

  /** @param firstRow rows of the table before the first batch. */
  constructor(groups: readonly ColumnGroup[], columns: readonly TableColumn[], rowsPerBatch: number, firstRow: number) {
    this.#groups = groups;
    this.#columns = columns;
    this.#rowsPerBatch = rowsPerBatch;
    this.#firstRow = firstRow;
    this.#rooms = this.#newRooms();
  }

  /** Where the values of the next row go. */
  get rooms(): readonly GroupRoom[] {
    return this.#rooms;
  }

  get isFull(): boolean {
    return this.rows === this.#rowsPerBatch;
  }

  /** The rows so far as a batch that ends at a place of the file, and room for the next one. */
  take(endByte: number, endLine: number): TableBatch {
    const firstRow = this.#firstRow;
    const rowCount = this.rows;
    const groups = this.#rooms.map(({ array: { values }, width }) => sliceValues(values, 0, rowCount * width));
    this.#firstRow += rowCount;
    this.rows = 0;
    this.#rooms = this.#newRooms();
    return { firstRow, rowCount, groups, end: { row: this.#firstRow, byte: endByte, line: endLine } };
  }

  #newRooms(): readonly GroupRoom[] {
    return this.#groups.map((group) => {
      const width = groupWidth(group, this.#columns);
      return { group, width, array: createValueArray(group.datatype, this.#rowsPerBatch * width) };
    });
  }
}

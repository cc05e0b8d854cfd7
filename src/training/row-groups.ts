import { elementCount } from "../tensor.ts";
import { createValueArray, type ValueArray } from "./cell-values.ts";
import type { ColumnGroup, GroupValues, TableColumn } from "./table.ts";

/** A group of columns with room for the rows of a batch. */
export interface GroupRoom {
  readonly group: ColumnGroup;
  /** Elements of one row. */
  readonly width: number;
  readonly array: ValueArray;
}

/** Room for so many rows of each group. */
export function createRooms(
  groups: readonly ColumnGroup[],
  columns: readonly TableColumn[],
  rows: number,
): readonly GroupRoom[] {
  return groups.map((group) => {
    const width = groupWidth(group, columns);
    return { group, width, array: createValueArray(group.datatype, rows * width) };
  });
}

/** Elements of one row of a group. */
export function groupWidth(group: ColumnGroup, columns: readonly TableColumn[]): number {
  return group.columns.reduce((sum, index) => sum + elementCount(columns[index]?.shape ?? []), 0);
}

/** What was filled in of rooms that may hold more rows. */
export function filledGroups(rooms: readonly GroupRoom[], rows: number): readonly GroupValues[] {
  return rooms.map(({ array: { values }, width }) => sliceValues(values, 0, rows * width));
}

/** A range of values; numbers are a view. */
export function sliceValues(values: GroupValues, start: number, end: number): GroupValues {
  return isTypedArray(values) ? values.subarray(start, end) : values.slice(start, end);
}

function isTypedArray(values: GroupValues): values is Exclude<GroupValues, readonly unknown[]> {
  return ArrayBuffer.isView(values);
}

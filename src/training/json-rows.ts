import type { InferenceError } from "../errors.ts";
import { type Datatype, elementCount } from "../tensor.ts";
import { BatchRoom, type GroupRoom } from "./batch-room.ts";
import { createValueArray, type ValueArray } from "./cell-values.ts";
import { datatypeOfValues } from "./column-types.ts";
import { asObject } from "./json-values.ts";
import { type Table, type TableColumn, tableStart } from "./table.ts";
import { tableError, valueError } from "./table-error.ts";

/** A row as JSON has it, and where it stands. */
export interface JsonRow {
  readonly value: unknown;
  /** `line 7`, `element 3`. */
  readonly place: string;
}

/**
 * The columns of rows that are objects, by the keys of the first one; or one column without a name where the rows are lists or single values.
 * A column of lists has the shape of its first list.
 * @throws InferenceError "invalid" for a row that is not of the kind of the first one
 */
export function columnsOfRows(file: string, rows: readonly JsonRow[]): readonly TableColumn[] {
  const first = asObject(rows[0]?.value);
  if (first === undefined) {
    return [
      columnOf(
        "",
        rows.map(({ value }) => value),
      ),
    ];
  }
  const names = Object.keys(first);
  const objects = rows.map((row) => objectOf(file, row, names));
  return names.map((name) =>
    columnOf(
      name,
      objects.map((object) => object[name]),
    ),
  );
}

function columnOf(name: string, values: readonly unknown[]): TableColumn {
  const shape: number[] = [];
  for (let inner = values.find((value) => value !== null); Array.isArray(inner); inner = inner[0]) {
    shape.push(inner.length);
  }
  return {
    name,
    datatype: datatypeOfValues(shape.length === 0 ? values : values.flat(Number.POSITIVE_INFINITY)),
    shape,
  };
}

/** The object of a row, with exactly these keys. */
function objectOf(
  file: string,
  { value, place }: JsonRow,
  names: readonly string[],
): Readonly<Record<string, unknown>> {
  const object = asObject(value);
  if (object === undefined) throw tableError(file, place, "expected an object like the first one");
  const keys = Object.keys(object);
  const surplus = keys.find((key) => !names.includes(key));
  if (surplus !== undefined) throw tableError(file, place, `'${surplus}' is not among the keys of the first object`);
  if (keys.length === names.length) return object;
  const missing = names.find((name) => !Object.hasOwn(object, name));
  throw tableError(file, place, `'${missing}' is missing`);
}

/** Puts rows of JSON into the room of a batch. */
export class JsonRowFiller {
  readonly #file: string;
  readonly #columns: readonly TableColumn[];
  readonly #names: ReadonlySet<string>;
  readonly #isNamed: boolean;

  constructor(file: string, columns: readonly TableColumn[]) {
    this.#file = file;
    this.#columns = columns;
    this.#names = new Set(columns.map(({ name }) => name));
    this.#isNamed = columns[0]?.name !== "" || columns.length > 1;
  }

  /** @throws InferenceError "invalid" naming place, column and value. */
  fill(rooms: readonly GroupRoom[], row: number, from: JsonRow): void {
    const object = this.#isNamed ? this.#object(from) : undefined;
    for (const { group, width, array } of rooms) {
      let at = row * width;
      for (const index of group.columns) {
        const column = this.#columns[index] as TableColumn; // groups name columns of this table
        const value = object === undefined ? from.value : object[column.name];
        if (!storeCell(array, at, value, column.shape)) {
          throw cellError(this.#file, from.place, column, value, group.datatype);
        }
        at += elementCount(column.shape);
      }
    }
  }

  #object(row: JsonRow): Readonly<Record<string, unknown>> {
    const object = asObject(row.value);
    let known = 0;
    for (const key in object) if (this.#names.has(key)) known++;
    const isExact = object !== undefined && known === this.#names.size && Object.keys(object).length === known;
    return isExact ? object : objectOf(this.#file, row, [...this.#names]);
  }
}

/**
 * Why {@link storeCell} could not store the value of a column.
 * @param datatype what it was to become
 */
export function cellError(
  file: string,
  place: string,
  { name, shape }: TableColumn,
  value: unknown,
  datatype: Datatype,
): InferenceError {
  const found = mismatch(value, shape, 0, createValueArray(datatype, 1));
  if (typeof found !== "string") return valueError(file, place, name, found?.leaf, datatype);
  return tableError(file, place, `${name === "" ? "the value" : `column '${name}'`} has ${found}`);
}

/** Stores the value that a column has in one row, or the leaves of its list, from an index on; false where something does not fit. */
export function storeCell(array: ValueArray, at: number, value: unknown, shape: readonly number[]): boolean {
  return shape.length === 0 ? array.setValue(at, value) : store(array, at, value, shape, 0);
}

function store(array: ValueArray, at: number, value: unknown, shape: readonly number[], depth: number): boolean {
  const length = shape[depth];
  if (length === undefined) return array.setValue(at, value);
  if (!Array.isArray(value) || value.length !== length) return false;
  const width = elementCount(shape.slice(depth + 1));
  for (let i = 0; i < length; i++) {
    const isStored =
      depth + 1 === shape.length
        ? array.setValue(at + i, value[i])
        : store(array, at + i * width, value[i], shape, depth + 1);
    if (!isStored) return false;
  }
  return true;
}

/** What {@link storeCell} stumbled over: a list of another length in words, or the leaf that is no value of the datatype. */
function mismatch(
  value: unknown,
  shape: readonly number[],
  depth: number,
  trial: ValueArray,
): string | { readonly leaf: unknown } | undefined {
  const length = shape[depth];
  if (length === undefined) return trial.setValue(0, value) ? undefined : { leaf: value };
  if (!Array.isArray(value)) return `a value where a list of ${length} is expected`;
  if (value.length !== length) return `a list of ${value.length} where its neighbours are lists of ${length}`;
  for (const item of value) {
    const found = mismatch(item, shape, depth + 1, trial);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Rows that lie in memory already, such as the elements of a JSON list, as a table. */
export function openJsonRows(file: string, rows: readonly JsonRow[]): Table {
  const columns = columnsOfRows(file, rows);
  return {
    name: file,
    format: "jsonl",
    columns,
    rowCount: rows.length,
    byteLength: undefined,
    async *read({ groups, rowsPerBatch, from = tableStart }) {
      const filler = new JsonRowFiller(file, columns);
      const room = new BatchRoom(groups, columns, rowsPerBatch, from.row);
      for (const row of rows.slice(from.row)) {
        filler.fill(room.rooms, room.rows, row);
        room.rows++;
        if (room.isFull) yield room.take(0, 0);
      }
      if (room.rows > 0) yield room.take(0, 0);
    },
  };
}

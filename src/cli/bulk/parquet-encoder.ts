import { ByteWriter, type ColumnSource, ParquetWriter, type SchemaElement } from "hyparquet-writer";
import type { Datatype } from "../../tensor.ts";
import { asObject } from "../../training/json-values.ts";
import type { TableColumn } from "../../training/table.ts";
import { exactText, jsonElement } from "../tensor-text.ts";
import {
  flatNames,
  noBytes,
  type OutputElement,
  type OutputRows,
  rowWidth,
  type TableEncoder,
} from "./table-encoder.ts";

/** Rows that make a row group: what is asked again at most when a run is continued, and what a reader has to decode at a time. */
export const rowGroupRows = 10_000;

/** Values that make a row group of fewer rows, where a row has many. */
const rowGroupValues = 2_000_000;

/** How each datatype is stored; none is ever missing. */
const storage: Readonly<Record<Datatype, Omit<SchemaElement, "name">>> = {
  BOOL: { type: "BOOLEAN" },
  INT8: { type: "INT32", converted_type: "INT_8" },
  INT16: { type: "INT32", converted_type: "INT_16" },
  INT32: { type: "INT32" },
  INT64: { type: "INT64" },
  UINT8: { type: "INT32", converted_type: "UINT_8" },
  UINT16: { type: "INT32", converted_type: "UINT_16" },
  UINT32: { type: "INT32", converted_type: "UINT_32" },
  UINT64: { type: "INT64", converted_type: "UINT_64" },
  FP16: { type: "FIXED_LEN_BYTE_ARRAY", type_length: 2, logical_type: { type: "FLOAT16" } },
  FP32: { type: "FLOAT" },
  FP64: { type: "DOUBLE" },
  BYTES: { type: "BYTE_ARRAY", converted_type: "UTF8" },
};

/** What has to be known of a row group that is in the file already: its description, which the end of the file repeats. */
interface GroupState {
  readonly group: ParquetWriter["row_groups"][number];
  /** Bytes of the file up to its end. */
  readonly offset: number;
}

/** A Parquet file, row group by row group; columns of lists become one column for each element. */
export class ParquetEncoder implements TableEncoder {
  readonly #columns: readonly TableColumn[];
  readonly #bytes = new ByteWriter();
  readonly #writer: ParquetWriter;
  readonly #groupRows: number;
  #collected: OutputRows[] = [];
  #pendingRows = 0;
  #states: object[] = [];

  /** @param states what {@link takeState} has given in earlier runs, in order */
  constructor(columns: readonly TableColumn[], states: readonly unknown[]) {
    this.#columns = columns;
    const values = columns.reduce((sum, column) => sum + rowWidth(column), 0);
    this.#groupRows = Math.max(1, Math.min(rowGroupRows, Math.floor(rowGroupValues / values)));
    this.#writer = new ParquetWriter({
      writer: this.#bytes,
      schema: schemaOf(columns),
      statistics: false,
      createdBy: "sluice",
    });
    const groups = states.flatMap((state) => readState(state));
    if (groups.length === 0) return;
    this.#takeBytes(); // the file has its first ones
    this.#writer.row_groups = groups.map(({ group }) => group);
    this.#writer.num_rows = groups.reduce((sum, { group }) => sum + group.num_rows, 0n);
    this.#bytes.offset = groups.at(-1)?.offset ?? 0;
  }

  get pendingRows(): number {
    return this.#pendingRows;
  }

  begin(): Uint8Array {
    return this.#takeBytes();
  }

  add(rows: OutputRows): Uint8Array {
    this.#collected.push(rows);
    this.#pendingRows += rows.rowCount;
    return this.#pendingRows < this.#groupRows ? noBytes : this.#writeGroup();
  }

  takeState(): unknown {
    const states = this.#states;
    this.#states = [];
    return states.length === 0 ? undefined : states;
  }

  end(): Uint8Array {
    const rest = this.#pendingRows === 0 ? noBytes : this.#writeGroup();
    void this.#writer.finish(); // a ByteWriter finishes at once
    return Buffer.concat([rest, this.#takeBytes()]);
  }

  finalHead(): undefined {}

  #writeGroup(): Uint8Array {
    const columnData = this.#columns.flatMap((column, index) => this.#columnSources(column, index));
    void this.#writer.write({ columnData, rowGroupSize: this.#pendingRows }); // a ByteWriter never makes it wait
    this.#collected = [];
    this.#pendingRows = 0;
    const group = this.#writer.row_groups.at(-1);
    if (group !== undefined) this.#states.push(writeState({ group, offset: this.#bytes.offset }));
    return this.#takeBytes();
  }

  #columnSources(column: TableColumn, index: number): readonly ColumnSource[] {
    const width = rowWidth(column);
    return flatNames(column).map((name, element) => {
      const data: OutputElement[] = [];
      for (const { rowCount, values } of this.#collected) {
        const elements = values[index] ?? [];
        for (let row = 0; row < rowCount; row++) {
          data.push(storedValue(elements[row * width + element] ?? "", column.datatype));
        }
      }
      return { name, data: data as ColumnSource["data"], offsetIndex: false };
    });
  }

  #takeBytes(): Uint8Array {
    const bytes = this.#bytes.getBytes().slice();
    this.#bytes.index = 0;
    return bytes;
  }
}

function storedValue(value: OutputElement, datatype: Datatype): OutputElement {
  if (datatype === "BOOL") return Boolean(value);
  return datatype === "BYTES" ? exactText(jsonElement(value, datatype)) : value;
}

function schemaOf(columns: readonly TableColumn[]): SchemaElement[] {
  const leaves = columns.flatMap((column) =>
    flatNames(column).map(
      (name): SchemaElement => ({ name, repetition_type: "REQUIRED", ...storage[column.datatype] }),
    ),
  );
  return [{ name: "root", num_children: leaves.length }, ...leaves];
}

/** JSON has no bigint, which descriptions are full of. */
function writeState(state: GroupState): object {
  return JSON.parse(
    JSON.stringify(state, (_, value) => (typeof value === "bigint" ? { bigint: String(value) } : value)),
  );
}

function readState(states: unknown): readonly GroupState[] {
  return JSON.parse(JSON.stringify(states), (_, value) => {
    const bigint = asObject(value)?.bigint;
    return typeof bigint === "string" ? BigInt(bigint) : value;
  });
}

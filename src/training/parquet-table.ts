import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import {
  type AsyncBuffer,
  type Compressors,
  type DecodedArray,
  type FileMetaData,
  type ParquetParsers,
  parquetMetadataAsync,
  parquetScan,
  parquetSchema,
  type SchemaElement,
  type SchemaTree,
} from "hyparquet";
import type { Datatype } from "../tensor.ts";
import { elementCount } from "../tensor.ts";
import { BatchRoom, type GroupRoom } from "./batch-room.ts";
import type { ByteSource } from "./byte-source.ts";
import { cellError, columnsOfRows, storeCell } from "./json-rows.ts";
import { type Table, type TableBatch, type TableColumn, type TableReading, tableStart } from "./table.ts";
import { tableError } from "./table-error.ts";

/**
 * Largest row group, bytes after decompression, of the columns that are read: a row group is decoded as a whole. pyarrow's default of a million
 * rows stays below it up to some hundred columns of doubles.
 */
export const maxRowGroupBytes = 1024 ** 3;

/** Rows whose lists tell the shape of a column. */
const sampledListRows = 1;

const compressors: Compressors = {
  GZIP: (input) => gunzipSync(input),
  BROTLI: (input) => brotliDecompressSync(input),
  ZSTD: (input) => zstdDecompressSync(input),
};

const isoOf = (milliseconds: number): string => new Date(milliseconds).toISOString();

/** Points of time become text: the datatypes of tensors have no other form for them. */
const parsers: Partial<ParquetParsers> = {
  timestampFromMilliseconds: (value) => isoOf(Number(value)),
  timestampFromMicroseconds: (value) => withFraction(value, 1_000_000n, 6),
  timestampFromNanoseconds: (value) => withFraction(value, 1_000_000_000n, 9),
  dateFromDays: (days) => isoOf(days * 86_400_000).slice(0, 10),
  jsonFromBytes: (bytes) => bytes && Buffer.from(bytes).toString("utf8"),
};

/** An opened file. */
interface ParquetFile {
  readonly name: string;
  readonly buffer: AsyncBuffer;
  readonly metadata: FileMetaData;
  readonly columns: readonly TableColumn[];
}

/**
 * Opens a Parquet file.
 * @throws InferenceError "invalid" for a broken file, or a stream: the description of a Parquet file stands at its end
 */
export async function openParquetTable(source: ByteSource): Promise<Table> {
  const { name, byteLength } = source;
  const openRanges = source.open?.bind(source);
  if (openRanges === undefined || byteLength === undefined) {
    throw tableError(name, "", "Parquet cannot be read from a stream: name a file instead");
  }
  const buffer: AsyncBuffer = {
    byteLength,
    slice: async (start, end = byteLength) => {
      await using ranges = await openRanges();
      return arrayBufferOf(await ranges.read(start, end - start));
    },
  };
  const metadata = await within(name, "", () => parquetMetadataAsync(buffer));
  const file = { name, buffer, metadata, columns: [] };
  const columns = await describeColumns(file);
  return {
    name,
    format: "parquet",
    columns,
    rowCount: Number(metadata.num_rows),
    byteLength,
    read: (reading) => readBatches({ ...file, columns }, reading),
  };
}

function arrayBufferOf(bytes: Buffer): ArrayBuffer {
  const { buffer, byteOffset, byteLength } = bytes;
  if (byteOffset === 0 && byteLength === buffer.byteLength) return buffer as ArrayBuffer; // as below
  return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer; // what files are read into is never shared
}

async function within<T>(name: string, place: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error) || "code" in error || error.name === "InferenceError") throw error;
    throw tableError(name, place, error.message.replace(/^parquet /, ""), error);
  }
}

async function describeColumns(file: ParquetFile): Promise<readonly TableColumn[]> {
  const described: TableColumn[] = [];
  for (const tree of parquetSchema(file.metadata).children) described.push(await describeColumn(file, tree));
  return described;
}

/** A column by the schema; one of lists by its first row. */
async function describeColumn(file: ParquetFile, { element, children }: SchemaTree): Promise<TableColumn> {
  const { name } = element;
  if (children.length === 0) return { name, datatype: datatypeOf(element), shape: [] };
  const rows = Math.min(sampledListRows, Number(file.metadata.num_rows));
  const values = rows === 0 ? [] : await readColumn(file, name, 0, rows);
  const [column] = columnsOfRows(
    file.name,
    Array.from(values, (value) => ({ value: { [name]: value }, place: "row 0" })),
  );
  return column ?? { name, datatype: "BYTES", shape: [] };
}

function datatypeOf({ type, converted_type: converted, logical_type: logical }: SchemaElement): Datatype {
  if (logical?.type === "FLOAT16") return "FP16";
  if (converted === "DECIMAL" || logical?.type === "DECIMAL") return "FP64";
  const isTime = /^(DATE|TIMESTAMP|INT96)/.test(converted ?? logical?.type ?? type ?? "");
  if (isTime) return "BYTES";
  switch (type) {
    case "BOOLEAN":
      return "BOOL";
    case "FLOAT":
      return "FP32";
    case "DOUBLE":
      return "FP64";
    case "INT32":
    case "INT64":
      return integerDatatype(type === "INT32" ? 32 : 64, converted, logical);
    default:
      return "BYTES";
  }
}

function integerDatatype(
  bits: 32 | 64,
  converted: SchemaElement["converted_type"],
  logical: SchemaElement["logical_type"],
): Datatype {
  if (logical?.type === "INTEGER") return `${logical.isSigned ? "" : "U"}INT${logical.bitWidth}` as Datatype; // 8 to 64 bits
  const named = /^(U?INT)_(8|16|32|64)$/.exec(converted ?? "");
  return named === null ? `INT${bits}` : (`${named[1]}${named[2]}` as Datatype); // the pattern's names are datatypes
}

async function* readBatches(
  file: ParquetFile,
  { groups, rowsPerBatch, from = tableStart }: TableReading,
): AsyncGenerator<TableBatch, void, undefined> {
  const used = [...new Set(groups.flatMap(({ columns }) => columns))];
  let groupStart = 0;
  for (const [number, { num_rows, columns: chunks }] of file.metadata.row_groups.entries()) {
    const rows = Number(num_rows);
    const start = Math.max(0, from.row - groupStart);
    if (start < rows) {
      const names = new Set(used.map((index) => file.columns[index]?.name ?? ""));
      const bytes = chunks
        .filter(({ meta_data }) => names.has(meta_data?.path_in_schema[0] ?? ""))
        .reduce((sum, { meta_data }) => sum + Number(meta_data?.total_uncompressed_size ?? 0), 0);
      checkRowGroup(file.name, number, bytes);
      const decoded = new Map<number, DecodedArray>();
      for (const index of used) {
        const name = file.columns[index]?.name ?? "";
        decoded.set(index, await readColumn(file, name, groupStart, groupStart + rows));
      }
      yield* cutRowGroup(file, groups, rowsPerBatch, decoded, groupStart, start, rows);
    }
    groupStart += rows;
  }
}

function checkRowGroup(name: string, number: number, bytes: number): void {
  if (bytes <= maxRowGroupBytes) return;
  throw tableError(
    name,
    `row group ${number}`,
    `its columns take ${bytes} bytes in memory, at most ${maxRowGroupBytes} are allowed: write the file with smaller row groups (pyarrow: row_group_size)`,
  );
}

/** A column's values of rows that lie in one row group. */
async function readColumn(file: ParquetFile, column: string, rowStart: number, rowEnd: number): Promise<DecodedArray> {
  return await within(file.name, `column '${column}', rows from ${rowStart}`, async () => {
    const { buffer, metadata } = file;
    const scan = await parquetScan({
      file: buffer,
      metadata,
      columns: [column],
      rowStart,
      rowEnd,
      compressors,
      parsers,
    });
    return await scan.readColumn({ column, rowStart, rowEnd });
  });
}

function* cutRowGroup(
  file: ParquetFile,
  groups: TableReading["groups"],
  rowsPerBatch: number,
  decoded: ReadonlyMap<number, DecodedArray>,
  groupStart: number,
  start: number,
  rows: number,
): Generator<TableBatch, void, undefined> {
  const room = new BatchRoom(groups, file.columns, rowsPerBatch, groupStart + start);
  for (let first = start; first < rows; first += rowsPerBatch) {
    room.rows = Math.min(rowsPerBatch, rows - first);
    for (const group of room.rooms) fillGroup(file, group, decoded, groupStart, first, room.rows);
    yield room.take(0, 0);
  }
}

function fillGroup(
  file: ParquetFile,
  { group, width, array }: GroupRoom,
  decoded: ReadonlyMap<number, DecodedArray>,
  groupStart: number,
  first: number,
  rows: number,
): void {
  let offset = 0;
  for (const index of group.columns) {
    const column = file.columns[index] as TableColumn; // groups name columns of this table
    const values = decoded.get(index) ?? [];
    for (let row = 0; row < rows; row++) {
      const value: unknown = values[first + row] ?? null;
      if (storeCell(array, row * width + offset, value, column.shape)) continue;
      throw cellError(file.name, `row ${groupStart + first + row}`, column, value, group.datatype);
    }
    offset += elementCount(column.shape);
  }
}

/** A point of time with more digits of the second than a Date has. */
function withFraction(value: bigint, perSecond: bigint, digits: number): string {
  const fraction = ((value % perSecond) + perSecond) % perSecond;
  const seconds = (value - fraction) / perSecond;
  return `${isoOf(Number(seconds) * 1000).slice(0, 19)}.${String(fraction).padStart(digits, "0")}Z`;
}

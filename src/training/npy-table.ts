import { InferenceError } from "../errors.ts";
import { elementCount, formatShape } from "../tensor.ts";
import type { ByteSource } from "./byte-source.ts";
import { createValueArray, viewValues } from "./cell-values.ts";
import { decodeNpyHeader, decodeNpyText, isNpy, type NpyElement, type NpyHeader, npyElement } from "./npy-format.ts";
import {
  type ColumnGroup,
  type GroupValues,
  type Table,
  type TableBatch,
  type TableColumn,
  type TableReading,
  tableStart,
} from "./table.ts";
import { tableError, valueError } from "./table-error.ts";

/** An opened file. */
interface NpyFile {
  readonly source: ByteSource;
  readonly header: NpyHeader;
  readonly element: NpyElement;
  readonly column: TableColumn;
  readonly rowCount: number;
  readonly rowBytes: number;
}

/**
 * Opens an NPY file of shape [rows, ...]: a table of one column without a name.
 * @throws InferenceError "invalid" for a broken file, a scalar, or an element type that has no datatype here
 */
export async function openNpyTable(source: ByteSource): Promise<Table> {
  const file = await openFile(source);
  return {
    name: source.name,
    format: "npy",
    columns: [file.column],
    rowCount: file.rowCount,
    byteLength: source.byteLength,
    read: (reading) => readBatches(file, reading),
  };
}

async function openFile(source: ByteSource): Promise<NpyFile> {
  const { bytes } = await source.head();
  if (!isNpy(bytes)) throw tableError(source.name, "", "does not begin with the magic bytes of an NPY file");
  const [header, element] = describe(source.name, bytes);
  const [rowCount, ...shape] = header.shape;
  if (rowCount === undefined)
    throw tableError(source.name, "", "a scalar has no rows, expected an array of shape [rows, ...]");
  const rowBytes = elementCount(shape) * element.bytes;
  const expected = header.dataOffset + rowCount * rowBytes;
  if (Number.isNaN(expected) || (source.byteLength !== undefined && source.byteLength !== expected)) {
    const [wanted, found] = [expected - header.dataOffset, (source.byteLength ?? 0) - header.dataOffset];
    const array = `${header.descr} ${formatShape(header.shape)}`;
    throw tableError(source.name, "", `an array ${array} takes ${wanted} bytes, the file holds ${found}`);
  }
  return { source, header, element, column: { name: "", datatype: element.datatype, shape }, rowCount, rowBytes };
}

function describe(name: string, bytes: Buffer): readonly [NpyHeader, NpyElement] {
  try {
    const header = decodeNpyHeader(bytes);
    return [header, npyElement(header.descr)];
  } catch (error) {
    throw error instanceof InferenceError ? tableError(name, "", error.message, error) : error;
  }
}

async function* readBatches(
  file: NpyFile,
  { groups, rowsPerBatch, from = tableStart }: TableReading,
): AsyncGenerator<TableBatch, void, undefined> {
  for (const group of groups) checkGroup(group, file);
  const blocks = file.header.isFortranOrder
    ? columnMajorRows(file, rowsPerBatch, from.row)
    : rowMajorRows(file, rowsPerBatch, from.row);
  let firstRow = from.row;
  for await (const block of blocks) {
    const rowCount = Math.min(rowsPerBatch, file.rowCount - firstRow);
    const end = { row: firstRow + rowCount, byte: 0, line: 0 };
    yield { firstRow, rowCount, groups: groups.map((group) => convert(block, group, file, firstRow)), end };
    firstRow += rowCount;
  }
}

/** Whole numbers become floats, fractions never become whole numbers, and text stays text. */
function checkGroup({ datatype }: ColumnGroup, { source, column }: NpyFile): void {
  const from = kindOf(column.datatype);
  const to = kindOf(datatype);
  if (column.datatype === datatype || (from === to && from !== "other") || (from === "integer" && to === "float"))
    return;
  throw tableError(
    source.name,
    "",
    `holds ${column.datatype} ${formatShape(column.shape)} a row, which cannot become ${datatype}`,
  );
}

function kindOf(datatype: string): "float" | "integer" | "other" {
  if (datatype === "BOOL" || datatype === "BYTES") return "other";
  return datatype.startsWith("FP") ? "float" : "integer";
}

function convert(block: Buffer, { datatype }: ColumnGroup, file: NpyFile, firstRow: number): GroupValues {
  const { element, column, source } = file;
  if (element.datatype === "BYTES") return texts(block, element);
  if (element.datatype === "BOOL") return block;
  const values = viewValues(element.datatype, block);
  if (datatype === element.datatype) return values;
  const array = createValueArray(datatype, values.length);
  const width = elementCount(column.shape);
  for (let i = 0; i < values.length; i++) {
    if (array.setValue(i, values[i])) continue;
    throw valueError(source.name, `row ${firstRow + Math.floor(i / width)}`, "", values[i], datatype);
  }
  return array.values;
}

function texts(block: Buffer, element: NpyElement): readonly (string | Uint8Array)[] {
  return Array.from({ length: block.byteLength / element.bytes }, (_, i) =>
    Buffer.from(decodeNpyText(block.subarray(i * element.bytes, (i + 1) * element.bytes), element.isUnicode)),
  );
}

/** The rows of a file in row-major order, each block aligned for its elements. */
async function* rowMajorRows(file: NpyFile, rowsPerBatch: number, firstRow: number): AsyncGenerator<Buffer> {
  const { source, header, rowCount, rowBytes } = file;
  if (source.open === undefined) {
    yield* streamedRows(file, rowsPerBatch, firstRow);
    return;
  }
  await using ranges = await source.open();
  for (let start = firstRow; start < rowCount; start += rowsPerBatch) {
    const length = Math.min(rowsPerBatch, rowCount - start) * rowBytes;
    const block = await ranges.read(header.dataOffset + start * rowBytes, length);
    if (block.byteLength < length) throw endsEarly(file, start + Math.floor(block.byteLength / rowBytes));
    yield block;
  }
}

/** The same out of a stream, which begins at its beginning. */
async function* streamedRows(file: NpyFile, rowsPerBatch: number, firstRow: number): AsyncGenerator<Buffer> {
  const { source, header, rowCount, rowBytes } = file;
  const end = header.dataOffset + rowCount * rowBytes;
  let start = header.dataOffset + firstRow * rowBytes;
  let skip = start;
  let block = createBlock(Math.min(rowsPerBatch * rowBytes, end - start));
  let filled = 0;
  if (start === end) return;
  for await (const chunk of source.chunks(0)) {
    for (let offset = Math.min(skip, chunk.byteLength); offset < chunk.byteLength; ) {
      const taken = Math.min(block.byteLength - filled, chunk.byteLength - offset);
      block.set(chunk.subarray(offset, offset + taken), filled);
      offset += taken;
      filled += taken;
      if (filled < block.byteLength) continue;
      yield block;
      start += block.byteLength;
      if (start === end) return;
      block = createBlock(Math.min(rowsPerBatch * rowBytes, end - start));
      filled = 0;
    }
    skip -= Math.min(skip, chunk.byteLength);
  }
  throw endsEarly(file, Math.floor((start + filled - header.dataOffset) / Math.max(1, rowBytes)));
}

function endsEarly({ source, rowCount }: NpyFile, row: number): InferenceError {
  return tableError(source.name, `row ${row}`, `the file ends here, its header says ${rowCount} rows`);
}

function createBlock(byteLength: number): Buffer {
  return Buffer.allocUnsafeSlow(byteLength); // not of the shared pool: aligned for every datatype
}

/** The rows of a file whose first index runs fastest: what is side by side in a row lies far apart in the file. */
async function* columnMajorRows(file: NpyFile, rowsPerBatch: number, firstRow: number) {
  const { source, header, element, column, rowCount } = file;
  if (source.open === undefined) {
    throw tableError(source.name, "", "an array in Fortran order cannot be read from a stream: name a file instead");
  }
  await using ranges = await source.open();
  const order = rowMajorOrder(column.shape);
  for (let start = firstRow; start < rowCount; start += rowsPerBatch) {
    const count = Math.min(rowsPerBatch, rowCount - start);
    const block = createBlock(count * file.rowBytes);
    for (const [to, from] of order.entries()) {
      const offset = header.dataOffset + (from * rowCount + start) * element.bytes;
      const run = await ranges.read(offset, count * element.bytes);
      for (let row = 0; row < count; row++) {
        const target = (row * order.length + to) * element.bytes;
        block.set(run.subarray(row * element.bytes, (row + 1) * element.bytes), target);
      }
    }
    yield block;
  }
}

/** For each element of a row in row-major order, its index in the order whose first index runs fastest. */
function rowMajorOrder(shape: readonly number[]): readonly number[] {
  const index = shape.map(() => 0);
  return Array.from({ length: elementCount(shape) }, () => {
    let from = 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) from = from * (shape[axis] ?? 0) + (index[axis] ?? 0);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = (index[axis] ?? 0) + 1;
      if ((index[axis] ?? 0) < (shape[axis] ?? 0)) break;
      index[axis] = 0;
    }
    return from;
  });
}

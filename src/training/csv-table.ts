import { BatchRoom, type GroupRoom } from "./batch-room.ts";
import { type ByteSource, withEnd } from "./byte-source.ts";
import { datatypeOfTexts, sampledRows } from "./column-types.ts";
import { CsvScanner } from "./csv-scanner.ts";
import { type Table, type TableBatch, type TableColumn, type TableReading, tableStart } from "./table.ts";
import { tableError, valueError } from "./table-error.ts";

/** Opens a CSV file; its first record names the columns. @throws InferenceError "invalid" for an empty or broken one */
export async function openCsvTable(source: ByteSource): Promise<Table> {
  const columns = await readColumns(source);
  return {
    name: source.name,
    format: "csv",
    columns,
    rowCount: undefined,
    byteLength: source.byteLength,
    read: (reading) => readBatches(source, columns, reading),
  };
}

/** Names from the header, datatypes from the rows after it, as far as the first bytes reach. */
async function readColumns(source: ByteSource): Promise<readonly TableColumn[]> {
  const scanner = new CsvScanner(source.name);
  const { bytes, isAll } = await source.head();
  scanner.push(bytes);
  if (isAll) scanner.end();
  if (!scanner.next()) {
    const problem =
      bytes.byteLength === 0 ? "no header line, the file is empty" : `no header line within ${bytes.byteLength} bytes`;
    throw tableError(source.name, "", problem);
  }
  const names = Array.from({ length: scanner.fieldCount }, (_, i) => scanner.text(i));
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw tableError(source.name, `line ${scanner.line}`, `two columns are named '${twice}'`);
  const cells: string[][] = names.map(() => []);
  for (let row = 0; row < sampledRows && scanner.next(); row++) {
    checkWidth(scanner, source.name, names.length);
    cells.forEach((column, i) => {
      column.push(scanner.text(i));
    });
  }
  return names.map((name, i) => ({ name, datatype: datatypeOfTexts(cells[i] ?? []), shape: [] }));
}

async function* readBatches(
  source: ByteSource,
  columns: readonly TableColumn[],
  { groups, rowsPerBatch, from = tableStart }: TableReading,
): AsyncGenerator<TableBatch, void, undefined> {
  const scanner = new CsvScanner(source.name, from.byte, Math.max(1, from.line));
  const room = new BatchRoom(groups, columns, rowsPerBatch, from.row);
  let isHeader = from.row === 0;
  for await (const chunk of withEnd(source.chunks(from.byte))) {
    if (chunk === undefined) scanner.end();
    else scanner.push(chunk);
    while (scanner.next()) {
      if (isHeader) {
        isHeader = false;
        continue;
      }
      checkWidth(scanner, source.name, columns.length);
      for (const group of room.rooms) fillRow(group, room.rows, scanner, source.name, columns);
      room.rows++;
      if (room.isFull) yield room.take(scanner.endByte, scanner.endLine);
    }
  }
  if (room.rows > 0) yield room.take(scanner.endByte, scanner.endLine);
}

function fillRow(
  { group, width, array }: GroupRoom,
  row: number,
  scanner: CsvScanner,
  file: string,
  columns: readonly TableColumn[],
): void {
  const isText = group.datatype === "BYTES";
  for (let i = 0; i < width; i++) {
    const field = group.columns[i] as number; // a CSV column is one value wide
    if (!isText) {
      const value = scanner.plainNumber(field);
      if (!Number.isNaN(value) && array.setNumber(row * width + i, value)) continue;
    }
    const text = scanner.text(field);
    if (array.setText(row * width + i, text)) continue;
    throw valueError(file, `line ${scanner.line}`, columns[field]?.name ?? "", text, group.datatype);
  }
}

function checkWidth(scanner: CsvScanner, file: string, expected: number): void {
  if (scanner.fieldCount === expected) return;
  throw tableError(file, `line ${scanner.line}`, `${scanner.fieldCount} fields where the header has ${expected}`);
}

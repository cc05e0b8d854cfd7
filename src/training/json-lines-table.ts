import { BatchRoom } from "./batch-room.ts";
import { type ByteSource, withEnd } from "./byte-source.ts";
import { sampledRows } from "./column-types.ts";
import { columnsOfRows, type JsonRow, JsonRowFiller } from "./json-rows.ts";
import { parseJson } from "./json-values.ts";
import { LineScanner } from "./line-scanner.ts";
import { type Table, type TableBatch, type TableColumn, type TableReading, tableStart } from "./table.ts";
import { tableError } from "./table-error.ts";

/**
 * Opens a JSON Lines file: each line an object with the keys of the first one, or each a list or a value.
 * @throws InferenceError "invalid" for an empty or broken one
 */
export async function openJsonLinesTable(source: ByteSource): Promise<Table> {
  const columns = await readColumns(source);
  return {
    name: source.name,
    format: "jsonl",
    columns,
    rowCount: undefined,
    byteLength: source.byteLength,
    read: (reading) => readBatches(source, columns, reading),
  };
}

async function readColumns(source: ByteSource): Promise<readonly TableColumn[]> {
  const scanner = new LineScanner(source.name);
  const { bytes, isAll } = await source.head();
  scanner.push(bytes);
  if (isAll) scanner.end();
  const rows: JsonRow[] = [];
  while (rows.length < sampledRows && scanner.next()) rows.push(parseRow(source.name, scanner));
  if (rows.length === 0) {
    const problem = isAll ? "no line, the file is empty" : `no complete line within ${bytes.byteLength} bytes`;
    throw tableError(source.name, "", problem);
  }
  return columnsOfRows(source.name, rows);
}

async function* readBatches(
  source: ByteSource,
  columns: readonly TableColumn[],
  { groups, rowsPerBatch, from = tableStart }: TableReading,
): AsyncGenerator<TableBatch, void, undefined> {
  const scanner = new LineScanner(source.name, from.byte, Math.max(1, from.line));
  const filler = new JsonRowFiller(source.name, columns);
  const room = new BatchRoom(groups, columns, rowsPerBatch, from.row);
  for await (const chunk of withEnd(source.chunks(from.byte))) {
    if (chunk === undefined) scanner.end();
    else scanner.push(chunk);
    while (scanner.next()) {
      filler.fill(room.rooms, room.rows, parseRow(source.name, scanner));
      room.rows++;
      if (room.isFull) yield room.take(scanner.endByte, scanner.line + 1);
    }
  }
  if (room.rows > 0) yield room.take(scanner.endByte, scanner.line + 1);
}

function parseRow(file: string, { text, line }: LineScanner): JsonRow {
  try {
    return { value: parseJson(text), place: `line ${line}` };
  } catch (error) {
    throw tableError(file, `line ${line}`, error instanceof Error ? error.message : String(error), error);
  }
}

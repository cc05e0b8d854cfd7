import { extname } from "node:path";
import type { Readable } from "node:stream";
import { type ByteSource, fileSource, streamSource } from "./byte-source.ts";
import { openCsvTable } from "./csv-table.ts";
import { openJsonLinesTable } from "./json-lines-table.ts";
import { openNpyTable } from "./npy-table.ts";
import { openParquetTable } from "./parquet-table.ts";
import type { Table, TableFormat } from "./table.ts";

const formatOfExtension: ReadonlyMap<string, TableFormat> = new Map([
  [".csv", "csv"],
  [".jsonl", "jsonl"],
  [".ndjson", "jsonl"],
  [".npy", "npy"],
  [".parquet", "parquet"],
]);

/** The format that a file's name ends in; undefined for other endings. */
export function formatOfName(path: string): TableFormat | undefined {
  return formatOfExtension.get(extname(path).toLowerCase());
}

/**
 * Opens a table file, or standard input for `-`.
 * @param format absent: by the content of the file
 * @throws InferenceError "invalid" for what is no such table; the error of the file system for an unreadable file.
 */
export async function openTable(path: string, stdin: Readable, format?: TableFormat): Promise<Table> {
  const source = path === "-" ? streamSource(stdin) : await fileSource(path);
  return await openTableSource(source, format);
}

/** Opens a table over its bytes. @throws InferenceError "invalid" for what is no such table */
export async function openTableSource(source: ByteSource, format?: TableFormat): Promise<Table> {
  switch (format ?? recognizeFormat((await source.head()).bytes)) {
    case "csv":
      return await openCsvTable(source);
    case "jsonl":
      return await openJsonLinesTable(source);
    case "npy":
      return await openNpyTable(source);
    case "parquet":
      return await openParquetTable(source);
  }
}

/** The format of a table by its first bytes: the magic of NPY and Parquet, an opening bracket or brace for JSON Lines, else CSV. */
export function recognizeFormat(head: Buffer): TableFormat {
  if (head.subarray(0, 6).equals(Buffer.from("\x93NUMPY", "latin1"))) return "npy";
  if (head.subarray(0, 4).equals(Buffer.from("PAR1"))) return "parquet";
  return /^\ufeff?\s*[[{]/.test(head.toString("utf8", 0, 4096)) ? "jsonl" : "csv";
}

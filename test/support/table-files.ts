import { writeFileSync } from "node:fs";
import { createEncoder } from "../../src/cli/bulk/encoders.ts";
import type { OutputRows } from "../../src/cli/bulk/table-encoder.ts";
import type { TableColumn, TableFormat } from "../../src/training/table.ts";

/** Writes a table file in one go. */
export function writeTable(path: string, format: TableFormat, columns: readonly TableColumn[], rows: OutputRows): void {
  const encoder = createEncoder(format, columns, []);
  const bytes = Buffer.concat([encoder.begin(), encoder.add(rows), encoder.end()]);
  bytes.set(encoder.finalHead(rows.rowCount) ?? []);
  writeFileSync(path, bytes);
}

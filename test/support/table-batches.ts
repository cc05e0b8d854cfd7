import type { Table, TableBatch, TableReading } from "../../src/training/table.ts";

/** All batches of a table. */
export async function readAll(table: Table, reading: TableReading): Promise<readonly TableBatch[]> {
  return await Array.fromAsync(table.read(reading));
}

/** The values of one group over all batches. */
export function joined(batches: readonly TableBatch[], group = 0): unknown[] {
  return batches.flatMap(({ groups }) => Array.from<unknown>(groups[group] as ArrayLike<unknown>));
}

/** Reads every column by itself as its own datatype: the values by column name. */
export async function columnsOf(table: Table, rowsPerBatch = 7): Promise<ReadonlyMap<string, unknown[]>> {
  const groups = table.columns.map(({ datatype }, index) => ({ columns: [index], datatype }));
  const batches = await readAll(table, { groups, rowsPerBatch });
  return new Map(table.columns.map(({ name }, index) => [name, joined(batches, index)]));
}

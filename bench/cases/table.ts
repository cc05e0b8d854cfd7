import { parse } from "csv-parse/sync";
import { CsvScanner } from "../../src/training/csv-scanner.ts";
import type { BenchCase } from "../bench-case.ts";
import { measurePrimitive } from "../primitive.ts";
import { createRandom } from "../random.ts";

const columns = 1000;
const rowsPerTurn = 16;

/** Rows of eight-digit floats, as a table of features has them. */
function createRows(): Buffer {
  const random = createRandom(1);
  const row = () => `${Array.from({ length: columns }, () => random().toFixed(7)).join(",")}\n`;
  return Buffer.from(Array.from({ length: rowsPerTurn }, row).join(""));
}

/** The sum of all cells: every number was read. */
function sumByScanner(rows: Buffer): number {
  const scanner = new CsvScanner("bench.csv");
  scanner.push(rows);
  scanner.end();
  let sum = 0;
  while (scanner.next()) for (let field = 0; field < scanner.fieldCount; field++) sum += scanner.plainNumber(field);
  return sum;
}

function sumOf(records: readonly (readonly string[])[]): number {
  let sum = 0;
  for (const record of records) for (const cell of record) sum += Number(cell);
  return sum;
}

export const csvCase: BenchCase = {
  name: "table/csv",
  summary: `rows of ${columns} floats from CSV bytes to numbers, beside csv-parse`,
  async run(options) {
    const rows = createRows();
    const difference = sumByScanner(rows) - sumOf(parse(rows) as string[][]); // without options records are lists of text
    if (difference !== 0) throw new Error(`the sums differ by ${difference}`);
    return [
      measurePrimitive(
        {
          what: "reading of a row",
          turn: () => void sumByScanner(rows),
          limit: { name: "csv-parse, records only", turn: () => void parse(rows) },
          operations: rowsPerTurn,
          note: `${Math.round(rows.length / rowsPerTurn)} bytes a row`,
        },
        options,
      ),
    ];
  },
};

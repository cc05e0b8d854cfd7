import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { type ColumnSource, parquetWriteBuffer } from "hyparquet-writer";
import { memorySource, streamSource } from "../../src/training/byte-source.ts";
import { openParquetTable } from "../../src/training/parquet-table.ts";
import { columnsOf, joined, readAll } from "../support/table-batches.ts";

const write = (columnData: ColumnSource[], rowGroupSize = 3) =>
  Buffer.from(parquetWriteBuffer({ columnData, rowGroupSize }));
const open = (bytes: Buffer) => openParquetTable(memorySource(bytes, "t.parquet"));

test("columns have the datatypes of the file, lists the shape of their first row, points of time become text", async () => {
  const table = await open(
    write([
      { name: "i", data: [1, 2], type: "INT32" },
      { name: "n", data: [9007199254740993n, 2n], type: "INT64" },
      { name: "f", data: [1.5, 2], type: "FLOAT" },
      { name: "d", data: [0.1, 2], type: "DOUBLE" },
      { name: "b", data: [true, false], type: "BOOLEAN" },
      { name: "t", data: ["x", "ü"], type: "STRING" },
      { name: "at", data: [new Date(0), new Date(1500)], type: "TIMESTAMP" },
    ]),
  );
  assert.deepEqual(
    table.columns.map(({ datatype }) => datatype),
    ["INT32", "INT64", "FP32", "FP64", "BOOL", "BYTES", "BYTES"],
  );
  const columns = await columnsOf(table);
  assert.deepEqual(columns.get("n"), [9007199254740993n, 2n]);
  assert.deepEqual(columns.get("t"), ["x", "ü"]);
  assert.match(String(columns.get("at")?.[1]), /^1970-01-01T00:00:01\.500/);
});

test("batches cross no row group, and reading goes on from any row", async () => {
  const table = await open(write([{ name: "x", data: Array.from({ length: 8 }, (_, i) => i), type: "INT32" }]));
  const reading = { groups: [{ columns: [0, 0], datatype: "FP32" as const }], rowsPerBatch: 2 };
  const whole = await readAll(table, reading);
  assert.deepEqual(
    whole.map(({ firstRow, rowCount }) => [firstRow, rowCount]),
    [
      [0, 2],
      [2, 1],
      [3, 2],
      [5, 1],
      [6, 2],
    ],
  );
  assert.deepEqual(joined(whole).slice(-4), [6, 6, 7, 7]);
  assert.equal(table.rowCount, 8);
  for (const [i, { end }] of whole.entries()) {
    assert.deepEqual(await readAll(table, { ...reading, from: end }), whole.slice(i + 1));
  }
});

test("what is wrong is told with file, row, column and value", async () => {
  const reading = { groups: [{ columns: [0], datatype: "INT8" as const }], rowsPerBatch: 2 };
  const read = async (data: unknown[], type: "INT32" | "DOUBLE" | "STRING") =>
    await readAll(await open(write([{ name: "x", data, type }])), reading);
  await assert.rejects(read([1, 2, 3, null], "INT32"), {
    message: "t.parquet: column 'x' in row 3 is null, expected an integer (INT8)",
  });
  await assert.rejects(read([1, 2.5], "DOUBLE"), { message: /column 'x' in row 1 is 2\.5, expected an integer/ });
  await assert.rejects(read(["1"], "STRING"), { message: /column 'x' in row 0 is "1"/ });
  await assert.rejects(open(Buffer.from("PAR1 this is no table PAR1")), {
    name: "InferenceError",
    message: /^t\.parquet: /,
  });
  const bytes = write([{ name: "x", data: [1], type: "INT32" }]);
  await assert.rejects(openParquetTable(streamSource(Readable.from([bytes]))), {
    message: "standard input: Parquet cannot be read from a stream: name a file instead",
  });
});

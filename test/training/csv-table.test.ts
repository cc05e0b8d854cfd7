import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { memorySource, streamSource } from "../../src/training/byte-source.ts";
import { openCsvTable } from "../../src/training/csv-table.ts";
import type { TableReading } from "../../src/training/table.ts";
import { joined, readAll } from "../support/table-batches.ts";

const open = (text: string) => openCsvTable(memorySource(Buffer.from(text), "t.csv"));

test("columns have the datatype that their first rows show", async () => {
  const table = await open("i,f,b,t,zip,empty,mixed\n1,1.5,true,x,007,,1\n-2,1e3,False,,010,,a\n,nan,,y,1,,\n");
  assert.deepEqual(
    table.columns.map(({ name, datatype }) => [name, datatype]),
    [
      ["i", "INT64"],
      ["f", "FP64"],
      ["b", "BOOL"],
      ["t", "BYTES"],
      ["zip", "BYTES"],
      ["empty", "BYTES"],
      ["mixed", "BYTES"],
    ],
  );
});

test("groups of columns come as row-major arrays, in batches", async () => {
  const table = await open("a,b,t\n1,2,x\n3,4,y\n5,6.5,z\n");
  const groups = [
    { columns: [1, 0], datatype: "FP32" as const },
    { columns: [2], datatype: "BYTES" as const },
  ];
  const batches = await readAll(table, { groups, rowsPerBatch: 2 });
  assert.deepEqual(
    batches.map(({ firstRow, rowCount, end }) => [firstRow, rowCount, end.row]),
    [
      [0, 2, 2],
      [2, 1, 3],
    ],
  );
  assert.ok(batches[0]?.groups[0] instanceof Float32Array);
  assert.deepEqual(joined(batches, 0), [2, 1, 4, 3, 6.5, 5]);
  assert.deepEqual(joined(batches, 1), ["x", "y", "z"]);
});

test("reading goes on from the end of any batch", async () => {
  const table = await open('a,b\n1,"x\ny"\n\n2,z\r\n3,\n4,q');
  const reading: TableReading = {
    groups: [
      { columns: [0], datatype: "INT32" },
      { columns: [1], datatype: "BYTES" },
    ],
    rowsPerBatch: 1,
  };
  const whole = await readAll(table, reading);
  for (const [i, { end }] of whole.entries()) {
    assert.deepEqual(await readAll(table, { ...reading, from: end }), whole.slice(i + 1));
  }
});

test("what is wrong is told with file, line, column and value", async () => {
  const fp32: TableReading = { groups: [{ columns: [1], datatype: "FP32" }], rowsPerBatch: 2 };
  const int8: TableReading = { groups: [{ columns: [0], datatype: "INT8" }], rowsPerBatch: 2 };
  const cases: readonly (readonly [string, TableReading, string])[] = [
    [
      "a,b\n1,2\n3,two\n",
      fp32,
      `t.csv: column 'b' in line 3 is "two", expected a number (FP32; NaN for a missing one)`,
    ],
    ["a,b\n1,\n", fp32, `t.csv: column 'b' in line 2 is "", expected a number (FP32; NaN for a missing one)`],
    ["a,b\n128,1\n", int8, `t.csv: column 'a' in line 2 is "128", expected an integer (INT8)`],
    ["a,b\n1.5,1\n", int8, `t.csv: column 'a' in line 2 is "1.5", expected an integer (INT8)`],
    ["a,b\n1,2\n1\n", fp32, "t.csv, line 3: 1 fields where the header has 2"],
  ];
  for (const [text, reading, message] of cases) {
    await assert.rejects(async () => await readAll(await open(text), reading), { message });
  }
  await assert.rejects(open(""), { message: "t.csv: no header line, the file is empty" });
  await assert.rejects(open("a,a\n"), { message: "t.csv, line 1: two columns are named 'a'" });
});

test("64-bit integers keep all their digits", async () => {
  const table = await open("n\n9007199254740993\n-9223372036854775808\n");
  assert.equal(table.columns[0]?.datatype, "INT64");
  const batches = await readAll(table, { groups: [{ columns: [0], datatype: "INT64" }], rowsPerBatch: 5 });
  assert.deepEqual(joined(batches), [9007199254740993n, -9223372036854775808n]);
});

test("a stream is looked at before it is read, and read once", async () => {
  const chunks = ["a,b\n1", ",2\n3,", "4"].map((text) => Buffer.from(text));
  const table = await openCsvTable(streamSource(Readable.from(chunks)));
  const reading: TableReading = { groups: [{ columns: [0, 1], datatype: "INT32" }], rowsPerBatch: 10 };
  assert.deepEqual(joined(await readAll(table, reading)), [1, 2, 3, 4]);
  await assert.rejects(readAll(table, reading), { message: /standard input can be read only once/ });
});

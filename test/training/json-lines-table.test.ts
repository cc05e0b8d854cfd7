import assert from "node:assert/strict";
import { test } from "node:test";
import { memorySource } from "../../src/training/byte-source.ts";
import { openJsonLinesTable } from "../../src/training/json-lines-table.ts";
import type { TableReading } from "../../src/training/table.ts";
import { columnsOf, joined, readAll } from "../support/table-batches.ts";

const open = (text: string) => openJsonLinesTable(memorySource(Buffer.from(text), "t.jsonl"));

test("objects have a column for each key, with the datatype and shape of their first rows", async () => {
  const text =
    '\ufeff{"i":1,"f":1.5,"b":true,"t":"x","l":[[1,2],[3,4]]}\n\n{"b":false,"i":2,"f":"NaN","t":"y","l":[[5,6],[7,8]]}\r\n';
  const table = await open(text);
  assert.deepEqual(table.columns, [
    { name: "i", datatype: "INT64", shape: [] },
    { name: "f", datatype: "FP64", shape: [] },
    { name: "b", datatype: "BOOL", shape: [] },
    { name: "t", datatype: "BYTES", shape: [] },
    { name: "l", datatype: "INT64", shape: [2, 2] },
  ]);
  const columns = await columnsOf(table);
  assert.deepEqual(columns.get("f"), [1.5, Number.NaN]);
  assert.deepEqual(columns.get("b"), [1, 0]);
  assert.deepEqual(columns.get("l"), [1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n]);
});

test("lists and single values are one column without a name", async () => {
  assert.deepEqual((await open("[1,2]\n[3,4]")).columns, [{ name: "", datatype: "INT64", shape: [2] }]);
  const table = await open("1\n2.5");
  assert.deepEqual((await columnsOf(table)).get(""), [1, 2.5]);
});

test("integers beyond 2^53 keep all their digits", async () => {
  const table = await open('{"n":9007199254740993}\n{"n":-1}\n');
  assert.deepEqual((await columnsOf(table)).get("n"), [9007199254740993n, -1n]);
});

test("reading goes on from the end of any batch", async () => {
  const table = await open('{"a":1}\n\n{"a":2}\n{"a":3}');
  const reading: TableReading = { groups: [{ columns: [0], datatype: "INT8" }], rowsPerBatch: 1 };
  const whole = await readAll(table, reading);
  assert.deepEqual(joined(whole), [1, 2, 3]);
  for (const [i, { end }] of whole.entries()) {
    assert.deepEqual(await readAll(table, { ...reading, from: end }), whole.slice(i + 1));
  }
});

test("what is wrong is told with file, line, column and value", async () => {
  const reading: TableReading = { groups: [{ columns: [0], datatype: "FP32" }], rowsPerBatch: 2 };
  const cases: readonly (readonly [string, string | RegExp])[] = [
    ['{"a":1}\n{"a":"two"}', `t.jsonl: column 'a' in line 2 is "two", expected a number (FP32; NaN for a missing one)`],
    ['{"a":1}\n{"a":null}', `t.jsonl: column 'a' in line 2 is null, expected a number (FP32; NaN for a missing one)`],
    ['{"a":1}\n{"b":1}', "t.jsonl, line 2: 'b' is not among the keys of the first object"],
    ['{"a":1,"b":1}\n{"a":1}', "t.jsonl, line 2: 'b' is missing"],
    ['{"a":1}\n[1]', "t.jsonl, line 2: expected an object like the first one"],
    ['{"a":[1,2]}\n{"a":[1]}', "t.jsonl, line 2: column 'a' has a list of 1 where its neighbours are lists of 2"],
    ['{"a":[1,2]}\n{"a":3}', "t.jsonl, line 2: column 'a' has a value where a list of 2 is expected"],
    ["[1,2]\n[1,true]", "t.jsonl: the value in line 2 is true, expected a number (FP32; NaN for a missing one)"],
    ['{"a":1}\n{"a":', /^t\.jsonl, line 2: .*JSON/],
    ["", "t.jsonl: no line, the file is empty"],
  ];
  for (const [text, message] of cases) {
    await assert.rejects(async () => await readAll(await open(text), reading), { message }, text);
  }
});

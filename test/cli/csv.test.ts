import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { UsageError } from "../../src/cli/arguments.ts";
import { formatCsv, parseCsv } from "../../src/cli/csv.ts";

test("CSV is read with quotes, line breaks in fields, CRLF, a byte order mark and empty lines", () => {
  const table = parseCsv('\ufeffa,"b ""c""",d\r\n1,"x,\r\ny",\r\n\r\n"",2,3');
  assert.deepEqual(table, {
    columns: ["a", 'b "c"', "d"],
    rows: [
      ["1", "x,\r\ny", ""],
      ["", "2", "3"],
    ],
    lines: [2, 5],
  });
});

test("any table is read as it was written", () => {
  const field = fc.oneof(fc.string(), fc.constantFrom("", '"', ",", "\n", "\r\n", "a\rb", "ü"));
  const tables = fc.integer({ min: 1, max: 4 }).chain((width) => {
    const record = fc.array(field, { minLength: width, maxLength: width });
    return fc.tuple(record, fc.array(record, { maxLength: 5 }));
  });
  fc.assert(
    fc.property(tables, ([columns, rows]) => {
      fc.pre(!columns[0]!.startsWith("\ufeff"));
      const table = parseCsv(formatCsv(columns, rows));
      assert.deepEqual([table.columns, table.rows], [columns, rows]);
    }),
  );
});

test("broken CSV is refused with its line", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["", /no header/],
    ["a,b\n1", /line 2: 1 fields where the header has 2/],
    ['a\n"1', /line 2: a quoted field that is not closed/],
    ['a\n"1"x', /line 2: text after the closing quote/],
    ['a\nx"1"', /line 2: a quote inside a field/],
    ['a\n"1\n2"\n3,4', /line 4: 2 fields/],
  ];
  for (const [text, message] of cases) {
    assert.throws(
      () => parseCsv(text),
      (error) => error instanceof UsageError && message.test(error.message),
      text,
    );
  }
});

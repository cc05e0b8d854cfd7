import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "csv-parse/sync";
import fc from "fast-check";
import { CsvScanner } from "../../src/training/csv-scanner.ts";

/** All records of a text that arrives in chunks of so many bytes. */
function scan(text: string | Buffer, chunkSize = Number.POSITIVE_INFINITY): string[][] {
  const bytes = Buffer.from(text as string);
  const scanner = new CsvScanner("t.csv");
  const records: string[][] = [];
  const take = () => {
    while (scanner.next()) records.push(Array.from({ length: scanner.fieldCount }, (_, i) => scanner.text(i)));
  };
  for (let start = 0; start < bytes.byteLength; start += chunkSize) {
    scanner.push(bytes.subarray(start, Math.min(bytes.byteLength, start + chunkSize)));
    take();
  }
  scanner.end();
  take();
  return records;
}

const field = fc.oneof(
  fc.string(),
  fc.string({ unit: "grapheme" }),
  fc.constantFrom("", '"', ",", "\n", "\r\n", "a\rb", "ü", "1.5", '""', "\ufeff"),
);
const table = fc
  .integer({ min: 1, max: 4 })
  .chain((width) => fc.array(fc.array(field, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 6 }));

function format(records: readonly (readonly string[])[], lineEnd: string): string {
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
  const isPlain = (text: string) => text !== "" && !/[",\r\n\ufeff]/.test(text);
  return records.map((fields) => fields.map((text) => (isPlain(text) ? text : quoted(text))).join(",")).join(lineEnd);
}

test("any table is read as it was written, in chunks of any size", () => {
  fc.assert(
    fc.property(table, fc.constantFrom("\n", "\r\n"), fc.integer({ min: 1, max: 20 }), (records, lineEnd, size) => {
      const text = format(records, lineEnd);
      assert.deepEqual(scan(text, size), records);
      assert.deepEqual(scan(text + lineEnd, size), records);
    }),
  );
});

test("records are those that csv-parse finds", () => {
  fc.assert(
    fc.property(table, fc.constantFrom("\n", "\r\n"), (records, lineEnd) => {
      const text = format(records, lineEnd);
      const options = { bom: true, skip_empty_lines: true, relax_column_count: true, record_delimiter: lineEnd };
      assert.deepEqual(scan(text), parse(text, options));
    }),
  );
});

test("a byte order mark, empty lines and CRLF are no data", () => {
  const text = '\ufeffa,"b ""c""",d\r\n1,"x,\r\ny",\r\n\r\n"",2,3\r';
  for (let size = 1; size < 10; size++) {
    assert.deepEqual(scan(text, size), [
      ["a", 'b "c"', "d"],
      ["1", "x,\r\ny", ""],
      ["", "2", "3\r"],
    ]);
  }
});

test("plain numbers are what Number makes of them", () => {
  const digits = fc.stringMatching(/^\d{0,17}(\.\d{0,17})?$/);
  fc.assert(
    fc.property(digits, fc.constantFrom("", "-", "+"), (text, sign) => {
      const scanner = new CsvScanner("t.csv");
      scanner.push(Buffer.from(`${sign}${text},\n`));
      assert.ok(scanner.next());
      const value = scanner.plainNumber(0);
      const isShort = text.replace(".", "").length <= 15 && /\d/.test(text);
      assert.equal(value, isShort ? Number(sign + text) : Number.NaN);
    }),
    { numRuns: 2000 },
  );
  for (const text of ["", "1e5", "0x10", " 1", "1 ", "1.2.3", "-", ".", "1_0", "nan"]) {
    const scanner = new CsvScanner("t.csv");
    scanner.push(Buffer.from(`${text},\n`));
    assert.ok(scanner.next());
    assert.ok(Number.isNaN(scanner.plainNumber(0)), text);
  }
});

test("broken CSV is refused with file and line", () => {
  const cases: readonly (readonly [string | Buffer, RegExp])[] = [
    ['a\n"1', /^t\.csv, line 2: a quoted field that is not closed/],
    ['a\n"1"x', /line 2: text after the closing quote/],
    ['a\nx"1"', /line 2: a quote inside a field/],
    ['a\n"1\n2"\n"x"y', /line 4: text after/],
    [Buffer.from("a\nx\n\xff\n", "latin1"), /line 3: field 1 is no UTF-8/],
  ];
  for (const [text, message] of cases) {
    for (const size of [1, 3, 100]) {
      assert.throws(() => scan(text, size), { name: "InferenceError", reason: "invalid", message });
    }
  }
});

test("a quote that is never closed ends within a limit", () => {
  const scanner = new CsvScanner("t.csv");
  const chunk = Buffer.alloc(20 * 1024 * 1024, "x");
  chunk[0] = 0x22;
  scanner.push(chunk);
  assert.ok(!scanner.next());
  assert.throws(
    () => {
      for (let i = 0; i < 10; i++) scanner.push(Buffer.alloc(20 * 1024 * 1024, "x"));
    },
    { message: /line 1: a record of more than 67108864 bytes/ },
  );
});

test("a second scanner goes on behind any record", () => {
  const bytes = Buffer.from('a,b\n1,"x\ny"\r\n\n2,z\n3,\n');
  const first = new CsvScanner("t.csv");
  first.push(bytes);
  first.end();
  for (const next of [["1", 2], ["2", 5], ["3", 6], undefined]) {
    assert.ok(first.next());
    const rest = new CsvScanner("t.csv", first.endByte, first.endLine);
    rest.push(bytes.subarray(first.endByte));
    rest.end();
    assert.deepEqual(rest.next() ? [rest.text(0), rest.line] : undefined, next);
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "csv-parse/sync";
import fc from "fast-check";
import { formatCsv } from "../../src/cli/csv.ts";

test("any table reads as it was written", () => {
  const field = fc.oneof(fc.string(), fc.constantFrom("", '"', ",", "\n", "\r\n", "a\rb", "ü"));
  const tables = fc.integer({ min: 1, max: 4 }).chain((width) => {
    const record = fc.array(field, { minLength: width, maxLength: width });
    return fc.tuple(record, fc.array(record, { maxLength: 5 }));
  });
  fc.assert(
    fc.property(tables, ([columns, rows]) => {
      assert.deepEqual(parse(formatCsv(columns, rows), { record_delimiter: "\n" }), [columns, ...rows]);
    }),
  );
});

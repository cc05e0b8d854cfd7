import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  markAbsent,
  markInfinite,
  markNan,
  markNull,
  markOk,
  markUnseen,
  type Signal,
} from "../../../src/monitor/collect/sampled-rows.ts";
import {
  createValueCounts,
  mergeValueCounts,
  recordValues,
  valueRules,
} from "../../../src/monitor/collect/value-counts.ts";

const number: Signal = {
  name: "x",
  role: "SIGNAL_ROLE_INPUT",
  tensor: "x",
  column: 0,
  datatype: "FP32",
  kind: "numeric",
  categories: [],
  minimum: -10,
  maximum: 10,
};
const signals: readonly Signal[] = [number, { ...number, name: "c", kind: "categorical", categories: ["a", "b"] }];

function rowsOf(cells: readonly (readonly [value: number, mark: number])[]) {
  return {
    count: cells.length / 2,
    width: 2,
    values: Float64Array.from(cells, ([value]) => value),
    marks: Uint8Array.from(cells, ([, mark]) => mark),
    atMs: 0,
  };
}

test("every value is counted as what it is, and only numbers reach a moment", () => {
  const counts = createValueCounts(2);
  const cells = [
    [1, markOk],
    [0, markOk],
    [11, markOk],
    [Number.NaN, markUnseen],
    [Number.NaN, markNan],
    [Number.NaN, markNull],
    [Number.POSITIVE_INFINITY, markInfinite],
    [1, markOk],
    [Number.NaN, markNull],
    [Number.NaN, markAbsent],
  ] as const;
  const total = createValueCounts(2);
  recordValues(counts, total, rowsOf(cells), valueRules(signals));
  assert.equal(counts.rows, 5);
  assert.deepEqual([...counts.numbers.subarray(0, 11)], [5, 1, 1, 1, 1, 0, 2, 6, 50, 1, 11]);
  assert.deepEqual([...total.numbers.subarray(0, 7)], [0, 1, 1, 1, 1, 0, 0]);
  assert.equal(total.rows, 5);
  assert.deepEqual([...counts.numbers.subarray(11, 17)], [4, 1, 0, 0, 0, 1]);
});

const cell = fc.oneof(
  fc.double({ min: -1e6, max: 1e6, noNaN: true }).map((value) => [value, markOk] as const),
  fc.constantFrom(markNull, markNan, markInfinite, markUnseen, markAbsent).map((mark) => [Number.NaN, mark] as const),
);
const rows = fc.array(fc.tuple(cell, fc.constantFrom([0, markOk] as const, [Number.NaN, markUnseen] as const)), {
  maxLength: 50,
});

test("the parts merge to the whole", () => {
  fc.assert(
    fc.property(rows, rows, (a, b) => {
      const merged = createValueCounts(2);
      recordValues(merged, createValueCounts(2), rowsOf(a.flat()), valueRules(signals));
      const other = createValueCounts(2);
      recordValues(other, createValueCounts(2), rowsOf(b.flat()), valueRules(signals));
      mergeValueCounts(merged, other);
      const whole = createValueCounts(2);
      recordValues(whole, createValueCounts(2), rowsOf([...a, ...b].flat()), valueRules(signals));
      assert.equal(merged.rows, whole.rows);
      for (const [place, value] of whole.numbers.entries()) {
        const found = merged.numbers[place]!;
        assert.ok(
          found === value || Math.abs(found - value) <= 1e-9 * Math.max(1, Math.abs(value)),
          `${place}: ${found} for ${value}`,
        );
        assert.ok(!Number.isNaN(found));
      }
    }),
  );
});

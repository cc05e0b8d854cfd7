import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { areEdges } from "../../src/statistics/numeric-histogram.ts";
import { createRandomSource, randomNormal } from "../../src/statistics/random.ts";
import { CategorySketch, NumberSketch } from "../../src/statistics/signal-sketch.ts";

function summaryOf(values: Iterable<number>, bins = 10) {
  const sketch = new NumberSketch();
  for (const value of values) sketch.add(value);
  return sketch.summarize(bins)!;
}

test("a continuous number has bins of equal mass between its extremes", () => {
  const random = createRandomSource(2);
  const values = Array.from({ length: 171 }, () => randomNormal(random));
  const summary = summaryOf(values);
  assert.equal(summary.counts.length, 10);
  assert.ok(
    summary.counts.every((count) => count === 17 || count === 18),
    String(summary.counts),
  );
  assert.deepEqual([summary.edges[0], summary.edges.at(-1)], [Math.min(...values), Math.max(...values)]);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  assert.ok(Math.abs(summary.mean - mean) < 1e-12);
});

test("few different values have a bin each, and edges between them", () => {
  const summary = summaryOf([3, 1, 1, 2, 3, 3, 8]);
  assert.deepEqual(summary.edges, [1, 1.5, 2.5, 5.5, 8]);
  assert.deepEqual(summary.counts, [2, 1, 3, 1]);
});

test("a value with more mass than a bin is alone in its own", () => {
  const summary = summaryOf([...new Array<number>(600).fill(0), ...Array.from({ length: 400 }, (_, i) => 1 + i)]);
  assert.equal(summary.counts[0], 600);
  assert.equal(summary.edges[1], 0.5);
  assert.equal(summary.counts.length, 5);
});

test("a number that is always the same has one bin", () => {
  for (const value of [0, -3, 1e150, 1e-320]) {
    const summary = summaryOf([value, value, Number.NaN, Number.POSITIVE_INFINITY]);
    assert.ok(areEdges(summary.edges), String(summary.edges));
    assert.deepEqual([summary.counts, summary.null_count, summary.infinite_count], [[2], 1, 1]);
  }
});

test("whatever the values, edges ascend and the bins hold all of them", () => {
  const value = fc.oneof(fc.double({ noNaN: true, min: -1e150, max: 1e150 }), fc.integer({ min: 0, max: 30 }));
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 200 }), fc.integer({ min: 2, max: 20 }), (values, bins) => {
      const summary = summaryOf(values, bins);
      assert.ok(areEdges(summary.edges), String(summary.edges));
      const counted = summary.edges.slice(1).map((edge, i) => {
        const isLast = i === summary.edges.length - 2;
        return values.filter((x) => x >= summary.edges[i]! && (x < edge || (isLast && x === edge))).length;
      });
      assert.deepEqual(summary.counts, counted);
    }),
    { numRuns: 300 },
  );
});

test("no value, no summary", () => {
  assert.equal(summaryOf([Number.NaN]), undefined);
  assert.equal(new CategorySketch().summarize(), undefined);
});

test("categories: the most frequent ones, in the order of their values; all others together", () => {
  const sketch = new CategorySketch();
  for (const value of ["b", "a", "b", "c", "", undefined, "c", "b"]) sketch.add(value);
  assert.deepEqual(sketch.summarize(2), {
    categories: [
      { text: "b", count: 3 },
      { text: "c", count: 2 },
    ],
    other_count: 1,
    null_count: 2,
  });
  const codes = new CategorySketch();
  for (const value of [10, 9, 10, -1]) codes.add(value);
  assert.deepEqual(
    codes.summarize()?.categories.map(({ code }) => code),
    [-1, 9, 10],
  );
});

test("a number that is no exact integer is another category", () => {
  const sketch = new CategorySketch();
  for (const value of [3, 2 ** 60, 0.5, Number.POSITIVE_INFINITY]) sketch.add(value);
  assert.deepEqual(sketch.summarize(), { categories: [{ code: 3, count: 1 }], other_count: 3, null_count: 0 });
});

test("categories without end take bounded memory", () => {
  const sketch = new CategorySketch();
  for (let i = 0; i < 50_000; i++) sketch.add(`value ${i}`);
  assert.equal(sketch.size, 10_000);
  assert.equal(sketch.summarize(5)?.other_count, 49_995);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  areEdges,
  createNumericHistogram,
  mergeNumericHistogram,
  type NumericHistogram,
  recordNumber,
  subtractNumericHistogram,
} from "../../src/statistics/numeric-histogram.ts";

const edges = Float64Array.of(-1, 0, 0.5, 10);

function histogramOf(values: readonly number[]): NumericHistogram {
  const histogram = createNumericHistogram(edges);
  for (const value of values) recordNumber(histogram, value);
  return histogram;
}

test("a value at an edge belongs to the bin above it, at the last edge to the bin below", () => {
  assert.deepEqual([...histogramOf([-1, 0, 0.5, 10]).counts], [1, 1, 2, 0, 0, 0, 0]);
  assert.deepEqual([...histogramOf([-1.01, 10.01, -0.01, 0.49]).counts], [1, 1, 0, 1, 1, 0, 0]);
});

test("NaN and infinities are counted and reach no sum", () => {
  const histogram = histogramOf([Number.NaN, Number.POSITIVE_INFINITY, 1, -1e200, 3]);
  assert.deepEqual([...histogram.counts], [0, 0, 2, 0, 0, 1, 2]);
  assert.deepEqual([...histogram.moments], [2, 2, 2, 1, 3]);
});

const numbers = fc.array(
  fc.oneof(fc.double({ min: -20, max: 20 }), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY)),
  { maxLength: 50 },
);

function assertAlike(actual: NumericHistogram, expected: NumericHistogram, moments: number): void {
  assert.deepEqual([...actual.counts], [...expected.counts]);
  for (let i = 0; i < moments; i++) {
    const [a, b] = [actual.moments[i]!, expected.moments[i]!];
    assert.ok(a === b || Math.abs(a - b) < 1e-8 * Math.max(1, Math.abs(b)), `moment ${i}: ${a}, not ${b}`);
  }
}

test("merged parts are the whole, and what is taken away again leaves the rest", () => {
  fc.assert(
    fc.property(numbers, numbers, (first, second) => {
      const merged = histogramOf(first);
      mergeNumericHistogram(merged, histogramOf(second));
      assertAlike(merged, histogramOf([...first, ...second]), 5);
      subtractNumericHistogram(merged, histogramOf(second));
      assertAlike(merged, histogramOf(first), 3);
    }),
    { numRuns: 300 },
  );
});

test("edges have to ascend", () => {
  assert.ok(areEdges([0, 1, 2]));
  for (const wrong of [
    [0],
    [0, 0],
    [1, 0],
    [0, Number.NaN],
    [0, Number.POSITIVE_INFINITY],
    Array.from({ length: 1002 }, (_, i) => i),
  ]) {
    assert.ok(!areEdges(wrong));
  }
});

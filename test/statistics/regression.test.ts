import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { MetricName } from "../../src/statistics/measured-metric.ts";
import {
  createRegression,
  maxRegressionMagnitude,
  mergeRegression,
  type Regression,
  recordRegression,
  regressionRows,
  revertRegression,
  subtractRegression,
} from "../../src/statistics/regression.ts";
import { regressionMetrics } from "../../src/statistics/regression-metrics.ts";

type Rows = readonly (readonly [truth: readonly number[], predicted: readonly number[], weight?: number])[];

function regressionOf(rows: Rows, outputs = 1): Regression {
  const state = createRegression(outputs);
  for (const [truth, predicted, weight] of rows) recordRegression(state, truth, predicted, weight);
  return state;
}

const paired = (truth: readonly number[], predicted: readonly number[]): Rows =>
  truth.map((value, row) => [[value], [predicted[row]!]] as const);

function metricOf(state: Regression, name: MetricName, label = ""): number | undefined {
  return regressionMetrics(state).find((metric) => metric.name === name && metric.label === label)?.value;
}

test("four rows", () => {
  const state = regressionOf(paired([3, -0.5, 2, 7], [2.5, 0, 2, 8]));
  assert.equal(metricOf(state, "mse"), 0.375);
  assert.equal(metricOf(state, "rmse")?.toFixed(6), "0.612372");
  assert.equal(metricOf(state, "mae"), 0.5);
  assert.ok(Math.abs((metricOf(state, "r2") ?? 0) - 0.9486081370449679) < 1e-15);
  assert.equal(metricOf(state, "bias"), -0.25);
});

test("RMSE of several outputs is the mean of the roots", () => {
  const state = regressionOf(
    [
      [
        [0, 0],
        [1, 3],
      ],
      [
        [0, 0],
        [1, 3],
      ],
    ],
    2,
  );
  assert.equal(metricOf(state, "rmse"), 2);
  assert.equal(metricOf(state, "rmse", "1"), 3);
});

test("R2 of a constant truth, and of one row", () => {
  assert.equal(metricOf(regressionOf(paired([2, 2, 2], [2, 2, 2])), "r2"), 1);
  assert.equal(metricOf(regressionOf(paired([2, 2, 2], [2, 2, 3])), "r2"), 0);
  assert.equal(metricOf(regressionOf(paired([1], [1])), "r2"), undefined);
});

test("no rows, no metrics", () => {
  assert.deepEqual(regressionMetrics(createRegression(1)), []);
});

test("a row with a number that is none does not count", () => {
  const state = createRegression(2);
  const bad = [Number.NaN, Number.POSITIVE_INFINITY, 2 * maxRegressionMagnitude];
  for (const value of bad) {
    assert.equal(recordRegression(state, [1, value], [1, 1]), false);
    assert.equal(recordRegression(state, [1, 1], [1, value]), false);
  }
  assert.equal(recordRegression(state, [1], [1, 1]), false);
  assert.equal(recordRegression(state, [1, 1], [1, 1], Number.NaN), false);
  assert.deepEqual([...state.sums, ...state.truths], new Array(25).fill(0));
  assert.equal(recordRegression(state, [maxRegressionMagnitude, 1], [0, 1], 1_000_000), true);
  assert.ok(regressionMetrics(state).every(({ value }) => Number.isFinite(value)));
});

const number = fc.double({ min: -100, max: 100, noNaN: true });
const pair = fc.tuple(fc.tuple(number, number), fc.tuple(number, number), fc.integer({ min: 1, max: 4 }));
const rows = fc.array(pair, { maxLength: 30 });

function same(a: Regression, b: Regression): void {
  for (const [key, other] of [
    ["sums", b.sums],
    ["truths", b.truths],
  ] as const) {
    const own = a[key];
    for (let index = 0; index < other.length; index++) {
      const isPair = key === "sums" && index >= 3;
      if (isPair && index % 2 === 0) continue; // what the sum before it lost
      const value = isPair ? own[index]! + own[index + 1]! : own[index]!;
      const expected = isPair ? other[index]! + other[index + 1]! : other[index]!;
      assert.ok(
        Math.abs(value - expected) <= 1e-6 * (1 + Math.abs(expected)),
        `${key} ${index}: ${value}, ${expected}`,
      );
    }
  }
}

test("merged parts are the whole, and a part can be taken away again", () => {
  fc.assert(
    fc.property(rows, rows, (left, right) => {
      const merged = regressionOf(left, 2);
      mergeRegression(merged, regressionOf(right, 2));
      same(merged, regressionOf([...left, ...right], 2));
      subtractRegression(merged, regressionOf(right, 2));
      same(merged, regressionOf(left, 2));
    }),
  );
});

test("a reverted row leaves no trace", () => {
  fc.assert(
    fc.property(rows, pair, (kept, [truth, predicted, weight]) => {
      const state = regressionOf(kept, 2);
      recordRegression(state, truth, predicted, weight);
      revertRegression(state, truth, predicted, weight);
      same(state, regressionOf(kept, 2));
      assert.equal(regressionRows(state), kept.length);
    }),
  );
});

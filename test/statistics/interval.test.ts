import assert from "node:assert/strict";
import { test } from "node:test";
import { effectiveCount, meanInterval, meanOfIntervals, wilsonInterval } from "../../src/statistics/interval.ts";

test("Wilson's interval at 95 %", () => {
  const cases = [
    [95, 100, "0.888250", "0.978456"],
    [950, 1000, "0.934686", "0.961870"],
    [0, 30, "0.000000", "0.113513"],
    [30, 30, "0.886487", "1.000000"],
  ] as const;
  for (const [successes, trials, lower, upper] of cases) {
    const interval = wilsonInterval(successes / trials, trials);
    assert.equal(interval?.lower.toFixed(6), lower);
    assert.equal(interval?.upper.toFixed(6), upper);
  }
  assert.equal(wilsonInterval(0, 30)?.lower, 0);
  assert.equal(wilsonInterval(1, 30)?.upper, 1);
  assert.equal(wilsonInterval(0.5, 0), undefined);
  assert.equal(wilsonInterval(Number.NaN, 10), undefined);
});

test("a mean has three standard errors on each side, and stays within its bounds", () => {
  assert.deepEqual(meanInterval(0.5, 0.05), { lower: 0.35, upper: 0.65 });
  assert.deepEqual(meanInterval(0.05, 0.05, 0), { lower: 0, upper: 0.05 + 3 * 0.05 });
  assert.equal(meanInterval(Number.NaN, 0.05), undefined);
});

test("the distances of independent numbers add up in squares", () => {
  const interval = meanOfIntervals(
    [0.4, 0.6],
    [
      { lower: 0.1, upper: 0.8 },
      { lower: 0.2, upper: 0.9 },
    ],
  );
  assert.ok(Math.abs((interval?.lower ?? 0) - (0.5 - Math.hypot(0.15, 0.2))) < 1e-12);
  assert.ok(Math.abs((interval?.upper ?? 0) - (0.5 + Math.hypot(0.2, 0.15))) < 1e-12);
  assert.equal(meanOfIntervals([0.4], [undefined]), undefined);
  assert.equal(meanOfIntervals([], []), undefined);
});

test("equal weights count in full, one heavy row counts as one", () => {
  assert.equal(effectiveCount(20, 40), 10); // ten rows of weight 2
  assert.ok(Math.abs(effectiveCount(1009, 1_000_009) - 1.018) < 1e-3);
  assert.equal(effectiveCount(0, 0), 0);
});

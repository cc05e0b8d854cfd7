import assert from "node:assert/strict";
import { it } from "node:test";
import {
  addToBaseline,
  baselineDeviation,
  clearBaseline,
  createBaseline,
  reviewBaseline,
  standardized,
} from "../../src/statistics/baseline.ts";

/** A baseline of four values, with what the review said of each value after them. */
function reviewed(first: readonly number[], after: readonly number[]) {
  const baseline = createBaseline(first.length);
  for (const value of first) assert.ok(addToBaseline(baseline, value));
  assert.ok(!addToBaseline(baseline, 1));
  return { baseline, replaced: after.map((value) => reviewBaseline(baseline, value)) };
}

it("a baseline is mean and deviation of the first values, and values are told by it up to four deviations", () => {
  const { baseline } = reviewed([1, 3, 1, 3], []);
  assert.deepEqual([baseline.mean, baselineDeviation(baseline)], [2, 1]);
  assert.deepEqual(
    [2, 3.5, 100, -100].map((value) => standardized(baseline, value)),
    [0, 1.5, 4, -4],
  );
});

it("a baseline with an outlier is replaced once by the values after it", () => {
  const { baseline, replaced } = reviewed([1, 3, 1e6, 3], [1, 3, 1, 3, 7, 7, 7, 7]);
  assert.deepEqual(replaced, [false, false, false, true, false, false, false, false]);
  assert.deepEqual([baseline.mean, baselineDeviation(baseline)], [2, 1]);
  clearBaseline(baseline);
  assert.ok(addToBaseline(baseline, 5));
  assert.deepEqual([baseline.mean, baseline.review.count], [5, 0]);
});

it("a baseline stays that is not much wider than what comes after it", () => {
  for (const after of [
    [1, 3, 1, 3],
    [1.8, 2.2, 1.8, 2.2],
    [1, 3, 1e6, 3],
  ]) {
    const { baseline, replaced } = reviewed([1, 3, 1, 3], after);
    assert.ok(!replaced.includes(true));
    assert.equal(baselineDeviation(baseline), 1);
  }
});

it("a number that is always the same keeps its baseline", () => {
  for (const value of [0, 0.1, 1e100]) {
    const { replaced } = reviewed(new Array<number>(4).fill(value), new Array<number>(4).fill(value));
    assert.ok(!replaced.includes(true), `${value}`);
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  addToMoments,
  createMoments,
  m2Of,
  maxMomentMagnitude,
  meanOf,
  mergeMoments,
  subtractFromMoments,
  subtractMoments,
  varianceOf,
  weightOf,
} from "../../src/statistics/moments.ts";

const value = fc.double({ min: -1000, max: 1000, noNaN: true });
const values = fc.array(fc.record({ value, weight: fc.integer({ min: 1, max: 9 }) }), { maxLength: 50 });

function momentsOf(items: readonly { readonly value: number; readonly weight: number }[]) {
  const moments = createMoments();
  for (const item of items) addToMoments(moments, item.value, item.weight);
  return moments;
}

function same(a: Float64Array, b: Float64Array): void {
  for (const [index, expected] of b.entries()) {
    assert.ok(Math.abs(a[index]! - expected) <= 1e-6 * (1 + Math.abs(expected)), `${a} is not ${b}`);
  }
}

test("merged parts are the whole, and a part can be taken away again", () => {
  fc.assert(
    fc.property(values, values, (left, right) => {
      const merged = momentsOf(left);
      mergeMoments(merged, momentsOf(right));
      same(merged, momentsOf([...left, ...right]));
      subtractMoments(merged, momentsOf(right));
      same(merged, momentsOf(left));
    }),
  );
});

test("a value that is taken away again leaves no trace", () => {
  fc.assert(
    fc.property(values, value, (items, extra) => {
      const moments = momentsOf(items);
      addToMoments(moments, extra, 3);
      subtractFromMoments(moments, extra, 3);
      same(moments, momentsOf(items));
    }),
  );
});

test("a rolling mean takes away what leaves", () => {
  const moments = createMoments();
  const values = [1, 3, 5, 7];
  const means = values.map((one, index) => {
    addToMoments(moments, one);
    if (index >= 3) subtractFromMoments(moments, values[index - 3]!);
    return meanOf(moments);
  });
  assert.deepEqual(means, [1, 2, 3, 5]);
});

test("the spread does not cancel beside a large mean", () => {
  const moments = momentsOf([1e9, 1e9 + 1, 1e9 + 2].map((one) => ({ value: one, weight: 1 })));
  assert.equal(meanOf(moments), 1e9 + 1);
  assert.ok(Math.abs(m2Of(moments) - 2) < 1e-6);
  assert.ok(Math.abs(varianceOf(moments) - 2 / 3) < 1e-6);
});

test("what is not finite, or has no weight, is refused", () => {
  const moments = createMoments(2);
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, -2 * maxMomentMagnitude]) {
    assert.equal(addToMoments(moments, bad, 1, 1), false);
  }
  assert.equal(addToMoments(moments, 1, 0, 1), false);
  assert.equal(addToMoments(moments, 1, Number.NaN, 1), false);
  assert.equal(addToMoments(moments, maxMomentMagnitude, 1, 1), true);
  assert.equal(addToMoments(moments, -maxMomentMagnitude, 1, 1), true);
  assert.equal(weightOf(moments, 1), 2);
  assert.equal(weightOf(moments, 0), 0);
  assert.ok(Number.isFinite(m2Of(moments, 1)));
  assert.ok(Number.isNaN(meanOf(moments, 0)));
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Correction, significanceLevel } from "../../src/statistics/multiple-testing.ts";

const rejected = (pValues: readonly number[], alpha: number, correction: Correction) => {
  const level = significanceLevel(pValues, alpha, correction);
  return pValues.filter((p) => p <= level).length;
};

test("the example of Benjamini and Hochberg's paper", () => {
  const pValues = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719, 0.6528, 0.759, 1,
  ];
  assert.equal(rejected(pValues, 0.05, "none"), 9);
  assert.equal(rejected(pValues, 0.05, "bonferroni"), 3);
  assert.equal(rejected(pValues, 0.05, "holm"), 3);
  assert.equal(rejected(pValues, 0.05, "benjamini_hochberg"), 4);
});

test("Holm's steps go on where Bonferroni has stopped", () => {
  assert.equal(rejected([0.01, 0.02, 0.045], 0.05, "bonferroni"), 1);
  assert.equal(rejected([0.01, 0.02, 0.045], 0.05, "holm"), 3);
});

test("each correction rejects at least what the stricter one does", () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 40 }), (pValues) => {
      const counts = (["bonferroni", "holm", "benjamini_hochberg", "none"] as const).map((correction) =>
        rejected(pValues, 0.05, correction),
      );
      assert.deepEqual(
        counts,
        counts.toSorted((a, b) => a - b),
      );
    }),
    { numRuns: 300 },
  );
});

test("a score without a p-value counts as a test that rejects nothing", () => {
  assert.equal(significanceLevel([Number.NaN, 0.5], 0.05, "holm"), 0.025);
  assert.equal(significanceLevel([], 0.05, "bonferroni"), 0.05);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  createQualityEstimate,
  estimatedAccuracy,
  estimatedF1,
  estimatedPrecision,
  estimatedRecall,
  estimatedRocAuc,
  estimatedRows,
  expectedCounts,
  mergeQualityEstimate,
  type QualityEstimate,
  recordClassEstimate,
  recordRowEstimate,
  subtractQualityEstimate,
} from "../../src/statistics/quality-estimate.ts";
import { rocAuc } from "../../src/statistics/ranking.ts";
import { randomNumbers } from "../support/random-numbers.ts";

/** An estimate of binary rows whose scores are probabilities. */
function estimateOf(probabilities: readonly number[], threshold = 0.5): QualityEstimate {
  const estimate = createQualityEstimate(1, 400);
  for (const probability of probabilities) {
    const isPredicted = probability >= threshold;
    recordClassEstimate(estimate, 0, probability, probability, isPredicted);
    recordRowEstimate(estimate, isPredicted ? probability : 1 - probability);
  }
  return estimate;
}

test("four rows", () => {
  const estimate = estimateOf([0.9, 0.8, 0.3, 0.1]);
  const expected = expectedCounts(estimate, 0);
  const rounded = (value: number | undefined) => value?.toFixed(6);
  assert.equal(rounded(expected.truePositives), "1.700000");
  assert.equal(rounded(expected.falsePositives), "0.300000");
  assert.equal(rounded(expected.falseNegatives), "0.400000");
  assert.equal(rounded(expected.trueNegatives), "1.600000");
  assert.equal(rounded(estimatedAccuracy(estimate)?.value), "0.825000");
  assert.equal(rounded(estimatedPrecision(expected)?.value), "0.850000");
  assert.equal(rounded(estimatedRecall(expected)?.value), "0.809524");
  assert.equal(rounded(estimatedF1(expected)?.value), "0.829268");
  assert.equal(rounded(estimatedRocAuc(estimate, 0)?.value), "0.863409");
  assert.equal(rounded(rocAuc([0.9, 0.8, 0.3, 0.1], [0.9, 0.8, 0.3, 0.1])), "0.863409");
});

test("nothing has no estimate", () => {
  const estimate = createQualityEstimate(1, 10);
  assert.equal(estimatedAccuracy(estimate), undefined);
  assert.equal(estimatedPrecision(expectedCounts(estimate, 0)), undefined);
  assert.equal(estimatedRecall(expectedCounts(estimate, 0)), undefined);
  assert.equal(estimatedF1(expectedCounts(estimate, 0)), undefined);
  assert.equal(estimatedRocAuc(estimate, 0), undefined);
});

test("merged parts are the whole, and a part can be taken away again", () => {
  const probabilities = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 30 });
  const same = (a: QualityEstimate, b: QualityEstimate) => {
    const numbers = (estimate: QualityEstimate) => [...estimate.sums, ...(estimate.histograms[0]?.weights ?? [])];
    const expected = numbers(b);
    for (const [index, value] of numbers(a).entries()) assert.ok(Math.abs(value - expected[index]!) < 1e-9);
  };
  fc.assert(
    fc.property(probabilities, probabilities, (left, right) => {
      const merged = estimateOf(left);
      mergeQualityEstimate(merged, estimateOf(right));
      same(merged, estimateOf([...left, ...right]));
      assert.equal(estimatedRows(merged), left.length + right.length);
      subtractQualityEstimate(merged, estimateOf(right));
      same(merged, estimateOf(left));
    }),
  );
});

test("calibrated scores: realised metrics lie within three standard errors in 99 % of windows", () => {
  const uniform = randomNumbers(2026);
  const windows = 1000;
  const outside = { accuracy: 0, precision: 0, recall: 0, f1: 0 };
  for (let window = 0; window < windows; window++) {
    const probabilities = Array.from({ length: 300 }, () => uniform() ** 2);
    const found = { tp: 0, fp: 0, fn: 0, tn: 0 };
    for (const probability of probabilities) {
      const isTrue = uniform() < probability;
      found[probability >= 0.5 ? (isTrue ? "tp" : "fp") : isTrue ? "fn" : "tn"] += 1;
    }
    const { tp, fp, fn, tn } = found;
    const estimate = estimateOf(probabilities);
    const expected = expectedCounts(estimate, 0);
    const check = (name: keyof typeof outside, value: number, told: ReturnType<typeof estimatedAccuracy>) => {
      if (Math.abs(value - told!.value) >= 3 * told!.standardError) outside[name] += 1;
    };
    check("accuracy", (tp + tn) / 300, estimatedAccuracy(estimate));
    check("precision", tp / (tp + fp), estimatedPrecision(expected));
    check("recall", tp / (tp + fn), estimatedRecall(expected));
    check("f1", (2 * tp) / (2 * tp + fp + fn), estimatedF1(expected));
  }
  for (const [name, count] of Object.entries(outside)) {
    assert.ok(count <= windows / 100, `${name}: ${count} of ${windows} windows outside`);
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { averagePrecision, rocAuc } from "../../src/statistics/ranking.ts";
import {
  binnedAveragePrecision,
  binnedRocAuc,
  createScoreHistogram,
  recordScore,
  scoreBin,
} from "../../src/statistics/score-histogram.ts";
import { randomNumbers } from "../support/random-numbers.ts";

function histogramOf(scores: readonly number[], positives: readonly number[], bins = 400) {
  const histogram = createScoreHistogram(bins);
  for (const [row, score] of scores.entries()) {
    const positive = positives[row]!;
    recordScore(histogram, scoreBin(score, bins), positive, 1 - positive);
  }
  return histogram;
}

test("area and average precision of four rows, exact and binned", () => {
  const scores = [0.1, 0.4, 0.35, 0.8];
  const positives = [0, 0, 1, 1];
  assert.equal(rocAuc(scores, positives), 0.75);
  assert.equal(averagePrecision(scores, positives)?.toFixed(6), "0.833333");
  const histogram = histogramOf(scores, positives);
  assert.equal(binnedRocAuc(histogram)?.value, 0.75);
  assert.equal(binnedAveragePrecision(histogram)?.toFixed(6), "0.833333");
});

test("a classifier that knows nothing, exact and with 5 equally wide bins", () => {
  const scores = [0, 0.5, 0.7, 0.8];
  const positives = [0, 1, 1, 0];
  assert.equal(rocAuc(scores, positives), 0.5);
  const equallyWide = createScoreHistogram(5);
  for (const [row, score] of scores.entries()) {
    recordScore(equallyWide, Math.floor(score * 4), positives[row]!, 1 - positives[row]!);
  }
  assert.equal(binnedRocAuc(equallyWide)?.value, 0.5);
  assert.equal(binnedRocAuc(histogramOf(scores, positives))?.value, 0.5);
});

test("one side only: there is no area", () => {
  assert.equal(rocAuc([0.1, 0.2, 0.9], [1, 1, 1]), undefined);
  assert.equal(binnedRocAuc(histogramOf([0.1, 0.2, 0.9], [1, 1, 1])), undefined);
  assert.equal(averagePrecision([0.1], [0]), undefined);
  assert.equal(binnedAveragePrecision(histogramOf([0.1], [0])), undefined);
});

test("bins ascend, and tell apart what lies near 0 and 1", () => {
  const probability = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(probability, probability, fc.integer({ min: 2, max: 1000 }), (a, b, bins) => {
      const [low, high] = a < b ? [a, b] : [b, a];
      assert.ok(scoreBin(low, bins) <= scoreBin(high, bins));
      assert.ok(scoreBin(low, bins) >= 0 && scoreBin(high, bins) < bins);
    }),
  );
  assert.notEqual(scoreBin(0.999, 400), scoreBin(0.9999, 400));
  assert.equal(scoreBin(Number.NaN, 400), 0);
});

test("binned differs from exact by at most half of the pairs that share a bin", () => {
  const row = fc.record({ score: fc.double({ min: 0, max: 1, noNaN: true }), positive: fc.constantFrom(0, 1) });
  fc.assert(
    fc.property(fc.array(row, { minLength: 2, maxLength: 200 }), (rows) => {
      const scores = rows.map(({ score }) => score);
      const positives = rows.map(({ positive }) => positive);
      const exact = rocAuc(scores, positives);
      const histogram = histogramOf(scores, positives);
      const binned = binnedRocAuc(histogram)?.value;
      if (exact === undefined || binned === undefined) return assert.equal(exact, binned);
      let shared = 0;
      let positiveCount = 0;
      for (let bin = 0; bin < histogram.bins; bin++) {
        shared += histogram.weights[bin]! * histogram.weights[histogram.bins + bin]!;
        positiveCount += histogram.weights[bin]!;
      }
      const pairs = positiveCount * (rows.length - positiveCount);
      assert.ok(Math.abs(exact - binned) <= shared / pairs / 2 + 1e-12);
    }),
  );
});

test("weights are rows: a row of weight 3 is three rows", () => {
  const weighted = rocAuc([0.2, 0.4, 0.6], [0, 1, 0], [3, 1, 2]);
  assert.equal(weighted, rocAuc([0.2, 0.2, 0.2, 0.4, 0.6, 0.6], [0, 0, 0, 1, 0, 0]));
});

test("the standard error is about what repetition shows", () => {
  const uniform = randomNumbers(7);
  const areas: number[] = [];
  let told = 0;
  for (let repetition = 0; repetition < 400; repetition++) {
    const scores: number[] = [];
    const positives: number[] = [];
    for (let row = 0; row < 200; row++) {
      const positive = uniform() < 0.4 ? 1 : 0;
      positives.push(positive);
      scores.push(Math.min(1, Math.max(0, 0.3 * positive + 0.7 * uniform())));
    }
    const area = binnedRocAuc(histogramOf(scores, positives))!;
    areas.push(area.value);
    told += area.standardError / 400;
  }
  const mean = areas.reduce((sum, area) => sum + area, 0) / areas.length;
  const seen = Math.sqrt(areas.reduce((sum, area) => sum + (area - mean) ** 2, 0) / (areas.length - 1));
  assert.ok(Math.abs(told / seen - 1) < 0.15, `told ${told}, seen ${seen}`);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fitCalibration } from "../../src/statistics/calibration-fit.ts";
import { applyIsotonic, fitIsotonic } from "../../src/statistics/isotonic.ts";
import { randomNumbers } from "../support/random-numbers.ts";

test("neighbours that fall are pooled, and lines join the pools", () => {
  const map = fitIsotonic([1, 2, 3, 4, 5], [0, 1, 0, 1, 1])!;
  assert.deepEqual([...map.scores], [1, 2, 3, 4, 5]);
  assert.deepEqual([...map.values], [0, 0.5, 0.5, 1, 1]);
  assert.equal(applyIsotonic(map, 0), 0);
  assert.equal(applyIsotonic(map, 1.5), 0.25);
  assert.equal(applyIsotonic(map, 2.7), 0.5);
  assert.equal(applyIsotonic(map, 3.5), 0.75);
  assert.equal(applyIsotonic(map, 9), 1);
});

test("equal scores share their weighted mean", () => {
  const map = fitIsotonic([0.5, 0.5, 0.9], [0, 1, 1], [3, 1, 1])!;
  assert.deepEqual([...map.values], [0.25, 1]);
  assert.equal(fitIsotonic([], []), undefined);
});

test("a map never falls and keeps the mean of the targets", () => {
  const row = fc.record({ score: fc.integer({ min: 0, max: 20 }), target: fc.constantFrom(0, 1) });
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 80 }), (rows) => {
      const scores = rows.map(({ score }) => score);
      const map = fitIsotonic(
        scores,
        rows.map(({ target }) => target),
      )!;
      for (let index = 1; index < map.values.length; index++) {
        assert.ok(map.values[index]! >= map.values[index - 1]!);
        assert.ok(map.scores[index]! > map.scores[index - 1]!);
      }
      const mapped = scores.reduce((sum, score) => sum + applyIsotonic(map, score), 0);
      assert.ok(Math.abs(mapped - rows.reduce((sum, { target }) => sum + target, 0)) < 1e-9);
    }),
  );
});

test("a fit lowers the error of scores that are no probabilities, over splits", () => {
  const uniform = randomNumbers(11);
  const scores = Array.from({ length: 5000 }, () => uniform());
  const isClass = scores.map((score) => (uniform() < score ** 3 ? 1 : 0));
  const fit = fitCalibration(scores, isClass)!;
  assert.ok(fit.errorBefore > 0.2, `before ${fit.errorBefore}`);
  assert.ok(fit.errorAfter < 0.03, `after ${fit.errorAfter}`);
  assert.ok(Math.abs(applyIsotonic(fit.map, 0.5) - 0.125) < 0.05);
  assert.equal(fit.sampleCount, 5000);
});

test("too few rows, or one class only, fit nothing", () => {
  const scores = Array.from({ length: 100 }, (_, row) => row / 100);
  const isClass = scores.map((score) => (score > 0.5 ? 1 : 0));
  assert.ok(fitCalibration(scores, isClass) !== undefined);
  assert.equal(fitCalibration(scores.slice(1), isClass.slice(1)), undefined);
  assert.equal(fitCalibration(scores, new Array(100).fill(1)), undefined);
});

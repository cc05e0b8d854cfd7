import assert from "node:assert/strict";
import { test } from "node:test";
import { sumOf } from "../../src/statistics/distribution-distance.ts";
import { chiSquareQuantile } from "../../src/statistics/incomplete-gamma.ts";
import { createNullDraws, fitTail } from "../../src/statistics/null-simulation.ts";
import { createRandomSource, randomBinomial, randomGamma } from "../../src/statistics/random.ts";

test("a tail extrapolated from 2,000 values to one in 100,000 is rather too heavy than too light", (t) => {
  for (const degreesOfFreedom of [1, 2, 9, 19]) {
    const truth = chiSquareQuantile(1e-5, degreesOfFreedom);
    const ratios = Array.from({ length: 30 }, (_, seed) => {
      const random = createRandomSource(seed);
      const values = Float64Array.from({ length: 2000 }, () => 2 * randomGamma(degreesOfFreedom / 2, random));
      return fitTail(values).quantile(1e-5) / truth;
    });
    const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
    t.diagnostic(
      `${degreesOfFreedom} degrees of freedom: ${mean.toFixed(3)} of the true quantile on average, at least ${Math.min(...ratios).toFixed(3)}`,
    );
    assert.ok(mean >= 1 && mean < 1.25, `mean ${mean}`);
    assert.ok(Math.min(...ratios) > 0.85);
  }
});

test("quantile and tail are each other's inverse", () => {
  const random = createRandomSource(1);
  const tail = fitTail(Float64Array.from({ length: 2000 }, () => randomGamma(2, random)));
  for (const p of [0.5, 0.2, 0.04, 1e-3, 1e-7])
    assert.ok(Math.abs(tail.tail(tail.quantile(p)) / p - 1) < 0.06, String(p));
  assert.ok(tail.tail(0) > 0.98);
});

test("windows without drift have all their rows, the reference's shares on average, and the variance of both sizes", () => {
  const reference = [10, 70, 20, 0];
  const draws = createNullDraws(reference, 501, 7);
  const sums = [0, 0, 0, 0];
  let squares = 0;
  const windows = 4000;
  for (let i = 0; i < windows; i++) {
    const counts = draws.next();
    assert.equal(sumOf(counts), 501);
    for (const [k, count] of counts.entries()) sums[k]! += count / 501 / windows;
    squares += (counts[1]! / 501 - 0.7) ** 2 / windows;
  }
  assert.ok(Math.abs(sums[1]! - 70 / 100.5) < 0.005 && Math.abs(sums[3]! - 0.5 / 100.5) < 0.002, String(sums));
  const expected = 0.7 * 0.3 * (1 / 101 + 1 / 501);
  assert.ok(Math.abs(squares / expected - 1) < 0.1, `${squares} of ${expected}`);
});

test("binomial draws have their mean and variance, whichever way they are drawn", () => {
  const random = createRandomSource(9);
  for (const [trials, p] of [
    [20, 0.1],
    [500, 0.02],
    [500, 0.7],
    [10_000, 0.3],
  ] as const) {
    const drawn = Array.from({ length: 4000 }, () => randomBinomial(trials, p, random));
    const mean = drawn.reduce((sum, x) => sum + x, 0) / drawn.length;
    const variance = drawn.reduce((sum, x) => sum + (x - mean) ** 2, 0) / drawn.length;
    const deviation = Math.sqrt(trials * p * (1 - p));
    assert.ok(Math.abs(mean - trials * p) < (4 * deviation) / Math.sqrt(4000), `mean ${mean} of ${trials} at ${p}`);
    assert.ok(Math.abs(variance / deviation ** 2 - 1) < 0.12, `variance ${variance} of ${trials} at ${p}`);
  }
  assert.deepEqual(
    [randomBinomial(10, 0, random), randomBinomial(10, 1, random), randomBinomial(0, 0.5, random)],
    [0, 10, 0],
  );
});

test("the same seed gives the same numbers", () => {
  const [a, b, c] = [createRandomSource(5), createRandomSource(5), createRandomSource(6)];
  const first = Array.from({ length: 5 }, a);
  assert.deepEqual(first, Array.from({ length: 5 }, b));
  assert.notDeepEqual(first, Array.from({ length: 5 }, c));
  assert.ok(first.every((x) => x >= 0 && x < 1));
});

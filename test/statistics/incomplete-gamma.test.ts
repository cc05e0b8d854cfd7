import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { chiSquareQuantile, chiSquareTail, logGamma } from "../../src/statistics/incomplete-gamma.ts";

test("the logarithm of the gamma function of integers is that of the factorial", () => {
  let factorial = 1;
  for (let n = 1; n < 20; n++) {
    assert.ok(Math.abs(logGamma(n) - Math.log(factorial)) < 1e-12 * Math.max(1, Math.log(factorial)), `n = ${n}`);
    factorial *= n;
  }
  assert.ok(Math.abs(logGamma(0.5) - Math.log(Math.PI) / 2) < 1e-14);
});

test("chi-square tails are scipy's to the printed digits", () => {
  const cases = [
    [16.918978, 9, 0.05, 1e-8],
    [27.877165, 9, 0.001, 1e-9],
    [3.174603, 5, 0.673088, 5e-7],
    [1.622409, 5, 0.898526, 5e-7],
  ] as const;
  for (const [x, df, expected, tolerance] of cases) {
    assert.ok(Math.abs(chiSquareTail(x, df) - expected) < tolerance, `${x}, ${df}: ${chiSquareTail(x, df)}`);
  }
  assert.equal(chiSquareTail(0, 3), 1);
  assert.equal(chiSquareTail(Number.POSITIVE_INFINITY, 3), 0);
  assert.ok(Number.isNaN(chiSquareTail(1, 0)));
});

test("with two degrees of freedom the tail is exponential, however small", () => {
  for (const x of [0.1, 1, 10, 100, 700]) {
    assert.ok(Math.abs(chiSquareTail(x, 2) / Math.exp(-x / 2) - 1) < 1e-12, `x = ${x}`);
  }
});

test("a quantile is where the tail is", () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-9, max: 0.999, noNaN: true }), fc.integer({ min: 1, max: 100 }), (tail, df) => {
      assert.ok(Math.abs(chiSquareTail(chiSquareQuantile(tail, df), df) / tail - 1) < 1e-9);
    }),
    { numRuns: 50 },
  );
  assert.equal(chiSquareQuantile(1, 4), 0);
  assert.equal(chiSquareQuantile(0, 4), Number.POSITIVE_INFINITY);
});

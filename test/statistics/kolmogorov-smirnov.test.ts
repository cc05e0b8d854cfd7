import assert from "node:assert/strict";
import { test } from "node:test";
import {
  kolmogorovCritical,
  kolmogorovSmirnov,
  kolmogorovSmirnovTail,
  kolmogorovTail,
} from "../../src/statistics/kolmogorov-smirnov.ts";

test("Kolmogorov's tail is scipy's to the printed digits, and its critical values are the tables'", () => {
  const cases = [
    [0.5, 0.963945, 5e-7],
    [1, 0.27, 5e-7],
    [1.358102, 0.05, 1e-6],
    [2, 0.00067092526, 5e-12],
  ] as const;
  for (const [x, expected, tolerance] of cases) {
    assert.ok(Math.abs(kolmogorovTail(x) - expected) < tolerance, `${x}: ${kolmogorovTail(x)}`);
  }
  assert.deepEqual(
    [0.05, 0.01, 0.001].map((alpha) => kolmogorovCritical(alpha).toFixed(3)),
    ["1.358", "1.628", "1.949"],
  );
  // The sample sizes from which a distance counts at 5 %.
  assert.equal(Math.ceil((kolmogorovCritical(0.05) / 0.05) ** 2), 738);
  assert.equal(Math.ceil((kolmogorovCritical(0.05) / 0.1) ** 2), 185);
});

test("the two series of the tail agree where they meet", () => {
  assert.ok(Math.abs(kolmogorovTail(1.18 - 1e-9) - kolmogorovTail(1.18)) < 1e-8);
  assert.equal(kolmogorovTail(0), 1);
  assert.equal(kolmogorovTail(-1), 1);
});

test("two samples of four, one value apart", () => {
  const distance = kolmogorovSmirnov([1, 2, 3, 4], [2, 3, 4, 5]);
  assert.equal(distance, 0.25);
  assert.equal(kolmogorovSmirnovTail(distance, 4, 4), 1);
});

test("the exact tail of samples that lie apart counts the two orders in which that happens", () => {
  // Of the 70 ways to mix four and four values, two separate them.
  assert.ok(Math.abs(kolmogorovSmirnovTail(1, 4, 4) - 2 / 70) < 1e-12);
  assert.ok(Math.abs(kolmogorovSmirnovTail(1, 2, 3) - 2 / 10) < 1e-12);
});

test("ties count once, and an empty sample has no distance", () => {
  assert.equal(kolmogorovSmirnov([1, 1, 1, 1], [1, 1]), 0);
  assert.ok(Number.isNaN(kolmogorovSmirnov([], [1])));
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { chiSquareContingency, chiSquareGoodnessOfFit } from "../../src/statistics/chi-square.ts";
import {
  binnedKolmogorovSmirnov,
  binnedWasserstein,
  hellinger,
  jensenShannon,
  largestDifference,
  populationStability,
  totalVariation,
  wasserstein,
} from "../../src/statistics/distribution-distance.ts";
import { kolmogorovSmirnov } from "../../src/statistics/kolmogorov-smirnov.ts";

const reference = [16, 18, 16, 14, 12, 12];
const current = [16, 16, 16, 16, 16, 8];

function close(actual: number, expected: string | number, message?: string): void {
  const digits = String(expected).split(".")[1]?.length ?? 0;
  assert.ok(
    Math.abs(actual - Number(expected)) <= 0.5001 * 10 ** -digits,
    `${message ?? ""} ${actual}, not ${expected}`,
  );
}

test("every score of one pair of counts, to the printed digits", () => {
  const fit = chiSquareGoodnessOfFit(reference, current);
  close(fit.statistic, "3.174603");
  close(fit.pValue, "0.673088");
  close(
    chiSquareGoodnessOfFit(
      reference.map((count) => 2 * count),
      current,
    ).pValue,
    "0.673088",
  );
  const table = chiSquareContingency(reference, current);
  close(table.statistic, "1.622409");
  close(table.pValue, "0.898526");
  assert.equal(table.degreesOfFreedom, 5);
  close(populationStability(reference, current), "0.0372184");
  close(jensenShannon(reference, current, Math.E), "0.0680482");
  close(jensenShannon(reference, current), "0.0817342");
  close(hellinger(reference, current), "0.0681277");
  close(largestDifference(reference, current), "0.0454545");
  close(totalVariation(reference, current), "0.0681818");
});

test("the single examples, to the printed digits", () => {
  close(populationStability([0.25, 0.25, 0.25, 0.25], [0.1, 0.2, 0.3, 0.4]), "0.2282174");
  close(populationStability([0.5, 0.5], [1, 0]), "4.6043185");
  close(jensenShannon([1, 0, 0], [0, 1, 0]), "1.0");
  close(jensenShannon([1, 0], [0.5, 0.5], Math.E), "0.46450140");
  close(wasserstein([0, 1, 3], [5, 6, 8]), "5.0");
  close(wasserstein([0, 1], [0, 1], [3, 1], [2, 2]), "0.25");
});

test("a category that the reference does not know makes the goodness of fit impossible, and nothing else", () => {
  assert.equal(chiSquareGoodnessOfFit([10, 10, 0], [10, 9, 1]).pValue, 0);
  assert.ok(chiSquareContingency([10, 10, 0], [10, 9, 1]).pValue > 0.5);
  assert.ok(Number.isFinite(populationStability([10, 10, 0], [10, 9, 1])));
});

test("an empty side has no distance", () => {
  for (const score of [populationStability, jensenShannon, hellinger, largestDifference, totalVariation]) {
    assert.ok(Number.isNaN(score([0, 0], [1, 2])), score.name);
    assert.ok(Number.isNaN(score([1, 2], [0, 0])), score.name);
  }
  assert.ok(Number.isNaN(binnedKolmogorovSmirnov([0, 0], [1, 1])));
  assert.ok(Number.isNaN(binnedWasserstein([0, 0], [1, 1], [0, 1])));
});

const counts = fc
  .array(fc.tuple(fc.nat(100), fc.nat(100)), { minLength: 2, maxLength: 12 })
  .filter((pairs) => pairs.some(([r]) => r > 0) && pairs.some(([, c]) => c > 0));

test("every score is 0 between equal distributions, symmetric, and within its bounds", () => {
  fc.assert(
    fc.property(counts, (pairs) => {
      const [r, c] = [pairs.map(([count]) => count), pairs.map(([, count]) => count)];
      const bounded = { jensenShannon, hellinger, largestDifference, totalVariation, binnedKolmogorovSmirnov };
      for (const [name, score] of Object.entries(bounded)) {
        const value = score(r, c);
        assert.ok(value >= 0 && value <= 1 + 1e-12, `${name}: ${value}`);
        assert.ok(Math.abs(value - score(c, r)) < 1e-12, name);
        assert.ok(
          score(
            r,
            r.map((count) => 3 * count),
          ) < 1e-7,
          name,
        );
      }
      assert.ok(populationStability(r, c) >= -1e-12);
    }),
    { numRuns: 200 },
  );
});

test("binned scores of single values are those of the values", () => {
  fc.assert(
    fc.property(counts, (pairs) => {
      const [r, c] = [pairs.map(([count]) => count), pairs.map(([, count]) => count)];
      const values = (column: readonly number[]) => column.flatMap((count, i) => new Array<number>(count).fill(i * i));
      const positions = pairs.map((_, i) => i * i);
      assert.ok(Math.abs(binnedKolmogorovSmirnov(r, c) - kolmogorovSmirnov(values(r), values(c))) < 1e-12);
      assert.ok(Math.abs(binnedWasserstein(r, c, positions) - wasserstein(values(r), values(c))) < 1e-9);
    }),
    { numRuns: 50 },
  );
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createMahalanobisScorer, mahalanobisScore } from "../../src/statistics/mahalanobis.ts";
import { createRandomSource, type RandomSource, randomNormal } from "../../src/statistics/random.ts";
import { RowSpread } from "../../src/statistics/row-spread.ts";

/** Normal numbers, some of which follow a common one. */
function drawRow(width: number, random: RandomSource): Float64Array {
  const common = randomNormal(random);
  return Float64Array.from({ length: width }, (_, i) => common * (i % 3) + randomNormal(random) * (1 + (i % 5)));
}

describe("the threshold of a spread", () => {
  const probability = 0.95;
  for (const [rows, width] of [
    [171, 30],
    [500, 30],
    [2000, 10],
  ] as const) {
    it(`is exceeded by about ${1 - probability} of new rows too: ${rows} rows of ${width} numbers`, (t) => {
      const repetitions = 20;
      const newRows = 500;
      let above = 0;
      for (let repetition = 0; repetition < repetitions; repetition++) {
        const random = createRandomSource(100 + repetition);
        const spread = new RowSpread(width);
        for (let i = 0; i < rows; i++) spread.add(drawRow(width, random));
        const fit = spread.fit(probability)!;
        const scorer = createMahalanobisScorer(fit.mean, fit.inverseCovariance);
        for (let i = 0; i < newRows; i++)
          above += Number(mahalanobisScore(scorer, drawRow(width, random)) > fit.threshold);
      }
      const share = above / (repetitions * newRows);
      t.diagnostic(
        `${(100 * share).toFixed(1)} % of ${repetitions * newRows} new rows, ${100 * (1 - probability)} % promised`,
      );
      assert.ok(share < 0.065 && share > 0.035, `${share}`);
    });
  }
});

it("leaves out rows with a number that is missing or infinite", () => {
  const spread = new RowSpread(2);
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) spread.add(Float64Array.of(1, bad));
  assert.equal(spread.count, 0);
  assert.equal(spread.fit(0.95), undefined);
});

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { choleskyFactor, inverseOf } from "../../src/statistics/cholesky.ts";
import {
  createMahalanobisScorer,
  fitMahalanobis,
  leaveOneOutScore,
  mahalanobisScore,
} from "../../src/statistics/mahalanobis.ts";
import { centralMoments, createRowMoments, recordRow, rowMeans } from "../../src/statistics/row-moments.ts";
import { ledoitWolf } from "../../src/statistics/shrunk-covariance.ts";
import { assertClose } from "./close.ts";

/** Made by make_covariance_fixture.py. */
interface Case {
  readonly name: string;
  readonly rows: readonly (readonly number[])[];
  readonly shrinkage: number;
  readonly covariance: readonly number[];
  readonly scaledShrinkage: number;
  readonly inverse: readonly number[];
  readonly scores: readonly number[];
}

const cases: readonly Case[] = JSON.parse(
  readFileSync(join(import.meta.dirname, "fixtures", "ledoit-wolf.json"), "utf8"),
);

function momentsOf(rows: readonly (readonly number[])[]) {
  const moments = createRowMoments(rows[0]!.length);
  for (const row of rows) recordRow(moments, row);
  return moments;
}

for (const { name, rows, ...expected } of cases) {
  describe(`of ${name}`, () => {
    const moments = momentsOf(rows);

    it("the shrunk covariance is scikit-learn's", () => {
      const { covariance, shrinkage } = ledoitWolf(moments);
      assertClose([shrinkage], [expected.shrinkage], 1e-9);
      assertClose(covariance, expected.covariance, 1e-9);
    });

    it("inverse and scores are those of scikit-learn's precision of rows of deviation 1", () => {
      const fit = fitMahalanobis(moments)!;
      assertClose([fit.shrinkage], [expected.scaledShrinkage], 1e-9);
      assertClose(fit.inverseCovariance, expected.inverse, 1e-7);
      const scorer = createMahalanobisScorer(fit.mean, fit.inverseCovariance);
      const scores = rows.slice(0, 10).map((row) => mahalanobisScore(scorer, row));
      assertClose(scores, expected.scores, 1e-7);
    });
  });
}

describe("a score", () => {
  const scorer = createMahalanobisScorer([1, 2], [2, 0.5, 0.5, 1]);
  it("is (x - mean) * inverse * (x - mean)", () => {
    assert.equal(mahalanobisScore(scorer, [1, 2]), 0);
    assert.equal(mahalanobisScore(scorer, [2, 4]), 2 + 2 * 0.5 * 2 + 4);
  });
  it("of a row that lacks numbers is that of the others alone, and infinite where one is", () => {
    // The inverse of the second number's own variance, 1 / (2 / (2 * 1 - 0.5 * 0.5)), times its deviation squared.
    assertClose([mahalanobisScore(scorer, [Number.NaN, 4])], [(1.75 / 2) * 4], 1e-12);
    assert.equal(mahalanobisScore(scorer, [Number.NaN, Number.NaN]), 0);
    assert.equal(mahalanobisScore(scorer, [Number.NEGATIVE_INFINITY, 4]), Number.POSITIVE_INFINITY);
  });
  it("of a row too far away for doubles is infinite, also where its terms are so from both sides", () => {
    const correlated = createMahalanobisScorer([0, 0], [1, -0.9, -0.9, 1]);
    assert.equal(mahalanobisScore(correlated, [1e200, 1e200]), Number.POSITIVE_INFINITY);
  });
});

it("a score without some numbers is that of a fit that never had them", () => {
  const { rows } = cases[0]!;
  const whole = fitMahalanobis(momentsOf(rows))!;
  const covariance = inverseOf(choleskyFactor(whole.inverseCovariance, 5)!, 5);
  const kept = [0, 2, 4];
  const part = kept.flatMap((i) => kept.map((j) => covariance[i * 5 + j]!));
  const mean = kept.map((i) => whole.mean[i]!);
  const scorer = createMahalanobisScorer(whole.mean, whole.inverseCovariance);
  const others = createMahalanobisScorer(mean, inverseOf(choleskyFactor(part, 3)!, 3));
  for (const row of rows) {
    const lacking = row.map((value, i) => (kept.includes(i) ? value : Number.NaN));
    const expected = mahalanobisScore(
      others,
      kept.map((i) => row[i]!),
    );
    assertClose([mahalanobisScore(scorer, lacking)], [expected], 1e-7);
  }
});

it("there is no score where too many numbers are missing", () => {
  const size = 20;
  const identity = Array.from({ length: size * size }, (_, at) => Number(at % (size + 1) === 0));
  const scorer = createMahalanobisScorer(new Float64Array(size), identity);
  assert.ok(Number.isNaN(mahalanobisScore(scorer, new Array(size).fill(Number.NaN))));
  assert.equal(mahalanobisScore(scorer, new Array(size).fill(2)), 4 * size);
});

describe("a score of a row of the fit, as if the fit had been made without it", () => {
  it("is just that where the covariance was not shrunk", () => {
    const { rows } = cases[3]!;
    const fit = (of: readonly (readonly number[])[]) => {
      const moments = momentsOf(of);
      const covariance = centralMoments(moments).products.map((product) => product / moments.count);
      const inverseCovariance = inverseOf(choleskyFactor(covariance, 6)!, 6);
      return { columns: [0, 1, 2, 3, 4, 5], mean: rowMeans(moments), inverseCovariance, shrinkage: 0 };
    };
    const whole = fit(rows);
    const scorer = createMahalanobisScorer(whole.mean, whole.inverseCovariance);
    for (const index of [0, 7, 50]) {
      const without = fit(rows.toSpliced(index, 1));
      const expected = mahalanobisScore(createMahalanobisScorer(without.mean, without.inverseCovariance), rows[index]!);
      const actual = leaveOneOutScore(mahalanobisScore(scorer, rows[index]!), whole, rows.length);
      assertClose([actual], [expected], 1e-7);
    }
  });
});

describe("a fit", () => {
  it("leaves out numbers that are always the same, and bears numbers that follow from others", () => {
    const rows = Array.from({ length: 2000 }, (_, i) => [i % 7, 5, 2 * (i % 7), (i * i) % 11]);
    const fit = fitMahalanobis(momentsOf(rows))!;
    assert.deepEqual(fit.columns, [0, 2, 3]);
    assert.ok(fit.inverseCovariance.every(Number.isFinite));
    const scorer = createMahalanobisScorer(fit.mean, fit.inverseCovariance);
    // 2 and 4 are ordinary by themselves; together they are what the rows never have.
    assert.ok(mahalanobisScore(scorer, [6, 0, 5]) > 10 * mahalanobisScore(scorer, [6, 12, 5]));
  });
  it("is none without rows that differ", () => {
    assert.equal(fitMahalanobis(createRowMoments(2)), undefined);
    assert.equal(
      fitMahalanobis(
        momentsOf([
          [1, 2],
          [1, 2],
          [1, 2],
        ]),
      ),
      undefined,
    );
  });
});

import assert from "node:assert/strict";
import { it } from "node:test";
import fc from "fast-check";
import {
  centralMoments,
  createRowMoments,
  mergeRowMoments,
  type RowMoments,
  recordRow,
  revertRow,
  rowMeans,
  subtractRowMoments,
} from "../../src/statistics/row-moments.ts";
import { ledoitWolf } from "../../src/statistics/shrunk-covariance.ts";
import { assertClose } from "./close.ts";

type Rows = readonly (readonly number[])[];

const width = 3;
const someRows = fc.array(
  fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: width, maxLength: width }),
  { maxLength: 30 },
);

function momentsOf(rows: Rows): RowMoments {
  const moments = createRowMoments(width);
  for (const row of rows) recordRow(moments, row);
  return moments;
}

/** Products of two, three, four numbers up to 100 of up to 60 rows: rounding grows with them. */
function assertSame(one: RowMoments, other: RowMoments): void {
  assert.equal(one.count, other.count);
  if (one.count === 0) return;
  const [a, b] = [centralMoments(one), centralMoments(other)];
  assertClose(rowMeans(one), rowMeans(other), 1e-9, 1e-9);
  assertClose(a.products, b.products, 1e-9, 1e-7);
  assertClose(a.thirds, b.thirds, 1e-9, 1e-5);
  assertClose(a.fourths, b.fourths, 1e-9, 1e-3);
}

it("merge(a, b) is the whole, and subtracting b gives a again", () => {
  fc.assert(
    fc.property(someRows, someRows, (first, second) => {
      const merged = momentsOf(first);
      mergeRowMoments(merged, momentsOf(second));
      assertSame(merged, momentsOf([...first, ...second]));
      subtractRowMoments(merged, momentsOf(second));
      assertSame(merged, momentsOf(first));
    }),
    { numRuns: 100 },
  );
});

it("a row that is taken back was never there", () => {
  const moments = momentsOf([
    [1, 2, 3],
    [4, 5, 7],
  ]);
  recordRow(moments, [100, -50, 2]);
  revertRow(moments, [100, -50, 2]);
  assertSame(
    moments,
    momentsOf([
      [1, 2, 3],
      [4, 5, 7],
    ]),
  );
  revertRow(moments, [1, 2, 3]);
  revertRow(moments, [4, 5, 7]);
  assert.equal(moments.count, 0);
  assert.ok(moments.fourths.every((sum) => sum === 0));
});

it("rows with NaN, infinities or numbers that would overflow never reach a sum", () => {
  const moments = createRowMoments(2);
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e100]) {
    assert.equal(recordRow(moments, [1, bad]), false);
    revertRow(moments, [1, bad]);
  }
  assert.equal(moments.count, 0);
  assert.equal(recordRow(moments, [9, 1, 2], 1), true);
  assert.deepEqual([...rowMeans(moments)], [1, 2]);
});

it("does not cancel where values are large beside their spread", () => {
  const random = (i: number) => Math.sin(i * 12.9898) * 0.5;
  const near = createRowMoments(2);
  const far = createRowMoments(2);
  for (let i = 0; i < 500; i++) {
    recordRow(near, [random(i), random(i + 1000)]);
    recordRow(far, [1e6 + random(i), -1e6 + random(i + 1000)]);
  }
  assertClose(ledoitWolf(far).covariance, ledoitWolf(near).covariance, 1e-6, 1e-9);
});

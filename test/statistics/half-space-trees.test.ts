import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  createHalfSpaceTrees,
  type HalfSpaceTrees,
  halfSpaceScore,
  learnRow,
} from "../../src/statistics/half-space-trees.ts";
import { randomNumbers } from "../support/random-numbers.ts";

const unit = { minimums: [0, 0, 0], maximums: [1, 1, 1], seed: 42 };

function rowsOf(count: number, seed: number): number[][] {
  const random = randomNumbers(seed);
  const near = () => 0.3 + 0.1 * (random() + random());
  return Array.from({ length: count }, () => [near(), near(), near()]);
}

function learned(rows: readonly (readonly number[])[], options = unit): HalfSpaceTrees {
  const trees = createHalfSpaceTrees(options);
  for (const row of rows) learnRow(trees, row);
  return trees;
}

describe("half-space trees", () => {
  it("score 0 until the first window of 250 rows is full", () => {
    const trees = createHalfSpaceTrees(unit);
    for (const row of rowsOf(250, 1)) {
      assert.equal(halfSpaceScore(trees, row), 0);
      learnRow(trees, row);
    }
    assert.ok(halfSpaceScore(trees, [0.4, 0.4, 0.4]) > 0);
  });

  it("score a gross outlier higher than every ordinary row", () => {
    const trees = learned(rowsOf(1000, 1));
    const ordinary = rowsOf(500, 2).map((row) => halfSpaceScore(trees, row));
    for (const outlier of [
      [1, 0, 1],
      [0.9, 0.4, 0.9],
      [50, -50, 50],
      [Infinity, -Infinity, Infinity],
    ]) {
      const score = halfSpaceScore(trees, outlier);
      assert.ok(score > Math.max(...ordinary), `${outlier} scores ${score}, others up to ${Math.max(...ordinary)}`);
      assert.ok(score <= 1);
    }
  });

  it("are the same for the same seed, and others for another", () => {
    const rows = rowsOf(300, 3);
    assert.equal(halfSpaceScore(learned(rows), [0.5, 0.5, 0.2]), halfSpaceScore(learned(rows), [0.5, 0.5, 0.2]));
    const others = learned(rows, { ...unit, seed: 43 });
    assert.notDeepEqual(others.cuts, learned(rows).cuts);
  });

  it("forget: what becomes usual scores low again", () => {
    const trees = learned(rowsOf(500, 1));
    const moved = rowsOf(500, 4).map((row) => row.map((value) => value + 0.5));
    const before = halfSpaceScore(trees, [0.9, 0.9, 0.9]);
    for (const row of moved) learnRow(trees, row);
    assert.ok(halfSpaceScore(trees, [0.9, 0.9, 0.9]) < before);
    assert.ok(halfSpaceScore(trees, [0.4, 0.4, 0.4]) > halfSpaceScore(trees, [0.9, 0.9, 0.9]));
  });

  it("count a row once in each level of each tree, and none twice", () => {
    const trees = createHalfSpaceTrees({ ...unit, trees: 3, height: 4, window: 100 });
    for (const row of rowsOf(60, 1)) learnRow(trees, row);
    const nodes = 31;
    for (let tree = 0; tree < 3; tree++) {
      const masses = trees.latest.subarray(tree * nodes, (tree + 1) * nodes);
      for (let node = 0; node < 15; node++) assert.equal(masses[2 * node + 1]! + masses[2 * node + 2]!, masses[node]);
      assert.equal(masses[0], 60);
    }
  });

  it("go where more rows lay for a number that is missing", () => {
    const trees = learned(rowsOf(500, 1));
    const [usual, unusual] = [halfSpaceScore(trees, [Number.NaN, 0.4, 0.4]), halfSpaceScore(trees, [0.95, 0.4, 0.4])];
    assert.ok(usual < unusual);
  });

  it("bear numbers that are always the same", () => {
    const trees = learned(new Array(300).fill([5, 0, 1]), { minimums: [5, 0, 1], maximums: [5, 0, 1], seed: 1 });
    assert.ok(halfSpaceScore(trees, [9, 3, -3]) > halfSpaceScore(trees, [5, 0, 1]));
  });
});

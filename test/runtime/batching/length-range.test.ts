import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { chooseBuckets } from "../../../src/runtime/batching/length-range.ts";
import type { RunTimeEstimate } from "../../../src/runtime/batching/run-time-model.ts";

/** Lengths 1, 2, 4 and 8, each step of which costs a row so much. */
const costs =
  (fixedMs: number, perStepMs: number, known: readonly number[] = [0, 1, 2, 3]) =>
  (bucket: number): RunTimeEstimate | undefined =>
    known.includes(bucket) ? { fixedMs, perRowMs: perStepMs * 2 ** bucket, spreadMs: 0, runs: 9 } : undefined;

describe("chooseBuckets", () => {
  const choose = (rows: readonly number[], head: number, estimate = costs(1, 0.1), maxRows = 8) => {
    const { low, high } = chooseBuckets({ lengths: [1, 2, 4, 8], rows, head, maxRows }, estimate);
    return [low, high];
  };

  it("runs everything together where a run costs much beside its rows", () => {
    assert.deepEqual(choose([1, 1, 1, 1], 1, costs(10, 0.1)), [0, 3]);
  });
  it("runs each length by itself where rows cost much beside a run", () => {
    assert.deepEqual(choose([4, 4, 4, 4], 1, costs(0.01, 1)), [1, 1]);
  });
  it("takes neighbours along, not what is far", () => {
    // Apart: 1.1 + 1.2 + 1.8 for one row each of length 1, 2 and 8. With the two short ones together 1.4 + 1.8, all three 3.4.
    assert.deepEqual(choose([1, 1, 0, 1], 0), [0, 1]);
  });
  it("runs the head's bucket in any case, at its length or a longer one", () => {
    assert.deepEqual(choose([0, 0, 0, 1], 3), [3, 3]);
    assert.deepEqual(choose([8, 0, 0, 1], 0, costs(0.5, 0.1)), [0, 0]);
  });
  it("never leaves the head behind, however much the others would save", () => {
    assert.deepEqual(choose([8, 0, 1, 1], 0), [0, 0]);
  });
  it("counts the runs that so many rows take", () => {
    // 8 and 8 rows are two runs together as well: nothing is saved.
    assert.deepEqual(choose([8, 8, 0, 0], 0, costs(1, 0.001)), [0, 0]);
    assert.deepEqual(choose([4, 4, 0, 0], 0, costs(1, 0.001)), [0, 1]);
  });
  it("pads to no length of which it knows nothing", () => {
    assert.deepEqual(choose([1, 1, 1, 1], 1, costs(10, 0.1, [])), [1, 1]);
    assert.deepEqual(choose([1, 1, 1, 1], 0, costs(10, 0.1, [0, 1])), [0, 1]);
  });
  it("is not misled by what a short length took long ago", () => {
    const estimate = (bucket: number): RunTimeEstimate =>
      bucket === 0
        ? { fixedMs: 50, perRowMs: 9, spreadMs: 0, runs: 1 }
        : { fixedMs: 1, perRowMs: 0.5 * 2 ** bucket, spreadMs: 0, runs: 99 };
    assert.deepEqual(choose([4, 0, 0, 4], 3, estimate), [3, 3]);
  });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BlockRing } from "../../../src/monitor/evaluate/block-ring.ts";

interface Count {
  rows: number;
}

const create = (): Count => ({ rows: 0 });
const rowsOf = ({ rows }: Count) => rows;

test("a window is the complete blocks before a moment, newest first", () => {
  const ring = new BlockRing<Count>({ blockMs: 10, blocks: 3, create });
  for (const atMs of [3, 12, 15, 22, 31, 42]) ring.at(atMs, atMs)!.rows++;
  const starts = (untilMs: number, rows = 0) => ring.window(untilMs, rows, rowsOf).map(({ startMs }) => startMs);
  assert.deepEqual(starts(40), [30, 20, 10]);
  assert.deepEqual(starts(50), [40, 30, 20]);
  assert.deepEqual(starts(45), [40, 30, 20, 10], "the block that has begun belongs to a window that ends inside it");
  assert.deepEqual(starts(40, 2), [30, 20], "by count: ends with the block that completes it");
  assert.deepEqual(starts(40, 3), [30, 20, 10]);
});

test("late and early moments find their block, or none", () => {
  const ring = new BlockRing<Count>({ blockMs: 10, blocks: 2, kept: 4, create });
  ring.at(105, 105)!.rows = 1;
  assert.equal(ring.at(61, 105)?.rows, 0, "made between");
  assert.equal(ring.at(59, 105), undefined, "older than the ring");
  assert.equal(ring.at(110, 105), undefined, "in the future");
  assert.equal(ring.at(Number.NaN, 105), undefined);
  ring.at(85, 105)!.rows = 7;
  assert.equal(ring.at(84, 105)?.rows, 7);
  assert.deepEqual(
    ring.all().map(({ startMs }) => startMs),
    [60, 80, 100],
  );
  ring.expire(125);
  assert.deepEqual(
    ring.all().map(({ startMs }) => startMs),
    [80, 100],
  );
});

test("whatever comes in whatever order, a ring is bounded, ascending, and counts what is young enough", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(300), fc.nat(120)), { maxLength: 60 }), (events) => {
      const ring = new BlockRing<Count>({ blockMs: 10, blocks: 3, kept: 5, create });
      const taken: number[] = [];
      let nowMs = 1000;
      for (const [stepMs, ageMs] of events) {
        nowMs += stepMs;
        const state = ring.at(nowMs - ageMs, nowMs);
        assert.equal(state !== undefined, ring.startOf(nowMs - ageMs) >= ring.startOf(nowMs) - 50);
        if (state === undefined) continue;
        state.rows++;
        taken.push(nowMs - ageMs);
      }
      const starts = ring.all().map(({ startMs }) => startMs);
      assert.deepEqual(
        starts,
        [...new Set(starts)].sort((a, b) => a - b),
      );
      assert.ok(starts.length <= ring.capacity);
      const expected = taken.filter((atMs) => ring.startOf(atMs) >= ring.startOf(nowMs) - 30).length;
      const counted = ring.window(nowMs).reduce((sum, { state }) => sum + state.rows, 0);
      const inCurrentAtEdge = nowMs % 10 === 0 ? taken.filter((atMs) => atMs === nowMs).length : 0;
      assert.equal(counted, expected - inCurrentAtEdge);
    }),
  );
});

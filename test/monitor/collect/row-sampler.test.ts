import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RowSampler } from "../../../src/monitor/collect/row-sampler.ts";

function chosenOf(sampler: RowSampler, rows: number, nowMs: number): number[] {
  const chosen: number[] = [];
  for (let row = sampler.first(rows, nowMs); row >= 0; row = sampler.next(row, rows)) chosen.push(row);
  return chosen;
}

test("below the limit every row is chosen", () => {
  const sampler = new RowSampler(1000);
  for (let second = 0; second < 5; second++) {
    for (let i = 0; i < 90; i++) assert.equal(chosenOf(sampler, 10, second * 1000 + i * 11).length, 10);
    sampler.adapt((second + 1) * 1000);
  }
  assert.equal(sampler.probability, 1);
  assert.deepEqual([sampler.seen, sampler.chosen], [4500, 4500]);
  assert.equal(sampler.ratePerSecond, 900);
  assert.equal(sampler.chosenPerSecond, 900);
});

test("never more than the limit in any second beside one second's worth of tokens, whatever comes", () => {
  const loads = fc.array(fc.tuple(fc.nat(300), fc.integer({ min: 0, max: 500 })), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(loads, fc.integer({ min: 1, max: 200 }), fc.nat(), (load, limit, seed) => {
      const sampler = new RowSampler(limit, seed);
      let [nowMs, adaptedMs] = [0, 0];
      for (const [stepMs, rows] of load) {
        nowMs += stepMs;
        const chosen = chosenOf(sampler, rows, nowMs);
        assert.ok(chosen.every((row, i) => row < rows && (i === 0 || row > (chosen[i - 1] ?? 0))));
        if (nowMs - adaptedMs >= 1000) {
          sampler.adapt(nowMs);
          adaptedMs = nowMs;
        }
      }
      assert.ok(sampler.chosen <= limit + (limit * nowMs) / 1000 + 1, `${sampler.chosen} of ${sampler.seen}`);
    }),
  );
});

test("above the limit rows are chosen alike wherever they stand, at nearly the limit", () => {
  const sampler = new RowSampler(1000);
  const byPlace = new Float64Array(50);
  let nowMs = 0;
  for (let second = 0; second < 60; second++) {
    for (let i = 0; i < 200; i++) {
      for (const row of chosenOf(sampler, 50, nowMs)) if (second >= 10) byPlace[row]!++;
      nowMs += 5;
    }
    sampler.adapt(nowMs);
  }
  const total = byPlace.reduce((sum, count) => sum + count, 0);
  assert.ok(total > 45_000 && total <= 51_000, `${total}`);
  // Chi-square with 49 degrees of freedom: 99.9 % are below 85.4.
  const chiSquare = byPlace.reduce((sum, count) => sum + (count - total / 50) ** 2 / (total / 50), 0);
  assert.ok(chiSquare < 85.4, `${chiSquare}`);
});

test("a limit of 0 chooses nothing, and a request without rows none", () => {
  const off = new RowSampler(0);
  assert.deepEqual(chosenOf(off, 100, 0), []);
  off.adapt(0);
  off.adapt(1000);
  assert.deepEqual(chosenOf(off, 100, 0), []);
  assert.equal(off.seen, 200);
  assert.deepEqual(chosenOf(new RowSampler(10), 0, 0), []);
});

test("the same rows are chosen again by the same seed, others by another", () => {
  const choose = (seed: number) => {
    const sampler = new RowSampler(100, seed);
    sampler.adapt(0);
    chosenOf(sampler, 100_000, 500);
    sampler.adapt(1000);
    return chosenOf(sampler, 10_000, 10_000);
  };
  assert.deepEqual(choose(1), choose(1));
  assert.notDeepEqual(choose(1), choose(2));
});

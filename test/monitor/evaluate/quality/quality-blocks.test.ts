import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { QualityBlocks } from "../../../../src/monitor/evaluate/quality/quality-blocks.ts";
import { addToMoments, createMoments, meanOf, mergeMoments } from "../../../../src/statistics/moments.ts";

const minute = 60_000;
const startMs = Date.UTC(2026, 0, 1);

/** Blocks whose states are plain counts. */
function countBlocks(labelHorizonMs: number, maxBlocks = 100, windowBlocks = 10) {
  return new QualityBlocks<{ rows: number }, { rows: number }>({
    blockMs: minute,
    windowBlocks,
    labelHorizonMs,
    maxBlocks,
    createJudged: () => ({ rows: 0 }),
    createSeen: () => ({ rows: 0 }),
    mergeSeen: (target, source) => {
      target.rows += source.rows;
    },
  });
}

const tell = (blocks: ReturnType<typeof countBlocks>, atMs: number, nowMs: number) =>
  blocks.changeAt(atMs, nowMs, (judged) => {
    judged.rows += 1;
    return 1;
  });

test("every truth within the horizon has a block, none beyond it, and memory is bounded", () => {
  for (const horizonMinutes of [10, 99, 1000, 100_000]) {
    const blocks = countBlocks(horizonMinutes * minute);
    for (let age = 0; age <= horizonMinutes; age += Math.ceil(horizonMinutes / 500)) {
      assert.ok(tell(blocks, startMs - age * minute, startMs), `${age} of ${horizonMinutes} minutes`);
    }
    assert.ok(!tell(blocks, startMs - 1.2 * (horizonMinutes + 100) * minute, startMs));
    assert.ok(blocks.size <= blocks.capacity);
    assert.ok(blocks.capacity <= 210, `${blocks.capacity} blocks`);
  }
});

test("what the clock of another server puts into the future counts now", () => {
  const blocks = countBlocks(100 * minute);
  assert.ok(tell(blocks, startMs + 5 * minute, startMs));
  assert.equal(blocks.latest(startMs).blocks[0]?.state.outcomes, 1);
});

test("coverage counts every prediction and truth of the horizon once, in whichever grain", () => {
  const step = fc.record({
    passMs: fc.integer({ min: 0, max: 90_000 }),
    predictions: fc.integer({ min: 0, max: 9 }),
    toldAgoMs: fc.option(fc.integer({ min: 0, max: 50 * minute })),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.constantFrom(60, 5000), (steps, horizonMinutes) => {
      const blocks = countBlocks(horizonMinutes * minute, 70);
      let nowMs = startMs;
      let predictions = 0;
      let outcomes = 0;
      for (const { passMs, predictions: rows, toldAgoMs } of steps) {
        const endMs = Math.floor((nowMs + passMs) / minute) * minute;
        if (endMs > nowMs) blocks.endBlocks(endMs);
        nowMs += passMs;
        if (rows > 0) blocks.addPredictions(rows, nowMs);
        predictions += rows;
        if (toldAgoMs !== null && tell(blocks, nowMs - toldAgoMs, nowMs)) outcomes += 1;
      }
      assert.deepEqual(blocks.coverage(), { predictions, outcomes });
    }),
  );
});

test("what was seen is told when its block ends, once, also where ends were missed", () => {
  const blocks = countBlocks(5000 * minute);
  const seen: number[] = [];
  for (let block = 0; block < 6; block++) {
    const nowMs = startMs + block * minute + 30_000;
    const state = blocks.seenAt(nowMs);
    if (state !== undefined) state.rows += block + 1;
    if (block % 3 === 2) blocks.endBlocks(startMs + (block + 1) * minute, ({ rows }) => seen.push(rows));
  }
  assert.deepEqual(seen, [1, 2, 3, 4, 5, 6]);
});

test("the window of truths ends with the newest block that gives it enough, else with the newest that has any", () => {
  const blocks = countBlocks(5000 * minute);
  const nowMs = startMs + 30_000;
  for (let row = 0; row < 5; row++) tell(blocks, startMs - 20 * minute, nowMs);
  tell(blocks, startMs - 2 * minute, nowMs);
  assert.equal(blocks.judged(nowMs, 5)?.toMs, startMs - 19 * minute);
  assert.equal(blocks.judged(nowMs, 6)?.toMs, startMs - minute, "no window has six");
  for (let row = 0; row < 5; row++) tell(blocks, startMs, nowMs);
  assert.equal(blocks.judged(nowMs, 6)?.toMs, nowMs);
  assert.equal(blocks.judged(nowMs, 5)?.blocks.length, 2);
  assert.equal(countBlocks(minute).judged(nowMs, 1), undefined);
});

test("a window by time: the mean of three days, one value a day", () => {
  const day = 24 * 60 * minute;
  const blocks = new QualityBlocks<Float64Array, never>({
    blockMs: day,
    windowBlocks: 3,
    labelHorizonMs: 10 * day,
    maxBlocks: 20,
    createJudged: () => createMoments(),
    createSeen: () => undefined,
    mergeSeen: () => {},
  });
  const means = [1, 5, 9, 13].map((value, index) => {
    const atMs = startMs + index * day;
    blocks.changeAt(atMs, atMs, (judged) => (addToMoments(judged, value) ? 1 : 0));
    const merged = createMoments();
    for (const { state } of blocks.judged(atMs + day, 1)?.blocks ?? []) {
      if (state.judged !== undefined) mergeMoments(merged, state.judged);
    }
    return meanOf(merged);
  });
  assert.deepEqual(means, [1, 3, 5, 9]);
});

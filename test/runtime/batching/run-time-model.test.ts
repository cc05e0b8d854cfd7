import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createRandom } from "../../../bench/random.ts";
import { maxShapeBuckets as exportedBuckets } from "../../../src/monitor/telemetry/attribute-values.ts";
import {
  byteBucketOf,
  learnRun,
  maxShapeBuckets,
  predictRunMs,
  RunTimeModel,
  type RunTimeState,
  unknownRunTime,
} from "../../../src/runtime/batching/run-time-model.ts";

interface Run {
  readonly rows: number;
  readonly ms: number;
}

const learned = (runs: readonly Run[], from: RunTimeState = unknownRunTime): RunTimeState =>
  runs.reduce((state, { rows, ms }) => learnRun(state, rows, ms), from);

/** Runs of random sizes that take `a + b * rows`, each off by up to `noise` of it. */
function runsOf(a: number, b: number, noise: number, count: number, random: () => number): Run[] {
  return Array.from({ length: count }, () => {
    const rows = 1 + Math.floor(random() * 64);
    return { rows, ms: (a + b * rows) * (1 + noise * (2 * random() - 1)) };
  });
}

const near = (value: number, expected: number, tolerance: number, what: string) =>
  assert.ok(Math.abs(value - expected) <= tolerance, `${what} is ${value}, expected ${expected} within ${tolerance}`);

describe("learnRun", () => {
  it("finds the planted line exactly where there is no noise", () => {
    const state = learned(runsOf(2, 0.25, 0, 20, createRandom(1)));
    near(state.fixedMs, 2, 1e-9, "a");
    near(state.perRowMs, 0.25, 1e-9, "b");
    near(state.spreadMs, 0, 1, "spread");
  });

  it("finds the planted line under noise of a tenth", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.1, max: 20, noNaN: true }),
        fc.double({ min: 0.01, max: 2, noNaN: true }),
        fc.integer({ min: 1, max: 1e6 }),
        (a, b, seed) => {
          const state = learned(runsOf(a, b, 0.1, 400, createRandom(seed)));
          const middle = a + b * 32;
          for (const rows of [1, 16, 32, 64]) {
            near(predictRunMs(state, rows), a + b * rows, 0.12 * middle, `the time of ${rows} rows`);
          }
          assert.ok(state.fixedMs >= 0 && state.perRowMs >= 0);
        },
      ),
      { numRuns: 100 },
    );
  });

  it("follows a model that becomes three times as slow within a hundred runs", () => {
    const random = createRandom(3);
    const before = learned(runsOf(1, 0.1, 0.05, 300, random));
    const after = learned(runsOf(3, 0.3, 0.05, 100, random), before);
    near(predictRunMs(after, 32), 3 + 0.3 * 32, 1.5, "the time of 32 rows");
  });

  it("is moved little by one pause of a second", () => {
    const random = createRandom(4);
    const before = learned(runsOf(1, 0.1, 0.05, 200, random));
    const after = learnRun(before, 16, 1000);
    near(predictRunMs(after, 16), predictRunMs(before, 16), 0.1, "the time of 16 rows");
  });

  it("takes the time as that of the rows while every run has the same size", () => {
    const state = learned([8, 8, 8].map((rows) => ({ rows, ms: 4 })));
    assert.deepEqual([state.fixedMs, state.perRowMs], [0, 0.5]);
  });

  it("keeps the slope through a thousand thousand runs of one size", () => {
    const varied = learned(runsOf(2, 0.25, 0, 50, createRandom(5)));
    let state = varied;
    for (let i = 0; i < 1_000_000; i++) state = learnRun(state, 8, 4);
    near(state.perRowMs, 0.25, 1e-6, "b");
    near(predictRunMs(state, 8), 4, 1e-6, "the time of 8 rows");
  });

  it("never falls with rows nor begins below nothing", () => {
    const falling = learned([
      { rows: 1, ms: 5 },
      { rows: 10, ms: 1 },
    ]);
    assert.ok(falling.perRowMs === 0 && falling.fixedMs > 0);
    const steep = learned([
      { rows: 10, ms: 1 },
      { rows: 20, ms: 5 },
    ]);
    assert.ok(steep.fixedMs === 0 && steep.perRowMs > 0);
  });
});

describe("RunTimeModel", () => {
  const predictMs = (model: RunTimeModel, shapeBucket: number, rows: number): number | undefined => {
    const estimate = model.estimate(shapeBucket);
    return estimate === undefined ? undefined : predictRunMs(estimate, rows);
  };

  it("knows nothing before the first run, and then each bucket for itself", () => {
    const model = new RunTimeModel();
    assert.equal(predictMs(model, 3, 1), undefined);
    for (const rows of [1, 2, 4]) model.learn(3, rows, 1 + rows, 1 + rows);
    near(predictMs(model, 3, 8) ?? 0, 9, 1e-9, "the time of 8 rows");
    assert.equal(model.estimate(4), undefined);
  });

  it("adds the hop between the processes to runs whose waiting time is unknown", () => {
    const model = new RunTimeModel();
    for (let i = 0; i < 200; i++) model.learn(0, 4, 5, 3);
    for (let i = 0; i < 200; i++) model.learnBusy(0, 4, 3);
    near(predictMs(model, 0, 4) ?? 0, 5, 0.05, "the time of 4 rows");
  });

  it("has so many buckets and no more, as many as are exported", () => {
    assert.equal(exportedBuckets, maxShapeBuckets);
    const model = new RunTimeModel();
    model.learn(maxShapeBuckets + 5, 1, 1, 1);
    assert.equal(model.estimate(maxShapeBuckets - 1)?.runs, 1);
  });

  it("puts what clients send in few buckets, by powers of two", () => {
    assert.deepEqual(
      [1, 2, 3, 4, 5, 1024, 1025].map((bytes) => byteBucketOf(bytes, 1)),
      [0, 1, 2, 2, 3, 10, 11],
    );
    assert.equal(byteBucketOf(4096, 4), byteBucketOf(1024, 1));
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.nat(), (bytes, rows) => {
        const bucket = byteBucketOf(bytes, rows);
        assert.ok(bucket >= 0 && bucket < maxShapeBuckets);
      }),
    );
  });
});

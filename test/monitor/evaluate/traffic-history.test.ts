import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { InferenceError } from "../../../src/errors.ts";
import {
  maxTrafficPoints,
  TrafficHistory,
  trafficIntervalSeconds,
} from "../../../src/monitor/evaluate/traffic-history.ts";
import type { BatchRecord } from "../../../src/runtime/observer.ts";
import { recordOf } from "../../support/monitor-requests.ts";

const startMs = Date.UTC(2026, 0, 1);

function batchOf(rows: number, partial: Partial<BatchRecord> = {}): BatchRecord {
  const times = { takenMs: 0, computeInputMs: 0, computeInferMs: 0, computeOutputMs: 0, endedMs: 0 };
  return { rows, padding: 3, reason: "full", ...times, error: undefined, requests: [], ...partial };
}

test("an interval tells what was answered, failed, ran and waits", () => {
  const history = new TrafficHistory(10, startMs);
  for (let i = 0; i < 4; i++) history.onAdmitted();
  history.onTaken(3);
  history.onEnd(recordOf([], { queuedMs: 1001, takenMs: 1005, endedMs: 1020 }));
  history.onEnd(recordOf([], { queuedMs: 1001, takenMs: 1003, endedMs: 1040 }));
  history.onEnd(recordOf([], { error: new InferenceError("runtime", "failed") }));
  history.onEnd(recordOf([], { queuedMs: 0, takenMs: 0, error: new InferenceError("invalid", "never admitted") }));
  for (const rows of [1, 2, 3, 4, 5, 40_000]) history.onBatch(batchOf(rows));
  history.onBatch(batchOf(7, { error: new InferenceError("runtime", "failed") }));
  history.tick(startMs + 9_999);
  assert.deepEqual(history.points(), []);
  history.tick(startMs + 10_000);
  const [point] = history.points();
  assert.equal(point?.at.seconds, startMs / 1000 + 10);
  assert.deepEqual([point?.requests, point?.failures, point?.batches, point?.rows], [2, 2, 6, 40_015]);
  assert.equal(point?.queue_size, 1);
  assert.equal(point?.queue_seconds, 0.003);
  assert.equal(point?.compute_infer_seconds, 0.0005);
  assert.ok(Math.abs(point!.p50_seconds! / 0.02 - 1) < 0.032);
  assert.ok(Math.abs(point!.p99_seconds! / 0.04 - 1) < 0.032);
  assert.deepEqual(point?.batch_sizes, [
    { up_to_rows: 1, count: 1 },
    { up_to_rows: 2, count: 1 },
    { up_to_rows: 4, count: 2 },
    { up_to_rows: 8, count: 1 },
    { up_to_rows: 32_768, count: 1 },
  ]);
});

test("a quiet interval has no quantiles, a model without any traffic no intervals, and gaps are filled", () => {
  const history = new TrafficHistory(10, startMs);
  history.tick(startMs + 35_000);
  assert.deepEqual(history.points(), []);
  history.onEnd(recordOf([]));
  history.tick(startMs + 71_000);
  const ends = history.points().map(({ at }) => at.seconds - startMs / 1000);
  assert.deepEqual(ends, [40, 50, 60, 70]);
  assert.equal(history.points()[1]?.p50_seconds, undefined);
  history.tick(startMs + 1e9);
  assert.equal(history.points().length, maxTrafficPoints);
  assert.equal(history.points().at(-1)?.at.seconds, (startMs + 1e9) / 1000);
});

test("a request that was admitted and failed before it ran does not wait any more", () => {
  const history = new TrafficHistory(10, startMs);
  history.onAdmitted();
  history.onEnd(recordOf([], { takenMs: 0, error: new InferenceError("deadline", "late") }));
  history.tick(startMs + 10_000);
  assert.equal(history.points()[0]?.queue_size, 0);
});

test("every request is in one interval, whenever intervals end", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(30_000), fc.boolean()), { maxLength: 100 }), (events) => {
      const history = new TrafficHistory(10, startMs);
      let nowMs = startMs;
      for (const [stepMs, isFailure] of events) {
        nowMs += stepMs;
        history.tick(nowMs);
        history.onEnd(recordOf([], isFailure ? { error: new InferenceError("runtime", "") } : {}));
      }
      history.tick(nowMs + 10_000);
      const sum = (of: "requests" | "failures") => history.points().reduce((total, point) => total + point[of], 0);
      assert.equal(sum("failures"), events.filter(([, isFailure]) => isFailure).length);
      assert.equal(sum("requests") + sum("failures"), events.length);
    }),
  );
});

test("intervals are whole parts of a block", () => {
  assert.deepEqual([60, 10, 1, 45, 61, 86_400].map(trafficIntervalSeconds), [10, 10, 1, 9, 61, 10]);
});

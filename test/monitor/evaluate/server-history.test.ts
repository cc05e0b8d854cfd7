import assert from "node:assert/strict";
import { test } from "node:test";
import { maxServerPoints, ServerHistory, systemGauges } from "../../../src/monitor/evaluate/server-history.ts";

const startMs = Date.UTC(2026, 0, 1) + 4_000;

test("a point every ten seconds, at most an hour of them", () => {
  let loops = 0;
  const gauges = { readLoopDelay: () => ++loops / 1000, frontBytes: () => 5, runtimeBytes: () => 7, stop: () => {} };
  const history = new ServerHistory(gauges, startMs);
  for (let atMs = startMs; atMs < startMs + 5_000_000; atMs += 1000) history.tick(atMs);
  const points = history.points();
  assert.equal(points.length, maxServerPoints);
  const [first, second] = points;
  assert.equal((second?.at.seconds ?? 0) - (first?.at.seconds ?? 0), 10);
  assert.deepEqual([first?.seconds, first?.front_bytes, first?.runtime_bytes], [10, 5, 7]);
  assert.ok((second?.loop_delay_p99_seconds ?? 0) > (first?.loop_delay_p99_seconds ?? 0));
});

test("this process has a delay and a size", () => {
  const gauges = systemGauges(() => 7);
  assert.ok(gauges.readLoopDelay() >= 0);
  assert.ok(gauges.frontBytes() > 1e6);
  assert.equal(gauges.runtimeBytes(), 7);
  gauges.stop();
});

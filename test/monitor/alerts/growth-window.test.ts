import assert from "node:assert/strict";
import { test } from "node:test";
import { GrowthWindow } from "../../../src/monitor/alerts/growth-window.ts";

test("growth is that of the window, and of all there is until the window is full", () => {
  const window = new GrowthWindow(100);
  const grown = [0, 50, 100, 150, 200, 250].map((atMs) => window.record(atMs, atMs).amount);
  assert.deepEqual(grown, [0, 50, 100, 100, 100, 100]);
});

test("a total that begins anew is no growth", () => {
  const window = new GrowthWindow(100);
  window.record(10, 0);
  assert.equal(window.record(3, 50).amount, 0);
});

test("the points of a long window with short steps are bounded", () => {
  const window = new GrowthWindow(1_000_000);
  let last = { amount: 0, evaluations: 0 };
  for (let atMs = 0; atMs < 3_000_000; atMs += 10) last = window.record(atMs, atMs);
  assert.ok(last.evaluations <= 1002, String(last.evaluations));
  assert.ok(Math.abs(last.amount - 1_000_000) <= 1000, String(last.amount));
});

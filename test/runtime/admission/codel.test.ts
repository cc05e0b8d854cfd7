import assert from "node:assert/strict";
import { test } from "node:test";
import { Codel } from "../../../src/runtime/admission/codel.ts";

test("a burst that drains within the interval is no overload", () => {
  const codel = new Codel(100);
  for (const [now, waitMs] of [
    [0, 50],
    [40, 80],
    [80, 4],
    [101, 60],
    [150, 60],
  ] as const) {
    codel.record(waitMs, now, 5);
    assert.equal(codel.isOverloaded, false, `at ${now}`);
  }
});

test("a queue whose shortest wait stays above the target for an interval is one, until one interval has a short wait", () => {
  const codel = new Codel(100);
  for (let now = 0; now <= 100; now += 20) codel.record(6 + now, now, 5);
  assert.equal(codel.isOverloaded, false, "the interval is not over");
  codel.record(90, 101, 5);
  assert.equal(codel.isOverloaded, true);
  codel.record(1, 150, 5);
  assert.equal(codel.isOverloaded, true, "judged at the end of the interval");
  codel.record(90, 202, 5);
  assert.equal(codel.isOverloaded, false);
});

test("a wait of exactly the target is none", () => {
  const codel = new Codel(100);
  codel.record(5, 0, 5);
  codel.record(5, 101, 5);
  assert.equal(codel.isOverloaded, false);
});

test("says nothing before anything was taken", () => {
  const codel = new Codel(100);
  codel.record(1_000_000, 500, 5);
  assert.equal(codel.isOverloaded, false);
});

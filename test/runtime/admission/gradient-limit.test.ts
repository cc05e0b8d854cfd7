import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type GradientWindow, nextLimit } from "../../../src/runtime/admission/gradient-limit.ts";

const bounds = { minRows: 20, maxRows: 1000, growthRows: 10 };
const calm: GradientWindow = { runMs: 10, excessMs: 0, inFlightRows: 100 };

test("grows by a fifth of the growth while nobody waits too long", () => {
  assert.equal(nextLimit(100, calm, bounds), 102);
});

test("a wait of half a run beyond what is allowed still lets it grow; more shrinks it, by a tenth at most", () => {
  assert.equal(nextLimit(100, { ...calm, excessMs: 5 }, bounds), 102);
  assert.equal(nextLimit(100, { ...calm, excessMs: 10 }, bounds), 97); // gradient 0.75
  assert.equal(nextLimit(100, { ...calm, excessMs: 1e9 }, { ...bounds, growthRows: 0 }), 90);
});

test("stays where less than half of it is used: the window says nothing about the model", () => {
  assert.equal(nextLimit(100, { ...calm, inFlightRows: 49 }, bounds), 100);
  assert.equal(nextLimit(100, { ...calm, excessMs: 1e9, inFlightRows: 49 }, bounds), 100);
});

test("rests where growth and gradient are even: a little more than half a run of wait", () => {
  const gradient = 1 - bounds.growthRows / 200;
  const excessMs = (1.5 * calm.runMs) / gradient - calm.runMs;
  assert.ok(Math.abs(nextLimit(200, { runMs: 10, excessMs, inFlightRows: 200 }, bounds) - 200) < 1e-9);
});

test("is always within its bounds, and never moves down by more than a tenth or up by more than the growth", () => {
  const time = fc.double({ min: 0, max: 1e6, noNaN: true });
  fc.assert(
    fc.property(fc.integer({ min: 20, max: 1000 }), time, time, time, (limit, runMs, excessMs, inFlightRows) => {
      const next = nextLimit(limit, { runMs: runMs + 0.001, excessMs, inFlightRows }, bounds);
      assert.ok(next >= bounds.minRows && next <= bounds.maxRows);
      assert.ok(next >= limit * 0.9 - 1e-9 && next <= limit + bounds.growthRows);
    }),
  );
});

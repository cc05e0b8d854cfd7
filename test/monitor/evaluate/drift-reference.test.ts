import assert from "node:assert/strict";
import { test } from "node:test";
import type { SignalProfile } from "../../../src/model/package-messages.ts";
import { createSignalReference } from "../../../src/monitor/evaluate/drift-reference.ts";
import { sumGroups } from "../../../src/statistics/bin-groups.ts";
import { DriftTest, driftMethods } from "../../../src/statistics/drift-test.ts";
import { NumberSketch } from "../../../src/statistics/signal-sketch.ts";

/** A signal with so many rows of each value. */
function signalOf(rows: ReadonlyMap<number, number>): SignalProfile {
  const sketch = new NumberSketch();
  for (const [value, count] of rows) for (let i = 0; i < count; i++) sketch.add(value);
  const identity = { name: "x", tensor: "x", column: 0, datatype: "FP32", role: "SIGNAL_ROLE_INPUT" } as const;
  const numeric = sketch.summarize(10);
  assert.ok(numeric);
  return { ...identity, numeric };
}

/** Whether PSI tells that a window is another one. @param window rows below the range, of each value in ascending order, above the range */
function isFound(signal: SignalProfile, window: readonly number[]): boolean {
  const reference = createSignalReference(signal, 500);
  assert.ok(reference);
  const drift = new DriftTest(reference.drift, driftMethods, 500, 1);
  drift.prepare();
  const counts = new Float64Array(reference.groups.groupCount);
  sumGroups(reference.groups, window, counts);
  const score = drift.score("psi", counts);
  return score > 0.1 && score > drift.critical("psi", 1e-5, 1000);
}

test("a flag that is rarely set is seen to be set often", () => {
  const signal = signalOf(
    new Map([
      [0, 9950],
      [1, 50],
    ]),
  );
  assert.equal(isFound(signal, [0, 995, 5, 0]), false);
  assert.equal(isFound(signal, [0, 500, 500, 0]), true);
  assert.equal(isFound(signal, [0, 500, 0, 500]), true, "beyond the range");
  assert.equal(isFound(signal, [500, 500, 0, 0]), true, "below the range");
});

test("a rare value beside one that most rows have is seen to become frequent", () => {
  const signal = signalOf(
    new Map([
      [-1, 50],
      [0, 9800],
      [1, 150],
    ]),
  );
  assert.equal(isFound(signal, [0, 5, 980, 15, 0]), false);
  assert.equal(isFound(signal, [0, 500, 485, 15, 0]), true);
});

test("a number that was always the same is seen to be another one, and one of few rows is not compared", () => {
  const signal = signalOf(new Map([[7, 1000]]));
  assert.equal(isFound(signal, [0, 1000, 0]), false);
  assert.equal(isFound(signal, [0, 900, 100]), true);
  assert.equal(isFound(signal, [100, 900, 0]), true);
  assert.equal(createSignalReference(signalOf(new Map([[7, 1]])), 500), undefined);
  assert.equal(createSignalReference(signalOf(new Map([1, 2, 3, 4, 5, 6].map((value) => [value, 1]))), 500), undefined);
});

test("bins of equal mass keep their order, however few rows there are", () => {
  const many = signalOf(new Map(Array.from({ length: 1000 }, (_, i) => [i, 1])));
  assert.equal(createSignalReference(many, 500)?.drift.positions?.length, 10);
  const few = signalOf(new Map(Array.from({ length: 13 }, (_, i) => [i, 1])));
  assert.equal(createSignalReference(few, 500)?.drift.positions?.length, 2);
});

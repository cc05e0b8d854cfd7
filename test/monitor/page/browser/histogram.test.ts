import assert from "node:assert/strict";
import { test } from "node:test";
import type { NumericProfile, SignalProfile } from "../../../../src/model/package-messages.ts";
import { numericBars, signalBars } from "../../../../src/monitor/page/browser/histogram.ts";

function numeric(counts: readonly number[], more: Partial<NumericProfile> = {}): NumericProfile {
  return {
    edges: [0, 1, 2],
    counts,
    underflow_count: 0,
    overflow_count: 0,
    null_count: 0,
    infinite_count: 0,
    count: 0,
    mean: 0,
    m2: 0,
    minimum: 0,
    maximum: 0,
    quantiles: [],
    ...more,
  };
}

test("bars are shares, with bars of their own for what lies outside", () => {
  assert.deepEqual(numericBars(numeric([1, 3])), {
    labels: ["0 to 1", "1 to 2"],
    now: [0.25, 0.75],
    reference: undefined,
    ticks: { at: [-0.5, 0.5, 1.5], labels: ["0", "1", "2"] },
  });
  const bars = numericBars(numeric([1, 1], { overflow_count: 2 }), numeric([1, 0], { underflow_count: 1 }));
  assert.deepEqual(bars.labels, ["below 0", "0 to 1", "1 to 2", "above 2"]);
  assert.deepEqual(
    [bars.now, bars.reference],
    [
      [0, 0.25, 0.25, 0.5],
      [0.5, 0.5, 0, 0],
    ],
  );
  assert.deepEqual(bars.ticks.at, [0.5, 1.5, 2.5]);
});

test("nothing yet is no shares rather than NaN", () => {
  assert.deepEqual(numericBars(numeric([0, 0])).now, [0, 0]);
});

function categorical(counts: Readonly<Record<string, number>>, other_count = 0): SignalProfile {
  const categories = Object.entries(counts).map(([text, count]) => ({ text, count }));
  return {
    name: "color",
    tensor: "x",
    column: 0,
    datatype: "BYTES",
    role: "SIGNAL_ROLE_INPUT",
    categorical: { categories, other_count, null_count: 0 },
  };
}

test("categories stand beside those of the reference, new ones after them", () => {
  const bars = signalBars(categorical({ red: 1, blue: 2 }, 1), categorical({ red: 3, green: 1 }));
  assert.deepEqual(bars?.labels, ["red", "green", "blue", "other"]);
  assert.deepEqual(
    [bars?.now, bars?.reference],
    [
      [0.25, 0, 0.5, 0.25],
      [0.75, 0.25, 0, 0],
    ],
  );
});

test("of many categories the frequent ones are shown, the rest together", () => {
  const counts = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`c${i}`, i]));
  const bars = signalBars(categorical(counts), undefined);
  assert.equal(bars?.labels.length, 25);
  assert.equal(bars?.labels.at(-1), "76 others");
  assert.ok(Math.abs((bars?.now.reduce((a, b) => a + b, 0) ?? 0) - 1) < 1e-12);
});

test("a signal without any distribution has no bars", () => {
  assert.equal(signalBars(undefined, undefined), undefined);
});

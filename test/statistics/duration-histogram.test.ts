import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  countDurations,
  createDurationHistogram,
  durationQuantile,
  mergeDurationHistogram,
  recordDuration,
  subtractDurationHistogram,
} from "../../src/statistics/duration-histogram.ts";

const durations = fc.array(fc.double({ min: 2 ** -20, max: 4000, noNaN: true }), { minLength: 1, maxLength: 200 });

function histogramOf(values: readonly number[]) {
  const histogram = createDurationHistogram();
  for (const value of values) recordDuration(histogram, value);
  return histogram;
}

test("every quantile is within 3.2 % of that of the values", () => {
  fc.assert(
    fc.property(durations, fc.double({ min: 0, max: 1, noNaN: true }), (values, probability) => {
      const found = durationQuantile(histogramOf(values), probability)!;
      const sorted = values.toSorted((a, b) => a - b);
      const exact = sorted[Math.max(0, Math.ceil(probability * values.length) - 1)]!;
      assert.ok(Math.abs(found / exact - 1) < 0.032, `${found} for ${exact}`);
    }),
  );
});

test("the parts merge to the whole, and subtract again", () => {
  fc.assert(
    fc.property(durations, durations, (a, b) => {
      const merged = histogramOf(a);
      mergeDurationHistogram(merged, histogramOf(b));
      assert.deepEqual(merged, histogramOf([...a, ...b]));
      subtractDurationHistogram(merged, histogramOf(b));
      assert.deepEqual(merged, histogramOf(a));
    }),
  );
});

test("what is no time, too short or too long is counted at the ends", () => {
  const histogram = histogramOf([Number.NaN, -1, 0, 1e-9, Number.POSITIVE_INFINITY, 1e9]);
  assert.equal(countDurations(histogram), 6);
  assert.equal(histogram.counts[0], 4);
  assert.equal(histogram.counts.at(-1), 2);
  assert.equal(durationQuantile(createDurationHistogram(), 0.5), undefined);
});

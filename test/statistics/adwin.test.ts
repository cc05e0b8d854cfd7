import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { addToAdwin, adwinClock, adwinMean, createAdwin, maxBuckets } from "../../src/statistics/adwin.ts";
import { gradual, numpyStream, ones, zeros } from "./streams.ts";

function alarms(values: readonly number[], delta = 0.002): number[] {
  const adwin = createAdwin({ delta });
  return values.flatMap((value, index) => (addToAdwin(adwin, value) ? [index] : []));
}

const alternating = Array.from({ length: 2000 }, (_, index) => index % 2);

describe("ADWIN alarms where variant B of the reference does", () => {
  it("on numpy's stream", () => assert.deepEqual(alarms(numpyStream()), [1023]));
  it("on a step", () => assert.deepEqual(alarms([...zeros(500), ...ones(500)]), [511]));
  it("never on a pattern that repeats", () => assert.deepEqual(alarms(alternating), []));
  it("on another share of the same values", () => {
    const later = Array.from({ length: 1000 }, (_, index) => Number(index % 4 !== 0));
    assert.deepEqual(alarms([...alternating.slice(0, 1000), ...later]), [1151]);
  });
});

it("keeps the variance of its window exactly", () => {
  const adwin = createAdwin({ delta: 0.002 });
  const values = Array.from({ length: 200 }, (_, index) => index % 7);
  for (const value of values) addToAdwin(adwin, value);
  const mean = values.reduce((sum, value) => sum + value, 0) / 200;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  assert.equal(adwin.width, 200);
  assert.ok(Math.abs(adwin.variance - variance) < 1e-9);
});

it("tells the means before and after", () => {
  const adwin = createAdwin({ delta: 0.002 });
  const found = [...zeros(500), ...ones(500)].findIndex((value) => addToAdwin(adwin, value));
  assert.equal(found, 511);
  assert.ok(adwin.meanBefore < 0.1 && adwin.meanAfter > 0.5, `${adwin.meanBefore} -> ${adwin.meanAfter}`);
});

it("finds a gradual change before it is complete", () => {
  const [first = Number.POSITIVE_INFINITY] = alarms(gradual(2000, 2000, 0.1, 0.4));
  assert.ok(first > 2000 && first < 4000, `at ${first}`);
});

it("keeps as few buckets as the logarithm of its window", () => {
  const adwin = createAdwin({ delta: 1e-9 });
  for (let index = 0; index < 100_000; index++) addToAdwin(adwin, index % 2);
  assert.equal(adwin.width, 100_000);
  assert.ok(adwin.rows <= Math.ceil(Math.log2(100_000)));
  assert.ok(adwin.counts.every((count) => count <= maxBuckets));
});

it("has the sum, variance and mean of the values that it holds, whatever they are", () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 400 }), (values) => {
      const adwin = createAdwin({ delta: 0.002 });
      for (const value of values) addToAdwin(adwin, value);
      const held = values.slice(values.length - adwin.width);
      const mean = held.reduce((sum, value) => sum + value, 0) / held.length;
      assert.ok(Math.abs(adwinMean(adwin) - mean) < 1e-9);
      const variance = held.reduce((sum, value) => sum + (value - mean) ** 2, 0);
      assert.ok(Math.abs(adwin.variance - variance) < 1e-9);
    }),
    { numRuns: 50 },
  );
});

it("alarms at looks alone", () => {
  for (const index of alarms(gradual(3000, 1, 0.2, 0.8))) assert.equal((index + 1) % adwinClock, 0);
});

import assert from "node:assert/strict";
import { it } from "node:test";
import { addToPageHinkley, createPageHinkley } from "../../src/statistics/page-hinkley.ts";
import { numpyStream, ones, zeros } from "./streams.ts";

function alarms(values: readonly number[], threshold = 50, sign = 1): number[] {
  const test = createPageHinkley({ delta: 0.005, threshold });
  return values.flatMap((value, index) => (addToPageHinkley(test, sign * value) ? [index] : []));
}

it("alarms where the reference does", () => {
  assert.deepEqual(alarms(numpyStream()), [1020, 1991]);
  const step = [...zeros(500), ...ones(500)];
  assert.deepEqual(alarms(step), [553]);
  assert.deepEqual(alarms(step, 5), [505]);
  const share = Array.from({ length: 2000 }, (_, index) => Number(index < 1000 ? index % 2 : index % 4 !== 0));
  assert.deepEqual(alarms(share, 20), [1083]);
});

it("does not alarm before the 29th value", () => {
  const first = alarms([0, ...ones(100).map((value) => value * 1000)]);
  assert.equal(first[0], 28);
});

it("finds a fall in negated values", () => {
  assert.deepEqual(alarms([...ones(500), ...zeros(500)]), []);
  assert.deepEqual(alarms([...ones(500), ...zeros(500)], 50, -1), [553]);
});

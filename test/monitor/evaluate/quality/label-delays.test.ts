import assert from "node:assert/strict";
import { test } from "node:test";
import { LabelDelays } from "../../../../src/monitor/evaluate/quality/label-delays.ts";

test("quantiles of delays from a millisecond to a year are right to a tenth", () => {
  for (const scaleMs of [1, 1000, 3_600_000, 86_400_000 * 3]) {
    const delays = new LabelDelays();
    for (let index = 1; index <= 100; index++) delays.record(index * scaleMs);
    for (const share of [0.5, 0.95]) {
      const told = delays.quantile(share)! * 1000;
      assert.ok(Math.abs(told / (100 * share * scaleMs) - 1) < 0.1, `${share} of ${scaleMs}: ${told}`);
    }
  }
});

test("nothing has no quantile, and no delay at all is a millisecond", () => {
  const delays = new LabelDelays();
  assert.equal(delays.quantile(0.5), undefined);
  delays.record(0);
  delays.record(-5);
  assert.ok(delays.quantile(0.5)! < 0.0012);
});

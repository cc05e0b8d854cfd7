import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  addToBaseline,
  baselineDeviation,
  clearBaseline,
  createBaseline,
  standardized,
} from "../../src/statistics/baseline.ts";
import { addToEwmaChart, controlLimit, createEwmaChart } from "../../src/statistics/ewma-chart.ts";
import { assertClose } from "./close.ts";

const known = { weight: 0.2, limit: 3, baseline: Number.POSITIVE_INFINITY };

describe("an EWMA chart", () => {
  it("has the limits of the handbook: L sqrt(w / (2 - w) (1 - (1 - w)^2t))", () => {
    const limits = [1, 2, 5, 1000].map((count) => controlLimit(known, count));
    assertClose(limits, [0.6, 0.768375, 0.944789, 1], 1e-6);
  });

  it("alarms at the value that takes the average beyond its limit, and begins anew after it", () => {
    const chart = createEwmaChart(known);
    const alarms = [0, 0, 0, 2, 2, 2, 2, 0, 0].map((value) => addToEwmaChart(chart, value));
    // Averages after the step: .4, .72, .976 > .923
    assert.deepEqual(alarms, [false, false, false, false, false, true, false, false, false]);
    assert.equal(chart.count, 3);
  });

  it("alarms on both sides", () => {
    const chart = createEwmaChart(known);
    assert.equal(
      [-2, -2, -2, -2].some((value) => addToEwmaChart(chart, value)),
      true,
    );
  });
});

describe("a baseline", () => {
  it("is mean and deviation of the first values, and stands from then on", () => {
    const baseline = createBaseline(4);
    assert.deepEqual(
      [1, 2, 3, 4, 100].map((value) => addToBaseline(baseline, value)),
      [true, true, true, true, false],
    );
    assert.equal(baseline.mean, 2.5);
    assertClose([baselineDeviation(baseline)], [Math.sqrt(1.25)], 1e-12);
    assertClose([standardized(baseline, 2.5 + Math.sqrt(1.25))], [1], 1e-12);
    clearBaseline(baseline);
    assert.equal(addToBaseline(baseline, 7), true);
    assert.equal(baseline.mean, 7);
  });

  it("lets no value be further away than four deviations, and bears a number that never differs", () => {
    const baseline = createBaseline(2);
    addToBaseline(baseline, 0);
    addToBaseline(baseline, 0);
    assert.deepEqual(
      [0, 1e300, -1e300].map((value) => standardized(baseline, value)),
      [0, 4, -4],
    );
  });
});

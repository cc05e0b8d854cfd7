import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ChangeConfig, ChangeMethod } from "../../../../src/monitor/config/changes.ts";
import { ChangeDetector, type ChangeScale } from "../../../../src/monitor/evaluate/changes/change-detector.ts";
import { createRandomSource, type RandomSource, randomNormal } from "../../../../src/statistics/random.ts";
import { assertClose } from "../../../statistics/close.ts";

const methods: Readonly<Record<string, ChangeMethod>> = {
  adwin: { method: "adwin", delta: 0.002, minChange: 0, minRatio: 0 },
  page_hinkley: { method: "page_hinkley", delta: 0.5, threshold: 12, baseline: 300 },
  ewma: { method: "ewma", weight: 0.2, limit: 4, baseline: 300 },
};

function detectorOf(method: ChangeMethod, scale: ChangeScale, partial: Partial<ChangeConfig> = {}): ChangeDetector {
  const config = { ...method, signal: "value", label: "", averageOf: 1, ...partial } as ChangeConfig; // partial is of one method
  return new ChangeDetector(config, scale);
}

/** What a signal looks like while nothing changes, `shift` beside that. */
const signals: Readonly<Record<string, readonly [ChangeScale, (random: RandomSource, shift: number) => number]>> = {
  "error rate of 10 %": ["share", (random, shift) => Number(random() < 0.1 + 0.1 * shift)],
  confidence: ["share", (random, shift) => Math.max(random(), random(), random()) * (1 - 0.15 * shift)],
  "normal number": ["number", (random, shift) => 10 + randomNormal(random) + shift],
  "skewed number": ["number", (random, shift) => -Math.log(1 - random()) * (1 + shift)],
  "latency with a long tail": [
    "duration",
    (random, shift) => 0.005 * Math.exp(0.5 * randomNormal(random)) * (1 + shift),
  ],
};

/** Values in a window of the promise, and how many windows of clean data are looked at. */
const windowLength = 1000;
const windows = 1200;

describe("on clean data", () => {
  /** Alarms that each method allows itself, per value that it judges. */
  const promised: Readonly<Record<string, number>> = { adwin: 0.002 / 32, page_hinkley: 1e-4, ewma: 1e-3 };
  for (const [method, rate] of Object.entries(promised)) {
    it(`${method} alarms at most as often as it promises, over ${windows} windows of each signal`, (t) => {
      for (const [name, [scale, draw]] of Object.entries(signals)) {
        const random = createRandomSource(11);
        // A control chart is for averages: single zeros and ones are none.
        const averageOf = method !== "adwin" && name.startsWith("error") ? 50 : 1;
        const detector = detectorOf(methods[method]!, scale, { averageOf });
        for (let i = 0; i < windows * windowLength; i++) detector.add(draw(random, 0), i);
        const judged = (windows * windowLength) / averageOf;
        t.diagnostic(`${method}, ${name}: ${detector.changes} alarms in ${judged} values, ${judged * rate} promised`);
        assert.ok(detector.changes <= judged * rate, `${name}: ${detector.changes} of ${judged * rate}`);
      }
    });
  }
});

describe("a planted change", () => {
  for (const method of Object.keys(methods)) {
    for (const [name, [scale, draw]] of Object.entries(signals)) {
      for (const changing of [0, 2000]) {
        it(`of ${name} is found by ${method}, ${changing === 0 ? "sudden" : "gradual"}`, (t) => {
          const random = createRandomSource(5);
          const averageOf = method !== "adwin" && /error|skewed/.test(name) ? 10 : 1;
          const detector = detectorOf(methods[method]!, scale, { averageOf });
          const steady = 5000;
          let found = -1;
          for (let i = 0; i < steady + changing + 5000 && found < 0; i++) {
            const shift = i < steady ? 0 : changing === 0 ? 1 : Math.min(1, (i - steady) / changing);
            if (detector.add(draw(random, shift), i) !== undefined) found = i;
          }
          t.diagnostic(`${method}, ${name}, ${changing === 0 ? "sudden" : "gradual"}: ${found - steady} values later`);
          assert.ok(found >= steady, found < 0 ? "not found" : `found ${steady - found} values too early`);
          assert.ok(found < steady + changing + 1500, `found ${found - steady} values later`);
        });
      }
    }
  }
});

describe("a detector", () => {
  it("tells what the number was and became, in its own unit", () => {
    const random = createRandomSource(1);
    for (const [method, scale] of [
      ["adwin", "number"],
      ["ewma", "number"],
      ["adwin", "duration"],
    ] as const) {
      const detector = detectorOf(methods[method]!, scale);
      for (let i = 0; i < 1000; i++) detector.add(5 + 0.1 * randomNormal(random), i);
      assertClose([detector.current], [5], 0.02);
      for (let i = 0; i < 600 && detector.changes === 0; i++) detector.add(6 + 0.1 * randomNormal(random), 1e12 + i);
      const { before = 0, after = 0, changed_at, changes, sample_count } = detector.report();
      assertClose([before], [5], 0.02);
      assert.ok(after > 5.05 && after < 6.1, `${after}`);
      assert.equal(changes, 1);
      assert.equal(changed_at?.seconds, 1e9);
      assert.ok(sample_count > 1000);
    }
  });

  it("alarms once for one change, and finds the next one", () => {
    const detector = detectorOf(methods.adwin!, "share");
    const run = (value: number, count: number) => {
      for (let i = 0; i < count; i++) detector.add(value, 0);
    };
    run(0.2, 2000);
    run(0.8, 2000);
    assert.equal(detector.changes, 1);
    run(0.2, 2000);
    assert.equal(detector.changes, 2);
  });

  it("lets small changes add up until they matter", () => {
    const adwin: ChangeMethod = { method: "adwin", delta: 0.002, minChange: 0.1, minRatio: 0 };
    const detector = detectorOf(adwin, "share");
    for (let i = 0; i < 3000; i++) detector.add(0.5, i);
    for (let i = 0; i < 3000; i++) detector.add(0.56, i);
    assert.equal(detector.changes, 0);
    for (let i = 0; i < 3000; i++) detector.add(0.62, i);
    assert.equal(detector.changes, 1);
    const { before = 0, after = 0 } = detector.report();
    assertClose([before, after], [0.5, 0.62], 0.03);
  });

  it("counts a threshold once when it is crossed, in the unit of the signal", () => {
    const method: ChangeMethod = { method: "threshold", above: 0.3, below: Number.NEGATIVE_INFINITY };
    const detector = detectorOf(method, "duration", { averageOf: 2 });
    const found = [0.1, 0.1, 0.2, 0.6, 0.9, 0.9, 0.1, 0.1, 0.5, 0.5].map((value) => detector.add(value, 0));
    assert.deepEqual(
      found.filter((change) => change !== undefined),
      [
        { before: 0.1, after: 0.4 },
        { before: 0.1, after: 0.5 },
      ],
    );
    assert.equal(detector.current, 0.5);
  });

  it("leaves out what is no number, or no share where it should be one", () => {
    const detector = detectorOf(methods.adwin!, "share");
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, -0.1, 1.5, 0.4, 1.0000001]) detector.add(value, 0);
    assert.equal(detector.leftOut, 4);
    assert.equal(detector.sampleCount, 2);
    assert.equal(detector.current, 0.7);
  });

  it("bears single outliers", () => {
    // Noise by itself alarms now and then, as promised above: here there is none that could add to an outlier.
    const usual = (i: number) => (i % 2 === 0 ? 0.5 : -0.5);
    for (const method of ["page_hinkley", "ewma"]) {
      const detector = detectorOf(methods[method]!, "number");
      for (let i = 0; i < 20_000; i++) detector.add(i % 500 === 499 ? 1e9 : usual(i), i);
      assert.equal(detector.changes, 0, method);
      for (let i = 0; i < 100; i++) detector.add(2 + usual(i), i);
      assert.equal(detector.changes, 1, method);
    }
  });

  for (const [method, settings] of Object.entries(methods)) {
    for (const outlier of [1e6, 1e60, 1.7e308]) {
      for (const averageOf of [1, 2]) {
        it(`of method ${method} hears again after a single ${outlier} among the first values, means of ${averageOf}`, () => {
          const random = createRandomSource(3);
          const detector = detectorOf(settings, "number", { averageOf });
          const run = (level: number, count: number, at = -1) => {
            for (let i = 0; i < count; i++) {
              detector.add(i === at || i === at + 1 ? outlier : level + 0.1 * randomNormal(random), i);
            }
          };
          run(1, 5000, 100);
          assert.equal(detector.changes, 0);
          assertClose([detector.current], [1], 0.1);
          run(2, 500);
          assert.equal(detector.changes, 1);
        });
      }
    }
  }

  it("names its class or number", () => {
    assert.equal(
      detectorOf(methods.adwin!, "share", { signal: "output_share", label: "cat" }).signal,
      "output_share cat",
    );
  });

  it("has nothing to tell before its first value", () => {
    const report = detectorOf(methods.ewma!, "number").report();
    assert.deepEqual(report, { method: "ewma", signal: "value", changes: 0, current: 0, sample_count: 0 });
  });
});

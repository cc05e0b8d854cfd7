import assert from "node:assert/strict";
import { test } from "node:test";
import { InferenceError } from "../../../src/errors.ts";
import { readMonitorConfig } from "../../../src/monitor/config/monitor-config.ts";

const drift = (yaml: string) => readMonitorConfig(`drift: ${yaml}`).drift;

test("the defaults of drift", () => {
  const { thresholds, ...others } = readMonitorConfig("").drift;
  assert.deepEqual(others, {
    against: "reference",
    methods: ["psi", "js", "ks", "wasserstein", "chi_square"],
    alpha: 0.001,
    correction: "bonferroni",
    windowRows: 1000,
    windowSeconds: 0,
    windows: 3,
    learnRows: 0,
    signals: [],
    ignore: [],
  });
  assert.deepEqual([thresholds.psi, thresholds.js, thresholds.ks, thresholds.l_infinity], [0.1, 0.1, 0.05, 0.05]);
});

test("what is written is read", () => {
  const config = drift(
    "{ methods: [l_infinity, psi], thresholds: { chiSquare: 0.2, psi: 0.3 }, correction: holm, against: previous }",
  );
  assert.deepEqual(config.methods, ["l_infinity", "psi"]);
  assert.deepEqual([config.thresholds.chi_square, config.thresholds.psi], [0.2, 0.3]);
  assert.deepEqual([config.correction, config.against], ["holm", "previous"]);
});

test("what cannot be is refused with its place", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["{ methods: [psy] }", /drift\.methods\[0\] is 'psy', expected psi, js/],
    ["{ methods: [psi, psi] }", /'psi' twice/],
    ["{ windowRows: 100 }", /drift\.windowRows is 100, expected an integer from 500/],
    ["{ learnRows: 10 }", /drift\.learnRows is 10, expected 0, or 500 to 8000/],
    ["{ alpha: 0 }", /drift\.alpha is 0/],
    ["{ thresholds: { psy: 1 } }", /drift\.thresholds: unknown key 'psy', did you mean 'psi'/],
    ["{ window: 3 }", /unknown key 'window', did you mean 'windows'/],
  ];
  for (const [yaml, message] of cases) {
    assert.throws(
      () => drift(yaml),
      (error) => error instanceof InferenceError && message.test(error.message),
      yaml,
    );
  }
});

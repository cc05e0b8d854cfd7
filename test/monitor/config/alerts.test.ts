import assert from "node:assert/strict";
import { test } from "node:test";
import { checkAlertWindows, resolveAlertRules } from "../../../src/monitor/alerts/alert-rules.ts";
import { ruleOf, rulesOf } from "../alerts/alert-rules.ts";

test("a rule has every field, written or not", () => {
  assert.deepEqual(ruleOf("metric: accuracy, comparison: below, threshold: 0.9"), {
    name: "rule",
    metric: "accuracy",
    selector: {},
    comparison: "below",
    threshold: { kind: "number", value: 0.9 },
    effectThreshold: undefined,
    resolveThreshold: undefined,
    windowMs: 600_000,
    minSamples: 200,
    hold: { ms: 0, evaluations: 1 },
    resolve: { ms: 0, evaluations: 1 },
    severity: "warning",
    message: "",
    isSentByWebhook: true,
  });
});

test("everything that may be written is read", () => {
  const rule = ruleOf(
    "metric: latency, quantile: 0.95, comparison: above, threshold: 0.2, resolveThreshold: 0.15, windowSeconds: 120, " +
      "minSamples: 50, holdSeconds: 60, resolveWindows: 4, severity: critical, message: Call., webhook: false",
  );
  assert.deepEqual(rule.selector, { quantile: 0.95 });
  assert.deepEqual([rule.windowMs, rule.minSamples, rule.resolveThreshold], [120_000, 50, 0.15]);
  assert.deepEqual(
    [rule.hold, rule.resolve],
    [
      { ms: 60_000, evaluations: 1 },
      { ms: 0, evaluations: 4 },
    ],
  );
  assert.deepEqual([rule.severity, rule.message, rule.isSentByWebhook], ["critical", "Call.", false]);
});

test("drift rules need 500 rows, quality rules 200 outcomes, and a latency rule means the 99th percentile where they do not say", () => {
  assert.equal(ruleOf("metric: drift_score, comparison: above, threshold: critical").minSamples, 500);
  assert.equal(ruleOf("metric: rmse, comparison: above, threshold: reference + 3se").minSamples, 200);
  assert.equal(ruleOf("metric: latency, comparison: above, threshold: 1").selector.quantile, 0.99);
});

test("a rule of the name of a default one changes it, or switches it off", () => {
  const [quality] = rulesOf("alerts: [{ name: data_quality, threshold: 0.05 }]");
  assert.deepEqual(quality?.rule.threshold, { kind: "number", value: 0.05 });
  assert.equal(quality?.rule.effectThreshold, undefined, "that of the default belongs to its own threshold");
  const [changed, off] = rulesOf(
    "alerts: [{ name: drift, severity: critical }, { name: data_quality, enabled: false }]",
  );
  assert.equal(changed?.rule.metric, "drifted_features");
  assert.equal(changed?.rule.severity, "critical");
  assert.equal(off?.isEnabled, false);
});

test("what cannot be meant is refused, with what is allowed", () => {
  const refusals: [string, RegExp][] = [
    ["metric: accuracy, comparison: below, treshold: 1", /alerts\[0\]\.threshold is empty, expected a number/],
    [
      "metric: accuracy, comparison: below, threshold: 1, holdSecond: 1",
      /unknown key 'holdSecond', did you mean 'holdSeconds'/,
    ],
    ["metric: acuracy, comparison: below, threshold: 1", /metric is 'acuracy'.*did you mean 'accuracy'/],
    ["comparison: below, threshold: 1", /metric is empty/],
    ["metric: accuracy, threshold: 1", /comparison is empty, expected above or below/],
    ["metric: accuracy, comparison: below, threshold: soon", /threshold is 'soon'/],
    [
      "metric: accuracy, comparison: below, threshold: critical",
      /threshold is 'critical', expected for 'accuracy': a number, 'reference'/,
    ],
    ["metric: accuracy, comparison: below, threshold: 1, feature: x", /feature is 'x'.*label, parameter/],
    ["metric: label_coverage, comparison: below, threshold: 1, label: x", /there is one such number/],
    ["metric: accuracy, comparison: below, threshold: 1, windowSeconds: 60", /windowSeconds is 60/],
    [
      "metric: latency, comparison: above, threshold: 1, quantile: 0.9",
      /quantile is 0.9, expected one of 0.99, 0.95, 0.5/,
    ],
    [
      "metric: rmse, comparison: above, threshold: 1, resolveThreshold: 2",
      /resolveThreshold is 2, expected at most the threshold, 1/,
    ],
    ["metric: rmse, comparison: above, threshold: 1, effectThreshold: 2", /effectThreshold is 2/],
    ["metric: rmse, comparison: above, threshold: 1, holdSeconds: -1", /holdSeconds is -1/],
    [
      "metric: rmse, comparison: above, threshold: 1, severity: bad",
      /severity is 'bad', expected info, warning, critical/,
    ],
  ];
  for (const [fields, message] of refusals) assert.throws(() => ruleOf(fields), message, fields);
  assert.throws(() => rulesOf("alerts: [{ metric: rmse }]"), /alerts\[0\]\.name is empty/);
  assert.throws(() => rulesOf('alerts: [{ name: "\\e[1m" }]'), /alerts\[0\]\.name/);
  assert.throws(() => rulesOf("alerts: [{ name: drift }, { name: drift }]"), /alerts has 'drift' twice/);
  const many = Array.from({ length: 101 }, (_, i) => `{ name: r${i}, metric: rmse, comparison: above, threshold: 1 }`);
  assert.throws(() => rulesOf(`alerts: [${many.join(", ")}]`), /101 entries, at most 100/);
});

test("rules about traffic cannot look back further than its history", () => {
  const rules = (seconds: number, metric = "latency") =>
    rulesOf(`alerts: [{ name: r, metric: ${metric}, comparison: above, threshold: 1, windowSeconds: ${seconds} }]`).map(
      ({ rule }) => rule,
    );
  checkAlertWindows(rules(3600), 60);
  checkAlertWindows(rules(86_400, "dropped_records"), 60);
  checkAlertWindows(rules(600), 1); // as by default: as far as there is
  assert.throws(() => checkAlertWindows(rules(3601), 60), /windowSeconds of 'r' is 3601, expected at most 3600/);
  assert.throws(() => checkAlertWindows(rules(601), 1), /at most 360: with blocks of 1 s/);
});

const profile = { format_version: 1, model_name: "m", model_version: 0, row_count: 1, calibrations: [], labels: [] };
const signal = { name: "x", tensor: "x", column: 0, datatype: "FP32", role: "SIGNAL_ROLE_INPUT" } as const;

test("a model has the default rules that its reference profile allows", () => {
  const names = (expected: readonly string[], text = "") =>
    resolveAlertRules(rulesOf(text), {
      ...profile,
      signals: [signal],
      expected: expected.map((name) => ({ name, label: "", value: 1, sample_count: 1 })),
    }).map(({ name }) => name);
  assert.deepEqual(names([]), ["drift", "data_quality"]);
  assert.deepEqual(names(["accuracy", "f1"]), ["drift", "data_quality", "accuracy_drop"]);
  assert.deepEqual(names(["rmse"]), ["drift", "data_quality", "rmse_rise"]);
  assert.deepEqual(names([], "alerts: [{ name: drift, enabled: false }, { name: data_quality, minSamples: 1 }]"), [
    "data_quality",
  ]);
  assert.deepEqual(resolveAlertRules([], undefined), []);
  assert.equal(resolveAlertRules(rulesOf("alerts: [{ name: drift }]"), undefined).length, 1, "asked for by name");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Metric } from "../../../../src/monitor/monitor-report.ts";
import {
  alertRank,
  alertStateText,
  headlineMetric,
  intervalText,
  metricName,
  metricValueText,
} from "../../../../src/monitor/page/browser/metric-text.ts";
import { driftRatio, leadingScore } from "../../../../src/monitor/page/browser/model-facts.ts";
import { shellWord } from "../../../../src/monitor/page/browser/shell-words.ts";
import { agoText, axisClockText, epochSeconds } from "../../../../src/monitor/page/browser/time-text.ts";

const metric = (name: string, value: number, more: Partial<Metric> = {}): Metric => ({
  name,
  label: "",
  value,
  sample_count: 1,
  zero_division: false,
  ...more,
});

test("metrics have the names that people know", () => {
  assert.equal(metricName(metric("f_beta", 0, { label: "benign", parameter: 2 })), "F-beta (2), benign");
  assert.equal(metricName(metric("top_k", 0, { parameter: 3 })), "Top-3 accuracy");
  assert.equal(metricName(metric("something_new", 0)), "something_new");
});

test("shares have four decimals, other metrics their significant digits", () => {
  assert.equal(metricValueText({ name: "accuracy" }, 0.95), "0.9500");
  assert.equal(metricValueText({ name: "rmse" }, 60_083.4), "60,083");
  assert.equal(metricValueText({ name: "log_loss" }, 0.13844), "0.138");
  assert.equal(metricValueText({ name: "drifted_signals" }, 2), "2");
  assert.equal(metricValueText({ name: "rmse" }, undefined), "–");
  assert.equal(intervalText(metric("accuracy", 0.9, { lower: 0.8, upper: 1 })), "[0.8000, 1.0000]");
  assert.equal(intervalText(metric("accuracy", 0.9)), "");
});

test("a model is told by its accuracy, else by its error, else by what it has", () => {
  assert.equal(headlineMetric([metric("f1", 1, { label: "a" }), metric("accuracy", 0.9)])?.name, "accuracy");
  assert.equal(headlineMetric([metric("mae", 1), metric("rmse", 2)])?.name, "rmse");
  assert.equal(headlineMetric([metric("mae", 1)])?.name, "mae");
  assert.equal(headlineMetric([]), undefined);
});

test("alerts that fire come first", () => {
  const states = ["ALERT_STATE_OK", "ALERT_STATE_UNKNOWN", "ALERT_STATE_FIRING", "ALERT_STATE_PENDING"] as const;
  const sorted = [...states].sort((a, b) => alertRank(a) - alertRank(b)).map(alertStateText);
  assert.deepEqual(sorted, ["firing", "pending", "unknown", "ok"]);
});

test("a score is told against the greater of its limits, and the furthest one leads", () => {
  const score = {
    method: "psi",
    value: 0.2,
    critical: 0.05,
    effect_threshold: 0.1,
    windows_above: 0,
    above: true,
    history: [],
  };
  assert.equal(driftRatio(score), 2);
  assert.equal(driftRatio({ ...score, critical: 0, effect_threshold: 0, value: 0 }), 0);
  const other = { ...score, method: "ks", value: 0.4 };
  const signal = {
    name: "x",
    role: "SIGNAL_ROLE_INPUT",
    scores: [score, other],
    anomalies: [],
    drifted: true,
  } as const;
  assert.equal(leadingScore(signal)?.method, "ks");
  assert.equal(leadingScore({ ...signal, scores: [] }), undefined);
});

test("words of a command are quoted where a shell would take them apart", () => {
  assert.equal(shellWord("breast_cancer"), "breast_cancer");
  assert.equal(shellWord("it's; rm -rf /"), `'it'\\''s; rm -rf /'`);
});

test("moments", () => {
  assert.equal(epochSeconds({ seconds: 5, nanos: 250_000_000 }), 5.25);
  assert.equal(agoText(100, 100.5), "now");
  assert.equal(agoText(0, 3 * 3600 + 60).replaceAll("\u00a0", " "), "3 h ago");
  assert.equal(axisClockText(0, 60).length, 5);
  assert.equal(axisClockText(0, 10).length, 8);
});

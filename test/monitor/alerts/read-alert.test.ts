import assert from "node:assert/strict";
import { test } from "node:test";
import { toTimestamp } from "../../../src/model/package-messages.ts";
import { alertMetrics } from "../../../src/monitor/alerts/alert-metrics.ts";
import { worstReading } from "../../../src/monitor/alerts/alert-reading.ts";
import { readAlert } from "../../../src/monitor/alerts/read-alert.ts";
import { emptyAnomalies, emptyData, emptyQuality, type ModelReport } from "../../../src/monitor/monitor-report.ts";
import { ruleOf } from "./alert-rules.ts";
import { metricOf, pointAt, reportOf, signalOf, windowOf } from "./reports.ts";

const nowMs = 3_600_000;

function read(report: ModelReport, fields: string) {
  return readAlert(report, ruleOf(fields), { nowMs, growth: (total) => ({ amount: total, evaluations: 1 }) });
}

test("every metric finds nothing in a report that has nothing, and does not throw", () => {
  for (const [name, { thresholds, minSamples }] of alertMetrics) {
    const threshold = { number: "1", reference: "reference", errors: "3se", critical: "critical" }[
      thresholds[0] ?? "number"
    ];
    const reading = read(reportOf(), `metric: ${name}, comparison: above, threshold: ${threshold}`);
    const isUnknown = reading.value === undefined || reading.samples < Math.max(1, minSamples);
    assert.ok(isUnknown || name === "dropped_records", name);
  }
});

test("a quality metric is the one of its label and parameter, without them the whole or the macro average", () => {
  const metrics = [
    metricOf("f1", 0.1, { label: "cat" }),
    metricOf("f1", 0.5, { label: "macro" }),
    metricOf("top_k", 0.9, { parameter: 3 }),
    metricOf("top_k", 0.95, { parameter: 5 }),
    metricOf("accuracy", 0.7, { sample_count: 12 }),
  ];
  const report = reportOf({ quality: { ...emptyQuality(""), metrics } });
  const value = (fields: string) => read(report, `${fields}, comparison: below, threshold: 1`).value;
  assert.equal(value("metric: f1"), 0.5);
  assert.equal(value("metric: f1, label: cat"), 0.1);
  assert.equal(value("metric: f1, label: dog"), undefined);
  assert.equal(value("metric: top_k, parameter: 5"), 0.95);
  assert.equal(value("metric: rmse"), undefined);
  assert.equal(read(report, "metric: accuracy, comparison: below, threshold: 1").samples, 12);
});

test("a reference threshold allows for the errors of the window and of the reference", () => {
  const accuracy = metricOf("accuracy", 0.9, { sample_count: 400, expected: 0.9, expected_error: 0.02 });
  const rmse = metricOf("rmse", 2, { expected: 1.5, lower: 1.7, upper: 2.3 });
  const report = reportOf({ quality: { ...emptyQuality(""), metrics: [accuracy, rmse] } });
  const threshold = (fields: string) => read(report, fields).threshold ?? Number.NaN;
  // sqrt(.9 * .1 / 400) = .015; with .02 of the reference: .025
  assert.ok(Math.abs(threshold("metric: accuracy, comparison: below, threshold: reference - 3se") - 0.825) < 1e-12);
  assert.ok(Math.abs(threshold("metric: accuracy, comparison: below, threshold: reference * 0.9") - 0.81) < 1e-12);
  // (2.3 - 1.7) / 6 = .1
  assert.ok(Math.abs(threshold("metric: rmse, comparison: above, threshold: reference + 3se") - 1.8) < 1e-12);
});

test("a reference threshold is unknown where the reference says nothing, or an error is not known", () => {
  const metrics = [metricOf("accuracy", 0.9), metricOf("r2", 0.5, { expected: 0.6 })];
  const report = reportOf({ quality: { ...emptyQuality(""), metrics } });
  assert.equal(read(report, "metric: accuracy, comparison: below, threshold: reference - 3se").threshold, undefined);
  assert.equal(read(report, "metric: r2, comparison: below, threshold: reference - 3se").threshold, undefined);
  assert.equal(read(report, "metric: r2, comparison: below, threshold: reference - 0.1").threshold, 0.5);
});

test("estimates count only where they are calibrated", () => {
  const of = (estimates_calibrated: boolean) => {
    const metrics = [metricOf("accuracy", 0.8, { sample_count: 400 })];
    const estimates = [metricOf("accuracy", 0.9, { sample_count: 900 })];
    const quality = { ...emptyQuality(""), metrics, estimates, window_estimates: estimates, estimates_calibrated };
    return reportOf({ quality });
  };
  const estimated = "metric: estimated_accuracy, comparison: below, threshold: 0.5";
  assert.equal(read(of(true), estimated).value, 0.9);
  assert.equal(read(of(false), estimated).value, undefined);
  const gap = read(of(true), "metric: estimate_gap, comparison: above, threshold: 3se");
  assert.ok(Math.abs((gap.value ?? 0) - 0.1) < 1e-12);
  assert.equal(gap.samples, 400);
  assert.ok(Math.abs((gap.threshold ?? 0) - 3 * Math.hypot(0.02, 0.01)) < 1e-12);
  assert.equal(read(of(false), "metric: estimate_gap, comparison: above, threshold: 3se").value, undefined);
});

test("the drift score furthest beyond its own critical value is the one that counts", () => {
  const score = (method: string, value: number, critical: number) => {
    return { method, value, critical, effect_threshold: 0.1, windows_above: 0, above: false, history: [] };
  };
  const signals = [
    signalOf("a", { scores: [score("psi", 0.3, 0.4), score("ks", 0.2, 0.05)] }),
    signalOf("b", { scores: [score("psi", 0.9, 2)], drifted: true }),
  ];
  const data = { ...emptyData(""), reference: "r", compared_window: windowOf(800), signals, drifted_signals: 1 };
  const report = reportOf({ data });
  const worst = read(report, "metric: drift_score, comparison: above, threshold: critical");
  assert.deepEqual(worst, { value: 0.2, samples: 800, threshold: 0.1, subject: "a ks", windowEndMs: 60_000 });
  assert.equal(
    read(report, "metric: drift_score, feature: a, method: psi, comparison: above, threshold: critical").value,
    0.3,
  );
  assert.equal(
    read(report, "metric: drift_score, feature: c, comparison: above, threshold: critical").value,
    undefined,
  );
  const drifted = read(report, "metric: drifted_features, comparison: above, threshold: 0");
  assert.deepEqual([drifted.value, drifted.samples, drifted.subject], [1, 800, "b"]);
});

test("the share of anomalous values furthest beyond three times its reference counts, none at all is a share of nought", () => {
  const data = {
    ...emptyData(""),
    window: windowOf(1000),
    signals: [
      signalOf("a", { anomalies: [{ kind: "nan", count: 50, share: 0.05, reference_share: 0.02 }] }),
      signalOf("b", { anomalies: [{ kind: "inf", count: 30, share: 0.03, reference_share: 0 }] }),
      signalOf("c"),
    ],
  } as const;
  const rule = "metric: anomalous_values, comparison: above, threshold: reference * 3, effectThreshold: 0.01";
  const worst = read(reportOf({ data }), rule);
  assert.deepEqual(worst, { value: 0.03, samples: 1000, threshold: 0, subject: "b inf", windowEndMs: 60_000 });
  const clean = read(reportOf({ data: { ...data, signals: [signalOf("c")] } }), rule);
  assert.deepEqual([clean.value, clean.samples], [0, 1000]);
});

test("changes are counted within the window", () => {
  const detector = { changes: 3, current: 0, sample_count: 900 };
  const detectors = [
    { ...detector, method: "adwin", signal: "error", changed_at: toTimestamp(nowMs - 60_000) },
    { ...detector, method: "adwin", signal: "confidence", changed_at: toTimestamp(nowMs - 700_000) },
    { ...detector, method: "ewma", signal: "latency" },
  ];
  const report = reportOf({ anomalies: { ...emptyAnomalies(""), detectors } });
  const value = (fields: string) => read(report, `metric: changes, ${fields}comparison: above, threshold: 0`).value;
  assert.deepEqual([value(""), value("signal: confidence, "), value("windowSeconds: 900, ")], [1, 0, 2]);
  assert.equal(value("signal: absent, "), undefined);
});

test("traffic is added up over the window", () => {
  const history = [
    pointAt(nowMs - 700_000, { requests: 1, failures: 99 }),
    pointAt(nowMs - 120_000, { requests: 90, failures: 10, p99_seconds: 1, queue_seconds: 0.5, queue_size: 4 }),
    pointAt(nowMs - 60_000, { requests: 30, failures: 0, p99_seconds: 2, queue_seconds: 0.1, queue_size: 8 }),
    pointAt(nowMs, { failures: 20 }),
  ];
  const report = reportOf({ history, dropped: [{ monitor: "m", reason: "r", count: 7 }] });
  const of = (fields: string) => {
    const { value, samples } = read(report, `${fields}, comparison: above, threshold: 1`);
    return [value, samples];
  };
  assert.deepEqual(of("metric: error_ratio"), [0.2, 150]);
  assert.deepEqual(of("metric: latency"), [1.25, 120]);
  assert.deepEqual(of("metric: stage_seconds, stage: queue"), [0.4, 120]);
  assert.deepEqual(of("metric: queue_size"), [4, 3]);
  assert.deepEqual(of("metric: request_rate"), [150 / 180, 3]);
  assert.deepEqual(of("metric: dropped_records"), [7, 1]);
});

test("anomalous rows are a share of the window, scores a quantile from their bins", () => {
  const scores = {
    edges: [0, 1, 2],
    counts: [900, 100],
    underflow_count: 0,
    overflow_count: 0,
    null_count: 0,
    infinite_count: 0,
    count: 1000,
    mean: 0.6,
    m2: 1,
    minimum: 0,
    maximum: 2,
    quantiles: [],
  };
  const report = reportOf({ anomalies: { ...emptyAnomalies(""), scores, anomalous_share: 0.03 } });
  const share = read(report, "metric: anomalous_rows, comparison: above, threshold: 0.01");
  assert.deepEqual([share.value, share.samples], [0.03, 1000]);
  const score = (quantile: number) =>
    read(report, `metric: anomaly_score, quantile: ${quantile}, comparison: above, threshold: 1`).value;
  assert.deepEqual([score(0.9), score(0.95)], [1, 1.5]);
});

test("a number that is none hides no other one, in either direction", () => {
  const rule = { comparison: "above", effectThreshold: undefined } as const;
  const reading = (subject: string, value: number | undefined, threshold: number | undefined = 1) => {
    return { value, samples: 9, threshold, subject };
  };
  const odd = [
    reading("infinite", Number.POSITIVE_INFINITY),
    reading("nan", Number.NaN),
    reading("limit", 2, Number.NEGATIVE_INFINITY),
  ];
  for (const comparison of ["above", "below"] as const) {
    assert.equal(worstReading([...odd, reading("real", 3)], { ...rule, comparison }).subject, "real");
  }
  assert.equal(worstReading(odd, rule).subject, "infinite", "nothing else is there");
});

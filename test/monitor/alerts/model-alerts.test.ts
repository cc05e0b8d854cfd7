import assert from "node:assert/strict";
import { test } from "node:test";
import { toTimestamp } from "../../../src/model/package-messages.ts";
import { AlertBoard, type AlertChange } from "../../../src/monitor/alerts/alert-board.ts";
import { ModelAlerts } from "../../../src/monitor/alerts/model-alerts.ts";
import { emptyData, emptyQuality } from "../../../src/monitor/monitor-report.ts";
import { ruleOf, rulesOf } from "./alert-rules.ts";
import { metricOf, reportOf } from "./reports.ts";

const minute = 60_000;

/** One rule about accuracy below 0.9, and what everybody hears of it. */
function subject(fields = "", board = new AlertBoard()) {
  const changes: AlertChange[] = [];
  board.listen((change) => changes.push(change));
  const logged: string[] = [];
  const levels: number[] = [];
  const alerts = new ModelAlerts({
    modelName: "m",
    modelVersion: "1",
    rules: rulesOf(`alerts: [{ name: drop, metric: accuracy, comparison: below, threshold: 0.9${fields} }]`).map(
      ({ rule }) => rule,
    ),
    board,
    series: () => ({ set: (value) => levels.push(value) }),
    report: (level, message, fields) => logged.push(`${level} ${message}: ${fields.text}`),
    nowMs: 0,
  });
  const evaluate = (atMs: number, accuracy: number | undefined, samples = 500) => {
    const metrics = accuracy === undefined ? [] : [metricOf("accuracy", accuracy, { sample_count: samples })];
    alerts.evaluate(reportOf({ quality: { ...emptyQuality(""), metrics } }), atMs);
  };
  const states = () => changes.map(({ alert }) => alert.state.replace("ALERT_STATE_", ""));
  return { board, changes, logged, levels, alerts, evaluate, states };
}

test("an alert comes and goes on the board, in the log and in the metrics", () => {
  const { alerts, board, evaluate, states, logged, levels } = subject(", holdSeconds: 60, message: Call.");
  alerts.open();
  evaluate(1 * minute, 0.95);
  evaluate(2 * minute, 0.8);
  evaluate(3 * minute, 0.81);
  evaluate(4 * minute, 0.95);
  evaluate(5 * minute, 0.95);
  assert.deepEqual(states(), ["UNKNOWN", "OK", "PENDING", "FIRING", "OK"]);
  assert.deepEqual(levels, [-1, 0, 1, 2, 2, 0]);
  assert.deepEqual(logged, [
    "warn an alert fires: accuracy is 0.81, below 0.9 (500 outcomes). Call.",
    "info an alert has ended: accuracy is 0.95, not below 0.9 (500 outcomes). Call.",
  ]);
  assert.deepEqual(board.alerts(), [
    {
      name: "drop",
      model_name: "m",
      model_version: "1",
      state: "ALERT_STATE_OK",
      since: { seconds: 300, nanos: 0 },
      metric: "accuracy",
      value: 0.95,
      threshold: 0.9,
      comparison: "below",
      sample_count: 500,
      message: "accuracy is 0.95, not below 0.9 (500 outcomes). Call.",
      severity: "warning",
    },
  ]);
});

test("too few samples are told as such, without a number", () => {
  const { alerts, board, evaluate } = subject();
  alerts.open();
  evaluate(minute, 0.1, 199);
  const [alert] = board.alerts();
  assert.equal(alert?.state, "ALERT_STATE_UNKNOWN");
  assert.equal(alert?.value, undefined);
  assert.equal(alert?.sample_count, 199);
  assert.equal(alert?.message, "accuracy: 199 outcomes are too few to tell, at least 200 are needed.");
  evaluate(2 * minute, undefined);
  assert.equal(board.alerts()[0]?.message, "accuracy: there is no such number yet.");
});

test("nobody hears of a version that is not in service; one that goes is heard of a last time", () => {
  const { alerts, evaluate, states, board } = subject();
  evaluate(minute, 0.5);
  alerts.close();
  assert.deepEqual(states(), []);
  alerts.open();
  alerts.close();
  assert.deepEqual(states(), ["FIRING", "REMOVED"]);
  assert.deepEqual(board.alerts(), []);
});

test("the board lists the alerts of one model, ordered, and tells only changes of a state", () => {
  const board = new AlertBoard();
  const { evaluate, alerts, changes } = subject("", board);
  alerts.open();
  evaluate(minute, 0.5);
  evaluate(2 * minute, 0.6);
  assert.equal(changes.length, 2);
  assert.equal(board.alerts("m")[0]?.value, 0.6);
  assert.deepEqual(board.alerts("other"), []);
});

test("a window that is seen again is no further one in a row", () => {
  const board = new AlertBoard();
  const alerts = new ModelAlerts({
    modelName: "m",
    modelVersion: "1",
    rules: [ruleOf("metric: drifted_features, comparison: above, threshold: 0, windows: 2")],
    board,
    series: () => ({ set: () => {} }),
    report: () => {},
    nowMs: 0,
  });
  alerts.open();
  const evaluate = (atMs: number, endMs: number) => {
    const window = { from: toTimestamp(0), to: toTimestamp(endMs), rows: 1000 };
    const data = { ...emptyData(""), reference: "r", compared_window: window, drifted_signals: 1 };
    alerts.evaluate(reportOf({ data }), atMs);
    return board.alerts()[0]?.state;
  };
  assert.equal(evaluate(1 * minute, minute), "ALERT_STATE_PENDING");
  assert.equal(evaluate(2 * minute, minute), "ALERT_STATE_PENDING");
  assert.equal(evaluate(9 * minute, minute), "ALERT_STATE_PENDING");
  assert.equal(evaluate(10 * minute, 10 * minute), "ALERT_STATE_FIRING");
});

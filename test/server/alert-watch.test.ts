import assert from "node:assert/strict";
import { test } from "node:test";
import { AlertBoard } from "../../src/monitor/alerts/alert-board.ts";
import type { Alert, AlertState } from "../../src/monitor/monitor-report.ts";
import { statusCodes } from "../../src/protocol/status.ts";
import { AlertWatch, maxAlertWatchers } from "../../src/server/alert-watch.ts";
import { FakeCall } from "../support/fake-call.ts";

function alertOf(model_name: string, name: string, state: AlertState): Alert {
  const rest = { metric: "accuracy", comparison: "below", sample_count: 1, message: "", severity: "warning" };
  return { name, model_name, model_version: "1", state, ...rest };
}

function subject() {
  const board = new AlertBoard();
  const watch = new AlertWatch(board);
  const update = (model: string, name: string, state: string) =>
    board.update(alertOf(model, name, `ALERT_STATE_${state}` as AlertState), true);
  const open = (modelName = "") => {
    const call = new FakeCall<{ alert: Alert }>();
    const listener = watch.handler(call);
    listener.onMessage({ model_name: modelName });
    listener.onHalfClose();
    const seen = () => call.written.map(({ alert }) => `${alert.model_name}/${alert.name} ${alert.state.slice(12)}`);
    return { call, listener, seen };
  };
  return { board, watch, update, open };
}

test("a watcher gets all alerts first, then every change", () => {
  const { update, open, board } = subject();
  update("a", "x", "OK");
  update("b", "x", "FIRING");
  const { call, seen } = open();
  call.isEager = true;
  call.accept();
  assert.deepEqual(seen(), ["a/x OK", "b/x FIRING"]);
  update("a", "x", "PENDING");
  update("a", "x", "PENDING");
  update("c", "new", "UNKNOWN");
  board.remove(alertOf("b", "x", "ALERT_STATE_FIRING"), true);
  assert.deepEqual(seen().slice(2), ["a/x PENDING", "c/new UNKNOWN", "b/x REMOVED"]);
});

test("a watcher of one model hears of no other", () => {
  const { update, open } = subject();
  update("a", "x", "OK");
  update("b", "x", "OK");
  const { call, seen } = open("b");
  call.isEager = true;
  call.accept();
  update("a", "x", "FIRING");
  update("b", "x", "FIRING");
  assert.deepEqual(seen(), ["b/x OK", "b/x FIRING"]);
});

test("a slow watcher gets the newest state of each alert, however many changes it missed", () => {
  const { update, open } = subject();
  update("a", "x", "OK");
  const { call, seen } = open();
  for (let i = 0; i < 1000; i++) {
    update("a", "x", i % 2 === 0 ? "FIRING" : "OK");
    update("a", "y", i % 2 === 0 ? "OK" : "FIRING");
  }
  assert.equal(call.written.length, 1, "one message ahead of its reader");
  for (let i = 0; i < 10; i++) call.accept();
  assert.deepEqual(seen(), ["a/x OK", "a/x OK", "a/y FIRING"]);
});

test("many alerts at once do not nest", () => {
  const { update, open } = subject();
  for (let i = 0; i < 50_000; i++) update("a", `x${i}`, "OK");
  const { call } = open();
  call.isEager = true;
  call.accept();
  assert.equal(call.written.length, 50_000);
});

test("watchers end with the server, and those that come later are refused; those that go are forgotten", () => {
  const { watch, open } = subject();
  const [first, second] = [open(), open()];
  second.listener.onClosed();
  assert.equal(watch.watcherCount, 1);
  watch.end();
  assert.equal(first.call.status?.code, statusCodes.UNAVAILABLE);
  assert.equal(second.call.status, undefined);
  assert.equal(open().call.status?.code, statusCodes.UNAVAILABLE);
});

test("watchers are bounded", () => {
  const { open } = subject();
  for (let i = 0; i < maxAlertWatchers; i++) assert.equal(open().call.status, undefined);
  assert.equal(open().call.status?.code, statusCodes.UNAVAILABLE);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { formatTime, msLeft, type ProgressState, progressLine, rowsPerSecond } from "../../../src/cli/bulk/progress.ts";

const state: ProgressState = {
  rows: 1_250_000,
  earlierRows: 1_000_000,
  skippedRows: 0,
  share: 0.625,
  earlierShare: 0.5,
  elapsedMs: 10_000,
};

test("a line tells share, rows, rate and time left; the bar is for terminals", () => {
  assert.equal(
    progressLine(state, true),
    "[###############         ]   62 %  1,250,000 rows  25,000 rows/s  0:30 left",
  );
  assert.equal(progressLine(state, false), " 62 %  1,250,000 rows  25,000 rows/s  0:30 left");
  assert.equal(
    progressLine({ ...state, share: undefined, skippedRows: 3 }, true),
    "1,250,000 rows  25,000 rows/s  3 skipped",
  );
});

test("rate and time left go by this run alone", () => {
  assert.equal(rowsPerSecond(state), 25_000);
  assert.equal(msLeft(state), 30_000);
  assert.equal(msLeft({ ...state, share: 0.5 }), undefined);
  assert.equal(rowsPerSecond({ ...state, elapsedMs: 0 }), 0);
});

test("times are read at a glance", () => {
  assert.deepEqual([0, 6_100, 754_000, 3_723_000].map(formatTime), ["0:00", "0:07", "12:34", "1:02:03"]);
});

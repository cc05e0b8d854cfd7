import assert from "node:assert/strict";
import { test } from "node:test";
import { lineCharacters, linePath } from "../../../../src/monitor/page/browser/line-points.ts";

test("a line goes from zero to its greatest value, with gaps where numbers are absent", () => {
  assert.equal(linePath([0, 5, 10], 100, 20), "M0 20L50 10L100 0");
  assert.equal(linePath([10, undefined, 5], 100, 20), "M0 0M100 10");
  assert.equal(linePath([Number.NaN, 1], 100, 20), "M100 0");
  assert.equal(linePath([-1, 1], 100, 20), "M0 20L100 0");
});

test("one number is a level line, none is nothing", () => {
  assert.equal(linePath([4], 100, 20), "M0 0L100 0");
  assert.equal(linePath([0, 0], 100, 20), "M0 20L100 20");
  assert.equal(linePath([undefined], 100, 20), "");
});

test("the same line in characters", () => {
  assert.equal(lineCharacters([0, 1, 2, 3, 4, 5, 6, 7]), "▁▂▃▄▅▆▇█");
  assert.equal(lineCharacters([1, undefined, 0]), "█ ▁");
  assert.equal(lineCharacters([0, 0]), "▁▁");
  assert.equal(lineCharacters([]), "");
});

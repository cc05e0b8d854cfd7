import assert from "node:assert/strict";
import { test } from "node:test";
import { matches, rowPage, sortRows } from "../../../../src/monitor/page/browser/row-order.ts";

test("rows are sorted either way, absent values last, equal ones as they were", () => {
  const rows = [3, undefined, 1, Number.NaN, 2].map((value, place) => ({ value, place }));
  const order = (isDescending: boolean) => sortRows(rows, ({ value }) => value, isDescending).map(({ place }) => place);
  assert.deepEqual(order(false), [2, 4, 0, 1, 3]);
  assert.deepEqual(order(true), [0, 4, 2, 1, 3]);
  const equal = sortRows(["b1", "a", "b2"], (row) => row[0], true);
  assert.deepEqual(equal, ["b1", "b2", "a"]);
});

test("names are sorted with their numbers as numbers", () => {
  const names = ["feature_10", "feature_9", "Feature_1"];
  assert.deepEqual(
    sortRows(names, (name) => name, false),
    ["Feature_1", "feature_9", "feature_10"],
  );
});

test("a name fits when it holds every word", () => {
  assert.ok(matches("Mean_Radius", "radius mean"));
  assert.ok(!matches("mean_radius", "worst radius"));
  assert.ok(matches("anything", ""));
});

test("a page that there is not is the nearest one that there is", () => {
  assert.deepEqual(rowPage(0, 50, 3), { from: 0, to: 0, page: 0, pages: 1 });
  assert.deepEqual(rowPage(120, 50, 2), { from: 100, to: 120, page: 2, pages: 3 });
  assert.deepEqual(rowPage(120, 50, 9), { from: 100, to: 120, page: 2, pages: 3 });
  assert.deepEqual(rowPage(120, 50, -1), { from: 0, to: 50, page: 0, pages: 3 });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAlertThreshold } from "../../../src/monitor/alerts/alert-threshold.ts";

const reference = { kind: "reference", factor: 1, errors: 0, offset: 0 } as const;

test("thresholds are read in every form that the message offers", () => {
  const read = ["0.9", "-1e-3", "critical", "3se", "2.5 se", "reference", "reference * 3", "reference - 3se"];
  assert.deepEqual(read.map(parseAlertThreshold), [
    { kind: "number", value: 0.9 },
    { kind: "number", value: -0.001 },
    { kind: "critical" },
    { kind: "errors", errors: 3 },
    { kind: "errors", errors: 2.5 },
    reference,
    { ...reference, factor: 3 },
    { ...reference, errors: -3 },
  ]);
  assert.deepEqual(parseAlertThreshold(" reference*0.9 - 0.01 "), { ...reference, factor: 0.9, offset: -0.01 });
  assert.deepEqual(parseAlertThreshold("reference + 3 se"), { ...reference, errors: 3 });
  assert.deepEqual(parseAlertThreshold("reference - 0"), reference);
});

test("what is no threshold is none", () => {
  for (const text of [
    "",
    " ",
    "se",
    "reference -",
    "reference 3se",
    "NaN",
    "Infinity",
    "critically",
    "3 * reference",
  ]) {
    assert.equal(parseAlertThreshold(text), undefined, text);
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { OutcomeTally } from "../../../src/cli/outcomes/outcome-tally.ts";

test("a tally has a line for each status, with the first row that had it and why", () => {
  const tally = new OutcomeTally();
  const accepted = { status: "ACCEPTED", message: "" } as const;
  tally.add(0, [accepted, { status: "FORGED", message: "changed" }, accepted]);
  tally.add(3, [
    { status: "DUPLICATE", message: "known" },
    { status: "FORGED", message: "other" },
  ]);
  assert.equal(tally.rows, 5);
  assert.equal(tally.unsettled, 2);
  assert.deepEqual(tally.text.split("\n"), [
    "result     outcomes  the first of them",
    "accepted          2  row 0",
    "duplicate         1  row 3: known",
    "forged            2  row 1: changed",
    "",
  ]);
  assert.deepEqual(tally.json, {
    rows: 5,
    unsettled: 2,
    results: [
      { status: "accepted", count: 2, first_row: 0 },
      { status: "duplicate", count: 1, first_row: 3, message: "known" },
      { status: "forged", count: 2, first_row: 1, message: "changed" },
    ],
  });
});

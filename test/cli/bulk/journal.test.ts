import assert from "node:assert/strict";
import { test } from "node:test";
import {
  describeChange,
  formatCheckpoint,
  formatHead,
  type JournalHead,
  readJournal,
} from "../../../src/cli/bulk/journal.ts";

const head: JournalHead = {
  job: { input: "a.csv (10 bytes)", format: "csv" },
  modelVersion: "3",
  columns: [{ name: "y", datatype: "FP32", shape: [] }],
};
const checkpoints = [1, 2].map((n) => ({
  bytes: n * 100,
  rows: n * 10,
  input: { row: n * 11, byte: n * 50, line: n * 12 },
  skipped: n === 1 ? [] : [{ firstRow: 3, rowCount: 1, message: "INTERNAL: no" }],
}));
const text = formatHead(head) + checkpoints.map(formatCheckpoint).join("");

test("a journal that was cut off anywhere tells what was complete", () => {
  const ends = [...text.matchAll(/\n/g)].map(({ index }) => index);
  for (let length = 0; length <= text.length; length++) {
    const lines = ends.filter((end) => end < length).length;
    const content = readJournal(text.slice(0, length));
    if (lines === 0) assert.equal(content, undefined);
    else assert.deepEqual([content?.head.job, content?.checkpoints], [head.job, checkpoints.slice(0, lines - 1)]);
  }
});

test("a journal of another version is refused", () => {
  assert.throws(() => readJournal('{"journal":2}\n'), /not of this version of sluice; --restart starts anew/);
});

test("what differs between two jobs is told", () => {
  assert.equal(describeChange(head.job, { ...head.job }), undefined);
  assert.equal(
    describeChange(head.job, { input: "a.csv (11 bytes)", format: "csv", "--keep": "id" }),
    "input was a.csv (10 bytes), now a.csv (11 bytes); --keep was not given, now id",
  );
});

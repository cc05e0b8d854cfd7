import assert from "node:assert/strict";
import { test } from "node:test";
import { fileName, filePrefix, stampOf } from "../../../src/monitor/payload/file-name.ts";
import { filesToRemove, isComplete, maxPayloadFiles } from "../../../src/monitor/payload/rotation.ts";

const limits = { maxFileBytes: 100, maxFileMs: 1000, maxTotalBytes: 400 };

test("a file is complete by its size or its age", () => {
  assert.equal(isComplete({ bytes: 99, openedMs: 0 }, 999, limits), false);
  assert.equal(isComplete({ bytes: 100, openedMs: 0 }, 0, limits), true);
  assert.equal(isComplete({ bytes: 0, openedMs: 0 }, 1000, limits), true);
});

test("the oldest files of a model go until a full one has room; what is written now, or is not of the log, stays", () => {
  const at = (ms: number, version = "1") => fileName("m", version, ms, 0);
  const files = [at(4, "2"), at(1), at(3), at(2, "2"), "m@notes.txt"].map((name) => ({ name, bytes: 100 }));
  const names = (active: string) => filesToRemove(files, (name) => name === active, limits).map(({ name }) => name);
  assert.deepEqual(names(""), [at(1)]);
  assert.deepEqual(names(at(1)), [at(2, "2")]);
  const small = { ...limits, maxTotalBytes: 200 };
  assert.deepEqual(
    filesToRemove(files, () => false, small).map(({ name }) => name),
    [at(1), at(2, "2"), at(3)],
  );
  assert.deepEqual(
    filesToRemove(files.slice(0, 2), () => false, limits),
    [],
  );
});

test("files that others write at the moment count as full ones, and there are only so many, however small", () => {
  const named = (count: number, bytes: number) =>
    Array.from({ length: count }, (_, ms) => ({ name: fileName("m", "1", ms, 0), bytes }));
  const three = named(3, 100);
  const young = fileName("m", "2", 9, 0);
  const removed = filesToRemove([...three, { name: young, bytes: 1 }], (name) => name === young, limits);
  assert.deepEqual(removed.length, 1);
  assert.equal(filesToRemove(named(maxPayloadFiles + 2, 0), () => false, limits).length, 3);
  assert.equal(filesToRemove(three, () => false, limits, 250).length, 2, "a first write of more than a file");
});

test("names of files tell model, version and time, whatever the model is called", () => {
  assert.equal(fileName("m", "1", Date.UTC(2026, 0, 2, 3, 4, 5, 6), 7), "m@1@20260102T030405006Z-7.jsonl");
  for (const name of ["a@b", "../x", "a/b", "日本", "*", "a b", "\ud800", "~", "x".repeat(300)]) {
    const file = fileName(name, "1", 0, 0);
    assert.match(file, /^[\w.%-]+@1@[\dTZ]+-0\.jsonl$/, name);
    assert.ok(file.startsWith(filePrefix(name)) && stampOf(file) !== "");
    assert.ok(file.length < 200);
  }
  const long = (end: string) => filePrefix(`${"日本".repeat(20)}${end}`);
  assert.notEqual(long("a"), long("b"), "no two long names share a file");
  assert.ok(!fileName("a.b", "1", 0, 0).startsWith(filePrefix("a")), "no model has the files of another");
});

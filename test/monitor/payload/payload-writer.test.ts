import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { PayloadFiles } from "../../../src/monitor/payload/payload-files.ts";
import { PayloadMemory } from "../../../src/monitor/payload/payload-memory.ts";
import type { PayloadRecord } from "../../../src/monitor/payload/payload-record.ts";
import { PayloadWriter } from "../../../src/monitor/payload/payload-writer.ts";
import { FakeMonitorClock } from "../../support/fake-monitor-clock.ts";
import { MemoryStore } from "../../support/memory-store.ts";

const limits = { maxFileBytes: 2_000, maxFileMs: 60_000, maxTotalBytes: 6_000 };

function subject() {
  const clock = new FakeMonitorClock();
  const store = new MemoryStore();
  const memory = new PayloadMemory(10_000);
  const events: string[] = [];
  const files = new PayloadFiles({ store, modelName: "m", modelVersion: "1", limits, active: new Set(), clock });
  const written = { records: 0, bytes: 0 };
  const writer = new PayloadWriter({
    files,
    memory,
    clock,
    onWritten: (records, bytes) => {
      written.records += records;
      written.bytes += bytes;
    },
    onDropped: (reason, records) => events.push(`${reason} ${records}`),
    report: (level, message) => events.push(`${level} ${message}`),
  });
  let rows = 0;
  const push = () => {
    assert.ok(memory.take(100));
    writer.push(recordOf(++rows));
  };
  /** Lets time pass, and everything happen that waits for promises. */
  const pass = async (ms: number) => {
    clock.advance(ms);
    for (let i = 0; i < 50; i++) await setImmediate();
  };
  const rowsWritten = () => store.lines().map((line) => JSON.parse(line).rows);
  return { store, memory, events, written, writer, push, pass, rowsWritten };
}

function recordOf(rows: number): PayloadRecord {
  return {
    atMs: 0,
    modelName: "m",
    modelVersion: "1",
    id: undefined,
    predictionId: undefined,
    tenant: undefined,
    rows,
    status: "OK",
    error: "",
    timing: undefined,
    parameters: undefined,
    inputs: undefined,
    outputs: undefined,
    bytes: 100,
  };
}

test("records are written together, in their order, a moment after the first, and give their memory back", async () => {
  const { push, pass, store, memory, written, rowsWritten } = subject();
  for (let i = 0; i < 5; i++) push();
  await pass(100);
  assert.equal(store.writes, 0);
  await pass(100);
  assert.deepEqual(rowsWritten(), [1, 2, 3, 4, 5]);
  assert.deepEqual([store.writes, memory.usedBytes, written.records], [1, 0, 5]);
  assert.equal(written.bytes, [...store.files.values()].join("").length);
});

test("files follow each other by size, and the oldest go beyond the total", async () => {
  const { push, pass, store, rowsWritten } = subject();
  for (let i = 0; i < 200; i++) {
    push();
    await pass(200);
  }
  const sizes = [...store.files.values()].map((text) => text.length);
  assert.ok(
    sizes.every((size) => size < 2_200),
    String(sizes),
  );
  assert.ok(sizes.reduce((sum, size) => sum + size, 0) <= 6_200);
  const rows = rowsWritten();
  assert.deepEqual(
    rows,
    Array.from({ length: rows.length }, (_, i) => 201 - rows.length + i),
    "the newest, without a gap",
  );
});

test("a file becomes complete by its age although nothing more comes", async () => {
  const { push, pass, store } = subject();
  push();
  await pass(200);
  assert.deepEqual(store.closed, []);
  await pass(60_000);
  assert.equal(store.closed.length, 1);
});

test("a full disk costs records that are counted, one log line, and nothing else; then all goes on", async () => {
  const { push, pass, store, memory, events, rowsWritten } = subject();
  push();
  await pass(200);
  store.failure = new Error("ENOSPC: no space left on device");
  for (let second = 0; second < 30; second++) {
    push();
    await pass(1000);
  }
  assert.equal(events[0], "warn the payload log cannot be written; records are dropped and counted until it can");
  assert.equal(events.filter((event) => event.startsWith("warn")).length, 1);
  const attempts = store.writes;
  assert.ok(attempts < 10, "it pauses longer and longer");
  store.failure = undefined;
  push();
  await pass(60_000);
  assert.equal(events.at(-1), "info the payload log is written again");
  assert.equal(memory.usedBytes, 0);
  const dropped = events.map((event) => Number(/^write_failed (\d+)$/.exec(event)?.[1] ?? 0)).reduce((a, b) => a + b);
  assert.equal(rowsWritten().length + dropped, 32, "each record is written or counted");
  assert.equal(store.closed.length, 1, "the file with half a line is left alone");
});

test("while a write hangs, records wait as far as there is memory", async () => {
  const { push, pass, store, memory, writer, rowsWritten } = subject();
  const { promise, resolve } = Promise.withResolvers<void>();
  store.hold = promise;
  push();
  await pass(200);
  for (let i = 0; i < 100; i++) push();
  await pass(10_000);
  assert.equal(memory.usedBytes, 10_000);
  assert.equal(memory.take(1), false, "the next request is not captured");
  resolve();
  await writer.close();
  assert.equal(rowsWritten().length, 101);
  assert.equal(memory.usedBytes, 0);
});

test("closing over a disk that is full gives back and counts what is left", async () => {
  const { push, pass, writer, store, events, memory } = subject();
  store.failure = new Error("ENOSPC");
  push();
  await pass(200);
  for (let i = 0; i < 3; i++) push();
  await writer.close();
  assert.equal(memory.usedBytes, 0);
  const dropped = events.map((event) => Number(/ (\d+)$/.exec(event)?.[1] ?? 0)).reduce((a, b) => a + b);
  assert.equal(dropped, 4);
});

test("closing writes what waits, and what comes later is dropped and counted", async () => {
  const { push, writer, store, events, rowsWritten, memory } = subject();
  push();
  await writer.close();
  assert.deepEqual(rowsWritten(), [1]);
  assert.equal(store.closed.length, 1);
  push();
  assert.deepEqual(events, ["stopped 1"]);
  assert.equal(memory.usedBytes, 0);
});

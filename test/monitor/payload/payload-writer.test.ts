import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { PayloadFiles } from "../../../src/monitor/payload/payload-files.ts";
import { PayloadMemory } from "../../../src/monitor/payload/payload-memory.ts";
import type { PayloadRecord } from "../../../src/monitor/payload/payload-record.ts";
import { PayloadWriter } from "../../../src/monitor/payload/payload-writer.ts";
import { FakeMonitorClock } from "../../support/fake-monitor-clock.ts";
import { MemoryStore } from "../../support/memory-store.ts";

const defaultLimits = { maxFileBytes: 2_000, maxFileMs: 60_000, maxTotalBytes: 6_000 };

function subject(limits = defaultLimits) {
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
  return { clock, store, memory, events, written, writer, push, pass, rowsWritten };
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

test("a file may be open for longer than a timer can be set", async () => {
  const { push, pass, clock } = subject({ ...defaultLimits, maxFileMs: 30 * 86_400_000 });
  push();
  for (let hour = 0; hour < 3; hour++) await pass(3_600_000);
  const { waits } = clock;
  assert.ok(waits.length > 0 && waits.every((ms) => ms < 2 ** 31), String(waits));
  assert.ok(waits.length < 6, String(waits.length));
});

test("a disk that stays full collects no files", async () => {
  const { push, pass, store } = subject();
  store.isFull = true;
  for (let minute = 0; minute < 30; minute++) {
    push();
    await pass(60_000);
  }
  assert.ok(store.writes > 10);
  assert.deepEqual([...store.files.keys()], []);
});

test("no file is larger than it should be but for a write that has one of its own, and the total counts that", async () => {
  const { push, pass, store } = subject();
  const sizes = () => [...store.files.values()].map((text) => text.length);
  for (let i = 0; i < 40; i++) {
    for (let j = 0; j < 15; j++) push(); // about 1,100 bytes in one write
    await pass(200);
  }
  assert.ok(
    sizes().every((size) => size <= defaultLimits.maxFileBytes),
    String(sizes()),
  );
  for (let j = 0; j < 60; j++) push(); // more than a file, less than all of them
  await pass(200);
  const total = sizes().reduce((sum, size) => sum + size, 0);
  assert.ok(Math.max(...sizes()) > defaultLimits.maxFileBytes && total <= defaultLimits.maxTotalBytes, String(sizes()));
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
  const { push, pass, store, memory, writer, rowsWritten } = subject({ ...defaultLimits, maxTotalBytes: 20_000 });
  const { promise, resolve } = Promise.withResolvers<void>();
  store.hold = promise;
  push();
  await pass(200);
  for (let i = 0; i < 99; i++) push();
  await pass(10_000);
  assert.equal(memory.usedBytes, 10_000, "what is being written is still there");
  assert.equal(memory.take(1), false, "the next request is not captured");
  resolve();
  await writer.close();
  assert.equal(rowsWritten().length, 100);
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

import assert from "node:assert/strict";
import { test } from "node:test";
import { StreamGate } from "../../../src/runtime/admission/stream-gate.ts";

class Subject {
  readonly gate = new StreamGate();
  readonly woken: string[] = [];

  constructor(limitRows: number, rows: readonly number[] = []) {
    this.gate.limitRows = limitRows;
    for (const each of rows) this.gate.enter(each);
  }

  wait(name: string, tenant?: string): () => void {
    const listener = () => this.woken.push(name);
    this.gate.whenRoom(listener, tenant);
    return listener;
  }
}

test("is open without a limit, and full at it", () => {
  assert.equal(new Subject(Number.POSITIVE_INFINITY, [1e9]).gate.isFull, false);
  assert.equal(new Subject(10, [9]).gate.isFull, false);
  assert.equal(new Subject(10, [9, 1]).gate.isFull, true);
});

test("streams go on in the order in which they stopped, as many as there is room for", () => {
  const subject = new Subject(4, [1, 1, 1, 1]);
  for (const name of ["a", "b", "c"]) subject.wait(name);
  subject.gate.wake();
  assert.deepEqual(subject.woken, [], "still full");
  subject.gate.leave(2);
  subject.gate.wake();
  assert.deepEqual(subject.woken, ["a", "b"]);
  assert.equal(subject.gate.waitingCount, 1);
});

test("tenants take turns, whoever has more streams waiting", () => {
  const subject = new Subject(4, [1, 1, 1, 1]);
  for (let i = 0; i < 100; i++) subject.wait(`loud ${i}`, "loud");
  subject.wait("quiet", "quiet");
  for (let turn = 0; turn < 3; turn++) {
    subject.gate.leave(1);
    subject.gate.wake();
    subject.gate.enter(1);
  }
  assert.deepEqual(subject.woken, ["loud 0", "quiet", "loud 1"]);
  assert.equal(subject.gate.waitingCount, 98);
});

test("room is counted in messages of the usual size", () => {
  const subject = new Subject(
    1000,
    Array.from({ length: 100 }, () => 10),
  );
  for (let i = 0; i < 100; i++) subject.wait(String(i));
  subject.gate.leave(30);
  subject.gate.wake();
  assert.ok(subject.woken.length >= 3 && subject.woken.length <= 4, `${subject.woken.length}`);
});

test("all go on when nothing is under way: one without anything to send keeps nobody waiting", () => {
  const subject = new Subject(1, [1]);
  for (let i = 0; i < 5; i++) subject.wait(String(i));
  subject.gate.leave(1);
  subject.gate.wake();
  assert.equal(subject.woken.length, 5);
});

test("one that ended while it waited is forgotten", () => {
  const subject = new Subject(1, [1]);
  const ended = subject.wait("ended");
  subject.wait("waiting");
  subject.gate.forget(ended);
  subject.gate.forget(() => {});
  subject.gate.leave(1);
  subject.gate.wake();
  assert.deepEqual(subject.woken, ["waiting"]);
});

test("a listener that waits again at once waits for the next time", () => {
  const { gate } = new Subject(1, [1]);
  let calls = 0;
  const again = () => {
    calls++;
    gate.whenRoom(again);
  };
  gate.whenRoom(again);
  gate.leave(1);
  gate.wake();
  assert.equal(calls, 1);
});

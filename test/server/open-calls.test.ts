import assert from "node:assert/strict";
import { test } from "node:test";
import type { CallStatus } from "../../src/server/call.ts";
import { type OpenCall, OpenCalls } from "../../src/server/open-calls.ts";

class FakeCall implements OpenCall {
  isOpen = true;
  isIdle = false;
  unacceptedWrites = 0;
  place = -1;
  acceptedWrites = 0;
  readonly ends: CallStatus[] = [];
  readonly resets: number[] = [];
  end(status: CallStatus): void {
    this.ends.push(status);
  }
  reset(code: number): void {
    this.resets.push(code);
  }
}

test("only a call whose reader took nothing for the whole limit is given up", () => {
  const calls = new OpenCalls();
  const [idle, slow, stalled, late] = [new FakeCall(), new FakeCall(), new FakeCall(), new FakeCall()];
  for (const call of [idle, slow, stalled, late]) calls.add(call);
  slow.unacceptedWrites = 3;
  stalled.unacceptedWrites = 1;
  for (let nowMs = 0; nowMs <= 1_000; nowMs += 250) {
    slow.acceptedWrites++;
    if (nowMs === 750) late.unacceptedWrites = 1;
    calls.resetStalled(nowMs, 1_000);
    assert.equal(stalled.resets.length, nowMs === 1_000 ? 1 : 0, `after ${nowMs} ms`);
  }
  assert.deepEqual(
    [idle, slow, late].flatMap(({ resets }) => resets),
    [],
  );
  assert.deepEqual(stalled.resets, [8], "RESOURCE_EXHAUSTED");
});

test("all calls are ended or given up, and whoever waits hears of the last", async () => {
  const calls = new OpenCalls();
  await calls.untilEmpty();
  const [first, second] = [new FakeCall(), new FakeCall()];
  calls.add(first);
  calls.add(second);
  calls.endAll({ code: 14, details: "stopping" });
  calls.resetAll(14);
  assert.deepEqual([first, second].map(({ ends, resets }) => [ends.length, resets.length]), [[1, 1], [1, 1]]); // biome-ignore format: one line
  const empty = calls.untilEmpty();
  calls.remove(first);
  assert.equal(calls.size, 1);
  calls.remove(second);
  await empty;
  assert.equal(calls.size, 0);
});

test("a call that waits for its caller at two looks in a row is ended, one that has something to do in between is not", () => {
  const calls = new OpenCalls();
  const [idle, busy, late] = [new FakeCall(), new FakeCall(), new FakeCall()];
  for (const call of [idle, busy, late]) calls.add(call);
  const status = { code: 14, details: "by the test" };
  idle.isIdle = true;
  calls.endIdle(status);
  late.isIdle = true;
  calls.endIdle(status);
  assert.deepEqual([idle.ends.length, busy.ends.length, late.ends.length], [1, 0, 0]);
  late.isIdle = false;
  calls.endIdle(status);
  late.isIdle = true;
  calls.endIdle(status);
  assert.equal(late.ends.length, 0);
});

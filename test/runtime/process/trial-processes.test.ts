import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "../../../src/runtime/clock.ts";
import type { ProcessSlot } from "../../../src/runtime/process/process-slot.ts";
import { TrialProcesses } from "../../../src/runtime/process/trial-processes.ts";

/** A slot that only knows whether it was stopped. */
class SlotFake {
  isStopped = false;
  stop(): void {
    this.isStopped = true;
  }
}

function setUp() {
  const slots: SlotFake[] = [];
  const timers = new Set<() => void>();
  const clock: Clock = {
    now: () => 0,
    after(_delayMs, callback) {
      timers.add(callback);
      return () => timers.delete(callback);
    },
    soon: (callback) => callback(),
  };
  const trials = new TrialProcesses(clock, () => {
    const slot = new SlotFake();
    slots.push(slot);
    return slot as unknown as ProcessSlot; // only lent and stopped here
  });
  return { trials, slots, timers };
}

/** Borrows until told to give back. */
function borrow(trials: TrialProcesses) {
  const taken = Promise.withResolvers<ProcessSlot>();
  const end = Promise.withResolvers<void>();
  const done = trials.lend((slot) => {
    taken.resolve(slot);
    return end.promise;
  });
  return { taken: taken.promise, end, done };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("no two borrowers have the same process, and the third waits", async () => {
  const { trials, slots } = setUp();
  const [first, second, third] = [borrow(trials), borrow(trials), borrow(trials)];
  assert.notEqual(await first.taken, await second.taken);
  const isTaken = await Promise.race([third.taken.then(() => true), turn().then(() => false)]);
  assert.equal(isTaken, false);
  first.end.resolve();
  assert.equal(await third.taken, await first.taken);
  assert.equal(slots.length, 2);
});

test("a borrower that fails gives its process back", async () => {
  const { trials, slots } = setUp();
  const first = borrow(trials);
  await first.taken;
  first.end.reject(new Error("the model failed"));
  await assert.rejects(first.done, /the model failed/);
  const second = borrow(trials);
  assert.equal(await second.taken, await first.taken);
  assert.equal(slots.length, 1);
});

test("an idle process ends, one that is used again does not", async () => {
  const { trials, slots, timers } = setUp();
  for (let i = 0; i < 2; i++) {
    const borrower = borrow(trials);
    await borrower.taken;
    assert.equal(timers.size, 0, "not while it is lent");
    borrower.end.resolve();
    await borrower.done;
  }
  assert.equal(timers.size, 1);
  for (const fire of timers) fire();
  assert.deepEqual(slots, [Object.assign(new SlotFake(), { isStopped: true })]);
  assert.deepEqual(trials.slots, []);
});

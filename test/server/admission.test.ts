import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BufferBudget } from "../../src/server/admission.ts";

test("bytes fit, or are refused; an empty budget takes any message", () => {
  const budget = new BufferBudget(100);
  assert.equal(budget.tryAcquire(500), true);
  assert.equal(budget.isFull, true);
  assert.equal(budget.tryAcquire(1), false);
  budget.release(500);
  assert.equal(budget.tryAcquire(60), true);
  assert.equal(budget.tryAcquire(41), false);
  assert.equal(budget.tryAcquire(40), true);
  budget.release(100);
  assert.equal(budget.usedBytes, 0);
});

test("who waits for room is called once, in order, and no more than there is room for", () => {
  const budget = new BufferBudget(100);
  const called: string[] = [];
  const forgotten = () => called.push("forgotten");
  budget.acquire(100);
  budget.whenRoom(() => {
    called.push("first");
    budget.acquire(90);
  });
  budget.whenRoom(forgotten);
  budget.whenRoom(() => called.push("second"));
  budget.forget(forgotten);
  budget.release(5);
  assert.deepEqual(called, [], "a little room wakes nobody");
  budget.release(10);
  assert.deepEqual(called, ["first"], "the first filled it again");
  budget.release(100);
  assert.deepEqual(called, ["first", "second"]);
  assert.equal(budget.waitingCount, 0);
});

test("whatever is acquired and released, the account is right and never above limit by tryAcquire", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 60 })), (sizes) => {
      const budget = new BufferBudget(100);
      const held: number[] = [];
      for (const size of sizes) {
        if (budget.tryAcquire(size)) held.push(size);
        else budget.release(held.shift() ?? 0);
        assert.equal(
          budget.usedBytes,
          held.reduce((sum, bytes) => sum + bytes, 0),
        );
        assert.ok(budget.usedBytes <= 100);
      }
    }),
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { TurnBudget } from "../../src/server/turn-budget.ts";

/** Work that uses up a turn, however slow the machine. */
function spendTurn(): void {
  for (const startMs = performance.now(); performance.now() - startMs < 1.2; );
}

test("work runs at once while the turn has time left, then in the next turns, in order", async () => {
  const turns = new TurnBudget();
  const ran: string[] = [];
  turns.run(() => void ran.push("first"));
  turns.run(() => {
    spendTurn();
    ran.push("long");
  });
  turns.run(() => {
    spendTurn();
    ran.push("waits");
  });
  turns.run(() => void ran.push("waits longer"));
  assert.deepEqual(ran, ["first", "long"]);
  await setImmediate();
  assert.deepEqual(ran, ["first", "long", "waits"]);
  await setImmediate();
  assert.deepEqual(ran, ["first", "long", "waits", "waits longer"]);
  turns.run(() => void ran.push("at once"));
  assert.equal(ran.at(-1), "at once");
});

test("whoever waits for work hears what it throws, and others go on", async () => {
  const turns = new TurnBudget();
  const failing = turns.done(() => {
    spendTurn();
    throw new Error("planted");
  });
  const after = turns.done(() => {});
  await assert.rejects(failing, /planted/);
  await after;
});

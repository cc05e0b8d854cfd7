import assert from "node:assert/strict";
import { it } from "node:test";
import { CrashBreaker } from "../../../src/runtime/process/crash-breaker.ts";
import { FakeClock } from "../../support/fake-clock.ts";

function crashed(times: number, limit = 1_000) {
  const clock = new FakeClock();
  const breaker = new CrashBreaker(limit, clock);
  for (let i = 0; i < times; i++) breaker.record();
  return { clock, breaker };
}

it("waits not at all, then twice as long each time, up to ten seconds", () => {
  assert.deepEqual(
    [0, 1, 2, 3, 4, 5, 8, 9, 100].map((times) => crashed(times).breaker.delayMs),
    [0, 0, 100, 200, 400, 800, 6_400, 10_000, 10_000],
  );
});

it("opens at the limit and closes when the oldest crash is a minute old", () => {
  const { breaker, clock } = crashed(1, 2);
  clock.advance(20_000);
  assert.equal(breaker.isOpen, false);
  breaker.record();
  assert.equal(breaker.isOpen, true);
  assert.equal(breaker.cooldownMs, 40_000);
  clock.advance(39_999);
  assert.equal(breaker.isOpen, true);
  clock.advance(1);
  assert.equal(breaker.isOpen, false);
  assert.equal(breaker.delayMs, 0);
});

it("forgets the latest crashes that were forgiven, and no others", () => {
  const { breaker, clock } = crashed(1, 3);
  clock.advance(10_000);
  breaker.record();
  breaker.record();
  breaker.forgive(2);
  assert.equal(breaker.isOpen, false);
  clock.advance(1_000);
  breaker.record();
  breaker.record();
  assert.equal(breaker.cooldownMs, 49_000, "the first is the oldest still");
  breaker.forgive(9);
  assert.deepEqual([breaker.isOpen, breaker.delayMs, breaker.cooldownMs], [false, 0, 0]);
});

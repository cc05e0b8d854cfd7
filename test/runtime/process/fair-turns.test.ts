import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { FairTurns } from "../../../src/runtime/process/fair-turns.ts";

const always = () => true;

describe("fair turns", () => {
  it("serve two members that always wait within their two largest turns of each other, at any moment", () => {
    const costs = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(costs, costs, fc.integer({ min: 1, max: 200 }), (a, b, turnCount) => {
        const turns = new FairTurns<string>();
        const costsOf = { a, b };
        const served = { a: 0, b: 0 };
        const taken = { a: 0, b: 0 };
        for (const name of ["a", "b"] as const) {
          turns.add(name);
          turns.offer(name);
        }
        for (let turn = 0; turn < turnCount; turn++) {
          let used: "a" | "b" | undefined;
          turns.grant((name) => {
            used = name as "a" | "b";
            return true;
          }, always);
          assert.ok(used !== undefined);
          const cost = costsOf[used][taken[used]++ % costsOf[used].length] as number;
          served[used] += cost;
          turns.charge(used, cost);
          assert.ok(Math.abs(served.a - served.b) <= Math.max(...a) + Math.max(...b));
        }
      }),
    );
  });

  it("give an idle member no credit: after its return it gets every other turn, not all that it missed", () => {
    const turns = new FairTurns<string>();
    for (const name of ["busy", "idle"]) turns.add(name);
    turns.offer("busy");
    const order: string[] = [];
    const take = () => {
      turns.grant((name) => order.push(name) > 0, always);
      turns.charge(order.at(-1) as string, 10);
    };
    for (let i = 0; i < 50; i++) take();
    turns.offer("idle");
    order.length = 0;
    for (let i = 0; i < 20; i++) take();
    assert.equal(order.filter((name) => name === "idle").length, 10);
  });

  it("ask a member that had nothing to do only after its next offer", () => {
    const turns = new FairTurns<string>();
    turns.add("m");
    turns.offer("m");
    assert.equal(
      turns.grant(() => false, always),
      false,
    );
    assert.equal(turns.grant(always, always), false);
    turns.offer("m");
    assert.equal(
      turns.grant(always, () => false),
      true,
    );
    assert.equal(turns.hasWaiting, false);
  });

  it("forget a member that leaves", () => {
    const turns = new FairTurns<string>();
    turns.add("m");
    turns.offer("m");
    turns.remove("m");
    assert.equal(turns.hasWaiting, false);
    turns.offer("m");
    assert.equal(turns.hasWaiting, false);
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ArrivalRate } from "../../../src/runtime/batching/arrival-rate.ts";

describe("ArrivalRate", () => {
  it("tells the rows that arrive in a millisecond", () => {
    const rate = new ArrivalRate(100);
    for (let now = 0; now < 2000; now += 2) rate.record(now, 3);
    assert.ok(Math.abs(rate.perMs(2000) - 1.5) < 0.05, String(rate.perMs(2000)));
  });

  it("is 0 before anything arrives and fades when nothing does any more", () => {
    const rate = new ArrivalRate(100);
    assert.equal(rate.perMs(5), 0);
    rate.record(10, 50);
    rate.record(10, 50);
    assert.equal(rate.perMs(10), 1);
    assert.ok(rate.perMs(500) < 0.01);
  });
});

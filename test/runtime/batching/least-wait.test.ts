import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LeastWait } from "../../../src/runtime/batching/least-wait.ts";

describe("the least wait", () => {
  it("is nothing while nothing is known", () => {
    assert.equal(new LeastWait(8).timeFor(100, 1), 0);
  });

  it("takes every batch for as fast as a small one until a full one was seen", () => {
    const wait = new LeastWait(8);
    wait.onRan(1, false, 4);
    assert.equal(wait.timeFor(80, 1), 40);
    wait.onRan(8, true, 16);
    assert.equal(wait.timeFor(80, 1), 160);
    assert.equal(wait.timeFor(80, 4), 40);
  });

  it("is doubted until a batch has run", () => {
    const wait = new LeastWait(8);
    wait.onRan(8, true, 1_000);
    wait.doubt();
    wait.doubt();
    assert.equal(wait.timeFor(8, 1), 250);
    wait.onRan(8, true, 1_000);
    assert.equal(wait.timeFor(8, 1), 1_000);
  });

  it("keeps the fastest lately, and follows a model that becomes slower", () => {
    const wait = new LeastWait(8);
    for (const ms of [16, 8, 24]) wait.onRan(8, true, ms);
    assert.ok(Math.abs(wait.timeFor(8, 1) - 8) < 0.4);
    for (let batch = 0; batch < 60; batch++) wait.onRan(8, true, 16);
    assert.equal(wait.timeFor(8, 1), 16);
  });
});

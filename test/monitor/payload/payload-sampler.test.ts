import assert from "node:assert/strict";
import { test } from "node:test";
import { hashId, hashWords, isSampled } from "../../../src/monitor/outcomes/id-hash.ts";
import { PayloadSampler } from "../../../src/monitor/payload/payload-sampler.ts";

test("requests with an id are chosen by it, as everywhere else; others by lot", () => {
  const sampler = new PayloadSampler(0.3, 1e6, () => 0.29);
  const hashed = new Uint32Array(hashWords);
  let chosen = 0;
  for (let i = 0; i < 1000; i++) {
    hashId(`id${i}`, hashed);
    const isChosen = sampler.choose(`id${i}`, i);
    assert.equal(isChosen, isSampled(hashed, 0.3));
    if (isChosen) chosen++;
  }
  assert.ok(chosen > 250 && chosen < 350, String(chosen));
  assert.equal(sampler.choose("", 2000), true);
  assert.equal(new PayloadSampler(0.3, 1e6, () => 0.3).choose("", 0), false);
});

test("no more than the rate are chosen, with a second's worth at once", () => {
  const sampler = new PayloadSampler(1, 10);
  const count = (nowMs: number, requests: number) =>
    Array.from({ length: requests }, () => sampler.choose("", nowMs)).filter(Boolean).length;
  assert.equal(count(0, 100), 10);
  assert.equal(count(100, 100), 1);
  assert.equal(count(600, 100), 5);
  assert.equal(count(60_000, 100), 10);
  assert.equal(count(59_000, 100), 0, "a clock that went back gives nothing");
});

test("a rate below one a second still lets one through now and then", () => {
  const sampler = new PayloadSampler(1, 0.125);
  const chosen = Array.from({ length: 31 }, (_, i) => sampler.choose("", i * 1000)).filter(Boolean).length;
  assert.equal(chosen, 4);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { pushbackMs, ServiceRate } from "../../../src/runtime/admission/service-rate.ts";

test("nothing is known before the first batch", () => {
  const rate = new ServiceRate();
  assert.equal(rate.rowsPerMs, 0);
  assert.equal(rate.timeFor(100), 0);
});

test("is rows over the time in which they ran; the time between without work does not count", () => {
  const rate = new ServiceRate();
  rate.record(20, 0, 10, false);
  rate.record(20, 1000, 1010, false);
  assert.equal(rate.rowsPerMs, 2);
  assert.equal(rate.timeFor(100), 50);
});

test("a batch sent ahead begins when the one before it ends", () => {
  const rate = new ServiceRate();
  rate.record(20, 0, 10, false);
  rate.record(20, 1, 20, false);
  assert.equal(rate.rowsPerMs, 2);
});

test("with whole batches waiting, the time in which a shared process runs other models counts", () => {
  const rate = new ServiceRate();
  for (let i = 0; i < 100; i++) rate.record(20, i * 20 + 10, i * 20 + 20, true);
  assert.ok(Math.abs(rate.rowsPerMs - 1) < 0.01, `${rate.rowsPerMs}`);
});

test("a while without a process does not count, whatever waits", () => {
  const rate = new ServiceRate();
  rate.record(20, 0, 10, true);
  rate.interrupt();
  rate.record(20, 5000, 5010, true);
  assert.equal(rate.rowsPerMs, 2);
});

test("two instances at a time have twice the rate", () => {
  const rate = new ServiceRate();
  for (let i = 0; i < 200; i++) rate.record(20, i * 5 - 5, i * 5 + 5, true);
  assert.ok(Math.abs(rate.rowsPerMs - 4) < 0.01, `${rate.rowsPerMs}`);
});

test("follows a model that becomes slower within some twenty batches", () => {
  const rate = new ServiceRate();
  for (let i = 0; i < 100; i++) rate.record(10, i * 10, i * 10 + 10, true);
  for (let i = 0; i < 20; i++) rate.record(10, 1000 + i * 100, 1100 + i * 100, true);
  assert.ok(rate.rowsPerMs > 0.1 && rate.rowsPerMs < 0.12, `${rate.rowsPerMs}`);
});

test("a pushback is the drain time within a fifth, a whole number, and bounded", () => {
  assert.deepEqual(
    [0, 0.5, 1].map((random) => pushbackMs(1000, random)),
    [800, 1000, 1200],
  );
  assert.equal(pushbackMs(0, 0.5), 10);
  assert.equal(pushbackMs(1e12, 0.5), 10_000);
  const anyMs = fc.double({ min: 0, max: 1e9, noNaN: true });
  const unit = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(anyMs, unit, (drainMs, random) => {
      const found = pushbackMs(drainMs, random);
      assert.ok(Number.isSafeInteger(found) && found >= 10 && found <= 10_000);
    }),
  );
});

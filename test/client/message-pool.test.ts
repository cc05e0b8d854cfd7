import assert from "node:assert/strict";
import { test } from "node:test";
import { MessagePool } from "../../src/client/message-pool.ts";

const megabyte = 1024 * 1024;

test("a large message gets the memory of one that was given back", () => {
  const pool = new MessagePool(8 * megabyte);
  const first = pool.take(megabyte);
  assert.equal(first.length, megabyte);
  const other = pool.take(megabyte);
  assert.notEqual(other.buffer, first.buffer);
  pool.give(first);
  const again = pool.take(megabyte - 5);
  assert.equal(again.buffer, first.buffer);
  assert.equal(again.length, megabyte - 5);
});

test("memory that is too small, or far too large, is let go", () => {
  const pool = new MessagePool(8 * megabyte);
  for (const [given, wanted] of [
    [100_000, megabyte],
    [megabyte, 100_000],
  ] as const) {
    const buffer = pool.take(given);
    pool.give(buffer);
    const other = pool.take(wanted);
    assert.equal(other.length, wanted);
    assert.notEqual(other.buffer, buffer.buffer);
  }
});

test("no more is kept than the limit, and small messages not at all", () => {
  const pool = new MessagePool(1.5 * megabyte);
  const [first, second] = [pool.take(megabyte), pool.take(megabyte)];
  pool.give(first);
  pool.give(second);
  assert.equal(pool.take(megabyte).buffer, first.buffer);
  assert.notEqual(pool.take(megabyte).buffer, second.buffer);
  const small = pool.take(100);
  pool.give(small);
  assert.equal(small.length, 100);
  assert.notEqual(pool.take(megabyte).buffer, small.buffer);
});

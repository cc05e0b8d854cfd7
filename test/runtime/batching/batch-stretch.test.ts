import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { countWithinStretch } from "../../../src/runtime/batching/batch-stretch.ts";
import type { QueueEntry } from "../../../src/runtime/queue/queue-entry.ts";
import { entryOf } from "../../support/runtime-requests.ts";

/** One letter an entry: its tenant. */
function batchOf(tenants: string, rows = 1): QueueEntry[] {
  return [...tenants].map((tenant) => entryOf({ tenant, rows }));
}

/** Tenants in capitals have more waiting. */
function count(tenants: string, limit: number, { rows = 1, fixedMs = 1, rowMs = 1 } = {}): number {
  return countWithinStretch(batchOf(tenants, rows), {
    limit,
    predictMs: (all) => fixedMs + rowMs * all,
    waitingOf: (tenant) => (tenant === tenant.toUpperCase() ? 1_000 : [...tenants].filter((t) => t === tenant).length),
  });
}

describe("how far a batch is filled with the rows of tenants that have a backlog", () => {
  it("wholly, where nobody else is in it, or nobody has a backlog", () => {
    assert.equal(count("AAAA", 1), 4);
    assert.equal(count("ABAB", 1), 4);
    assert.equal(count("abab", 1), 4);
    assert.equal(count("a", 1), 1);
  });

  it("as long as it takes no longer than the limit times the rows of the others", () => {
    assert.equal(count("aaBBBBBB", 1), 2);
    assert.equal(count("aaBBBBBB", 1.34), 3); // 1 + 3 against 1 + 2
    assert.equal(count("aaBBBBBB", 2), 5);
    assert.equal(count("aaBBBBBB", 3), 8);
    assert.equal(count("aaBB", 2, { rows: 2 }), 4); // 1 + 8 against 1 + 4: one more row fits, but not an entry of two
  });

  it("wholly, where rows cost nothing", () => {
    assert.equal(count("aBBBBBBB", 1, { rowMs: 0 }), 8);
    assert.equal(count("aBBBBBBB", 1.2, { fixedMs: 100, rowMs: 1 }), 8);
  });

  it("keeps the order: what stands before the last of the others stays", () => {
    assert.equal(count("BaBaBBBB", 1), 4);
    assert.equal(count("BBBBBBBa", 1), 8);
  });

  it("never leaves a row of a tenant without a backlog behind, and is never empty", () => {
    const tenants = fc.array(fc.constantFrom(..."abAB"), { minLength: 1, maxLength: 32 });
    const model = fc.record({
      fixedMs: fc.double({ min: 0, max: 10, noNaN: true }),
      rowMs: fc.double({ min: 0, max: 10, noNaN: true }),
    });
    fc.assert(
      fc.property(tenants, model, fc.double({ min: 1, max: 10, noNaN: true }), (letters, times, limit) => {
        const taken = count(letters.join(""), limit, times);
        assert.ok(taken >= 1 && taken <= letters.length);
        assert.ok(letters.slice(taken).every((tenant) => tenant === tenant.toUpperCase()));
        const own = letters.filter((tenant) => tenant !== tenant.toUpperCase()).length;
        const last = letters.findLastIndex((tenant) => tenant !== tenant.toUpperCase()) + 1;
        const runMs = (rows: number) => times.fixedMs + times.rowMs * rows;
        if (own > 0 && taken > last) assert.ok(runMs(taken) <= limit * runMs(own));
      }),
    );
  });
});

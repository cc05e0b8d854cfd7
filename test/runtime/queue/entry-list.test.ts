import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { EntryList } from "../../../src/runtime/queue/entry-list.ts";
import type { QueueEntry } from "../../../src/runtime/queue/queue-entry.ts";
import { entryOf } from "../../support/runtime-requests.ts";

function dueAt(dueMs: number): QueueEntry {
  const entry = entryOf();
  entry.dueMs = dueMs;
  return entry;
}

function forwards(list: EntryList): QueueEntry[] {
  const found: QueueEntry[] = [];
  for (let entry = list.head; entry !== undefined; entry = entry.next) found.push(entry);
  return found;
}

function backwards(list: EntryList): QueueEntry[] {
  const found: QueueEntry[] = [];
  for (let entry = list.tail; entry !== undefined; entry = entry.previous) found.unshift(entry);
  return found;
}

describe("a list of entries", () => {
  it("keeps those due earlier in front, those due alike as they came, and its links both ways", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 30 }), fc.nat(29), (dues, removed) => {
        const list = new EntryList();
        const entries = dues.map(dueAt);
        for (const entry of entries) list.insertByDue(entry);
        const expected = entries.toSorted((a, b) => a.dueMs - b.dueMs);
        assert.deepEqual(forwards(list), expected);
        assert.deepEqual(backwards(list), expected);
        const gone = entries[removed];
        if (gone === undefined) return;
        list.remove(gone);
        assert.deepEqual(
          forwards(list),
          expected.filter((entry) => entry !== gone),
        );
        assert.deepEqual(
          backwards(list),
          expected.filter((entry) => entry !== gone),
        );
        assert.deepEqual([gone.next, gone.previous], [undefined, undefined]);
      }),
    );
  });

  it("lets an entry pass a bounded number of others", () => {
    const list = new EntryList();
    list.append(dueAt(0));
    for (let count = 0; count < 5_000; count++) list.append(dueAt(10));
    const urgent = dueAt(5);
    list.insertByDue(urgent);
    assert.equal(forwards(list).indexOf(urgent), 1 + 5_000 - 4_096);
  });

  it("puts what is due before all others in front of however many", () => {
    const list = new EntryList();
    for (let count = 0; count < 5_000; count++) list.append(dueAt(10));
    const urgent = dueAt(5);
    list.insertByDue(urgent);
    assert.equal(list.head, urgent);
  });
});

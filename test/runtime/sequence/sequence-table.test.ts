import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Sequence } from "../../../src/runtime/sequence/sequence.ts";
import { SequenceTable } from "../../../src/runtime/sequence/sequence-table.ts";

/** The sequence that a START opens. */
function open(table: SequenceTable, id: bigint): Sequence {
  const arrival = table.arrive(id, true);
  assert.ok(arrival.kind === "opened", arrival.kind);
  return arrival.sequence;
}

function end(table: SequenceTable, sequence: Sequence): Sequence | undefined {
  table.close(sequence);
  return table.release(sequence);
}

describe("SequenceTable", () => {
  it("gives the lowest slot of all instances, so that sequences spread", () => {
    const table = new SequenceTable({ instances: 2, slots: 3, maxBacklog: 0 });
    const slots = [1n, 2n, 3n, 4n].map((id) => open(table, id).slot);
    assert.deepEqual(slots, [
      { instance: 0, number: 0 },
      { instance: 1, number: 0 },
      { instance: 0, number: 1 },
      { instance: 1, number: 1 },
    ]);
  });

  it("lets sequences beyond the slots wait in their order, and refuses those beyond that", () => {
    const table = new SequenceTable({ instances: 1, slots: 1, maxBacklog: 2 });
    const first = open(table, 1n);
    const [second, third] = [open(table, 2n), open(table, 3n)];
    assert.equal(table.arrive(4n, true).kind, "full");
    assert.deepEqual([table.active, table.backlog], [1, 2]);
    assert.equal(end(table, first), second);
    assert.equal(end(table, third), undefined, "out of the backlog");
    assert.equal(end(table, second), undefined);
    assert.equal(table.isEmpty, true);
  });

  it("a number and a text are different ids", () => {
    const table = new SequenceTable({ instances: 1, slots: 4, maxBacklog: 0 });
    open(table, 5n);
    assert.equal(table.arrive("5", false).kind, "unknown");
    assert.equal(table.arrive("5", true).kind, "opened");
  });

  it("a closed sequence keeps its slot, and another one of its id gets its own", () => {
    const table = new SequenceTable({ instances: 1, slots: 2, maxBacklog: 0 });
    const first = open(table, 1n);
    table.close(first);
    assert.equal(table.arrive(1n, false).kind, "unknown");
    const second = open(table, 1n);
    assert.deepEqual([first.slot?.number, second.slot?.number], [0, 1]);
    table.close(first);
    assert.equal(table.find(1n), second, "closing the first again does not touch the second");
  });

  it("keeps new sequences away from an instance that is offline", () => {
    const table = new SequenceTable({ instances: 2, slots: 1, maxBacklog: 1 });
    table.setOnline(0, false);
    assert.equal(open(table, 1n).slot?.instance, 1);
    const waiting = open(table, 2n);
    assert.equal(waiting.slot, undefined);
    assert.equal(table.promote(), undefined);
    table.setOnline(0, true);
    assert.equal(table.promote(), waiting);
  });

  it("remembers what was lost until it is begun again or forgotten", () => {
    const table = new SequenceTable({ instances: 1, slots: 2, maxBacklog: 0 });
    for (const [id, ms] of [
      [1n, 10],
      [2n, 20],
    ] as const) {
      const sequence = open(table, id);
      table.remember(sequence, ms);
      end(table, sequence);
    }
    assert.deepEqual([table.arrive(1n, false).kind, table.arrive(2n, false).kind], ["lost", "lost"]);
    table.forgetBefore(10);
    assert.deepEqual([table.arrive(1n, false).kind, table.arrive(2n, false).kind], ["unknown", "lost"]);
    end(table, open(table, 2n));
    assert.equal(table.arrive(2n, false).kind, "unknown");
  });

  it("never gives a slot twice, and never leaves one free while a sequence waits", () => {
    const step = fc.record({ id: fc.bigInt({ min: 1n, max: 12n }), isEnd: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.nat({ max: 3 }), (steps, maxBacklog) => {
        const [instances, slots] = [2, 2];
        const table = new SequenceTable({ instances, slots, maxBacklog });
        const live = new Set<Sequence>();
        for (const { id, isEnd } of steps) {
          const known = table.find(id);
          if (isEnd && known !== undefined) {
            end(table, known);
            live.delete(known);
          } else {
            const arrival = table.arrive(id, true);
            if (arrival.kind === "opened") live.add(arrival.sequence);
            else assert.equal(arrival.kind, known === undefined ? "full" : "known");
          }
          const placed = [...live].filter(({ slot }) => slot !== undefined);
          const places = new Set(placed.map(({ slot }) => `${slot?.instance}/${slot?.number}`));
          assert.equal(places.size, placed.length);
          assert.equal(placed.length, Math.min(instances * slots, live.size));
          assert.ok(placed.every(({ slot }) => slot !== undefined && slot.number < slots));
          assert.ok(placed.every((each) => table.slotsOf(each.slot!.instance)[each.slot!.number] === each));
          assert.deepEqual([table.active, table.backlog], [placed.length, live.size - placed.length]);
          assert.deepEqual(new Set(table.all()), live);
        }
      }),
    );
  });
});

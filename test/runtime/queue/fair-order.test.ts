import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type FairMember, FairOrder } from "../../../src/runtime/queue/fair-order.ts";

class Member implements FairMember {
  readonly name: string;
  weight: number;
  startTag = 0;
  place = -1;
  rank = 0;
  served = 0;

  constructor(name: string, weight = 1) {
    this.name = name;
    this.weight = weight;
  }

  get servedByWeight(): number {
    return this.served / this.weight;
  }
}

/** Gives so many turns of one cost and tells who got them. */
function turns(order: FairOrder<Member>, count: number, cost: number): string {
  let names = "";
  for (let turn = 0; turn < count; turn++) {
    const member = order.first!;
    order.charge(member, cost);
    member.served += cost;
    names += member.name;
  }
  return names;
}

const aCost = fc.integer({ min: 1, max: 100 });
const aWeight = fc.constantFrom(0.5, 1, 2, 3, 7);

describe("a fair order", () => {
  it("serves two members that always wait within their two largest turns by weight of each other, at any moment", () => {
    const costs = fc.array(aCost, { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(costs, costs, aWeight, aWeight, fc.integer({ min: 1, max: 200 }), (a, b, weightA, weightB, count) => {
        const order = new FairOrder<Member>();
        const members = [new Member("a", weightA), new Member("b", weightB)] as const;
        const [first, second] = members;
        const costsOf = new Map([
          [first, a],
          [second, b],
        ]);
        const taken = new Map<Member, number>();
        for (const member of members) order.enter(member);
        const bound = Math.max(...a) / weightA + Math.max(...b) / weightB + 1e-9;
        for (let turn = 0; turn < count; turn++) {
          const member = order.first!;
          const own = costsOf.get(member)!;
          const index = taken.get(member) ?? 0;
          const cost = own[index % own.length]!;
          taken.set(member, index + 1);
          order.charge(member, cost);
          member.served += cost;
          assert.ok(Math.abs(first.servedByWeight - second.servedByWeight) <= bound);
        }
      }),
    );
  });

  it("comes to the same shares when costs are guessed first and corrected several turns later", () => {
    fc.assert(
      fc.property(fc.array(aCost, { minLength: 40, maxLength: 200 }), aWeight, (costs, weight) => {
        const order = new FairOrder<Member>();
        const a = new Member("a", weight);
        const b = new Member("b");
        for (const member of [a, b]) order.enter(member);
        const guess = 50;
        const open: { member: Member; cost: number }[] = [];
        for (const cost of costs) {
          const member = order.first!;
          order.charge(member, guess);
          open.push({ member, cost });
          const oldest = open.length > 3 ? open.shift() : undefined;
          if (oldest === undefined) continue;
          order.correct(oldest.member, oldest.cost - guess);
          oldest.member.served += oldest.cost;
          // The turns under way, each of which may be guessed wrong, beside the two largest.
          const bound = (6 * 100) / Math.min(1, weight);
          assert.ok(Math.abs(a.servedByWeight - b.servedByWeight) <= bound);
        }
      }),
    );
  });

  it("takes turns by weight", () => {
    const order = new FairOrder<Member>();
    for (const member of [new Member("a", 3), new Member("b")]) order.enter(member);
    assert.equal(turns(order, 12, 1).replaceAll("b", "").length, 9);
    assert.equal(turns(order, 400, 1).replaceAll("b", "").length, 300);
  });

  it("gives an idle member no credit", () => {
    const order = new FairOrder<Member>();
    const [busy, idle] = [new Member("b"), new Member("i")];
    order.enter(busy);
    turns(order, 1_000, 10);
    order.enter(idle);
    assert.equal(turns(order, 20, 10).replaceAll("b", "").length, 10);
  });

  it("lets one who comes back now and then go first, and once only", () => {
    const order = new FairOrder<Member>();
    const [busy, quiet] = [new Member("b"), new Member("q")];
    order.enter(busy);
    for (let round = 0; round < 5; round++) {
      turns(order, 7, 1);
      order.enter(quiet);
      assert.equal(turns(order, 1, 1), "q");
      order.leave(quiet);
    }
  });

  it("makes all even when nobody waits any more: what was taken while nobody else wanted it is not held against anybody", () => {
    const order = new FairOrder<Member>();
    const [a, b] = [new Member("a"), new Member("b")];
    for (const member of [a, b]) order.enter(member);
    turns(order, 2, 1);
    order.leave(a);
    order.charge(b, 1_000);
    order.leave(b);
    for (const member of [a, b]) order.enter(member);
    assert.equal(turns(order, 4, 1), "abab");
  });

  it("follows a weight that changes", () => {
    const order = new FairOrder<Member>();
    const [a, b] = [new Member("a"), new Member("b")];
    for (const member of [a, b]) order.enter(member);
    turns(order, 10, 1);
    a.weight = 4;
    assert.equal(turns(order, 50, 1).replaceAll("b", "").length, 40);
  });

  it("always finds the earliest, and keeps the places of all, whatever happens", () => {
    const anAction = fc.record({
      kind: fc.constantFrom("enter", "leave", "charge", "correct", "lookAhead"),
      who: fc.nat(7),
      cost: aCost,
    });
    fc.assert(
      fc.property(fc.array(anAction, { maxLength: 200 }), (actions) => {
        const order = new FairOrder<Member>();
        const members = Array.from({ length: 8 }, (_, index) => new Member(String(index), 1 + (index % 3)));
        for (const { kind, who, cost } of actions) {
          const member = members[who]!;
          const isWaiting = member.place >= 0;
          if (kind === "enter" && !isWaiting) order.enter(member);
          else if (kind === "leave" && isWaiting) order.leave(member);
          else if (kind === "charge" && order.first !== undefined) order.charge(order.first, cost);
          else if (kind === "correct") order.correct(member, cost - 50);
          else if (kind === "lookAhead" && isWaiting) {
            const before = { first: order.first, tag: member.startTag };
            order.move(member, member.startTag + cost);
            order.suspend(member);
            order.resume(member, before.tag);
            assert.equal(order.first, before.first);
          }
          const waiting = members.filter(({ place }) => place >= 0);
          assert.equal(order.size, waiting.length);
          for (const each of waiting) assert.equal(order.members[each.place], each);
          const earliest = waiting.toSorted((a, b) => a.startTag - b.startTag || a.rank - b.rank)[0];
          assert.equal(order.first, earliest);
        }
      }),
    );
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { QueueEntry } from "../../../src/runtime/queue/queue-entry.ts";
import { queuePolicy } from "../../../src/runtime/queue/queue-policy.ts";
import { RequestQueue } from "../../../src/runtime/queue/request-queue.ts";
import type { DropReason } from "../../../src/runtime/queue/tenant-line.ts";
import { sharesOf } from "../../support/queue-simulation.ts";
import { entryOf } from "../../support/runtime-requests.ts";

const policies = {
  plain: queuePolicy({}),
  levels: queuePolicy({
    dynamic_batching: {
      priority_levels: 3,
      default_priority_level: 2,
      priority_queue_policy: { "2": { timeout_action: "DELAY" } },
    },
  }),
};

/** Everything in a queue in batching order, without changing it. */
function contents(queue: RequestQueue): QueueEntry[] {
  const entries: QueueEntry[] = [];
  queue.scan(0, 0, (entry) => {
    entries.push(entry);
    return "keep";
  });
  return entries;
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

describe("a queue", () => {
  it("gives entries in the order in which they came", () => {
    const queue = new RequestQueue(policies.plain, () => {});
    const entries = [1, 2, 3].map((rows) => entryOf({ rows }));
    for (const entry of entries) queue.push(entry, 1);
    assert.deepEqual(queue.take(2), entries.slice(0, 2));
    assert.deepEqual(queue.take(9), entries.slice(2));
    assert.equal(queue.requests, 0);
  });

  it("puts back what was taken in front of all others, in its order", () => {
    const queue = new RequestQueue(policies.levels, () => {});
    const entries = [entryOf(), entryOf(), entryOf()];
    for (const entry of entries) queue.push(entry, 3);
    const first = entryOf();
    queue.push(first, 1);
    assert.deepEqual(queue.take(3), [first, ...entries.slice(0, 2)]);
    queue.unshift([...entries.slice(0, 2)]);
    queue.push(entryOf(), 1);
    assert.deepEqual(queue.take(2), entries.slice(0, 2));
  });

  it("tells when the next entry expires, and drops what has", () => {
    const dropped: [QueueEntry, DropReason][] = [];
    const queue = new RequestQueue(policies.plain, (entry, reason) => dropped.push([entry, reason]));
    const deadline = entryOf({ deadlineMs: 10 });
    const timeout = entryOf({ timeoutMs: 20 });
    queue.push(timeout, 1);
    queue.push(deadline, 1);
    assert.equal(queue.expire(5), 10);
    assert.deepEqual(dropped, []);
    assert.equal(queue.expire(10), 20);
    assert.deepEqual(dropped, [[deadline, "deadline"]]);
    assert.equal(queue.expire(21), Number.POSITIVE_INFINITY);
    assert.deepEqual(dropped[1], [timeout, "queue_timeout"]);
    assert.equal(queue.requests, 0);
  });

  for (const [level, action] of [1, 2].map((level) => [level, policies.levels.levels[level - 1]?.action] as const)) {
    it(`keeps an entry of a level with ${action} whose timeout passed after it was taken`, () => {
      const queue = new RequestQueue(policies.levels, (_entry, reason) => assert.fail(reason));
      const retried = entryOf({ timeoutMs: 10 });
      queue.push(retried, level);
      queue.unshift(queue.take(1));
      assert.equal(queue.expire(20), Number.POSITIVE_INFINITY);
      assert.deepEqual(contents(queue), [retried]);
      assert.equal(retried.isDelayed, false);
    });
  }

  it("may be pushed to by whoever hears of a dropped entry", () => {
    const late = entryOf({ id: "late" });
    const queue: RequestQueue = new RequestQueue(policies.plain, () => queue.push(late, 1));
    queue.push(entryOf({ deadlineMs: 1 }), 1);
    queue.expire(5);
    assert.deepEqual(contents(queue), [late]);
    assert.equal(queue.requests, 1);
  });
});

/** One thing that can happen to a queue. */
const anAction = fc.oneof(
  fc.record({
    kind: fc.constant("push" as const),
    level: fc.integer({ min: 1, max: 3 }),
    rows: fc.integer({ min: 0, max: 5 }),
    bytes: fc.integer({ min: 0, max: 9 }),
    timeoutMs: fc.integer({ min: 0, max: 40 }),
    deadlineMs: fc.integer({ min: 0, max: 80 }),
    isAborted: fc.integer({ min: 0, max: 5 }).map((dice) => dice === 0),
  }),
  fc.record({ kind: fc.constant("take" as const), count: fc.integer({ min: 0, max: 5 }) }),
  fc.record({ kind: fc.constant("putBack" as const) }),
  fc.record({ kind: fc.constant("expire" as const), afterMs: fc.integer({ min: 0, max: 20 }) }),
  fc.record({ kind: fc.constant("clear" as const) }),
);

it("counts what it holds and loses nothing, whatever happens to it", () => {
  fc.assert(
    fc.property(fc.array(anAction, { maxLength: 40 }), fc.boolean(), (actions, hasLevels) => {
      const policy = hasLevels ? policies.levels : policies.plain;
      const gone = new Set<QueueEntry>();
      const known = new Set<QueueEntry>();
      let taken: QueueEntry[] = [];
      let now = 0;
      const queue = new RequestQueue(policy, (entry) => {
        assert.ok(!gone.has(entry), "dropped twice");
        gone.add(entry);
      });
      for (const action of actions) {
        if (action.kind === "push") {
          const entry = entryOf({
            ...action,
            timeoutMs: now + action.timeoutMs,
            deadlineMs: now + action.deadlineMs,
            ...(action.isAborted ? { signal: AbortSignal.abort() } : {}),
          });
          known.add(entry);
          queue.push(entry, Math.min(action.level, policy.levels.length));
        } else if (action.kind === "take") {
          for (const entry of taken) gone.add(entry);
          taken = queue.take(action.count);
          assert.ok(taken.length <= action.count);
        } else if (action.kind === "putBack") {
          queue.unshift(taken);
          taken = [];
        } else if (action.kind === "expire") {
          now += action.afterMs;
          const nextMs = queue.expire(now);
          assert.ok(nextMs >= now);
        } else {
          for (const entry of queue.clear()) gone.add(entry);
          assert.equal(queue.requests, 0);
        }
        const held = [...known].filter((entry) => !gone.has(entry) && !taken.includes(entry));
        const levels = Array.from({ length: policy.levels.length }, (_, index) => queue.requestsIn(index + 1));
        assert.equal(sum(levels), held.length);
        assert.equal(queue.requests, held.length);
        assert.equal(queue.rows, sum(held.map((entry) => entry.rows)));
        assert.equal(queue.bytes, sum(held.map((entry) => entry.byteLength)));
      }
      for (const entry of [...taken, ...queue.clear()]) gone.add(entry);
      assert.deepEqual([queue.requests, queue.rows, queue.bytes], [0, 0, 0]);
      assert.equal(gone.size, known.size);
    }),
    { numRuns: 300 },
  );
});

describe("a queue that stands", () => {
  it("sheds what is said to have waited too long, whoever's it is, and nothing that was put back", () => {
    const dropped: [QueueEntry, DropReason][] = [];
    const queue = new RequestQueue(policies.levels, (entry, reason) => dropped.push([entry, reason]));
    const [returned, early, other, late] = [
      entryOf({ queuedMs: 0 }),
      entryOf({ queuedMs: 1 }),
      entryOf({ queuedMs: 2, tenant: "other" }),
      entryOf({ queuedMs: 50 }),
    ] as const;
    queue.unshift([returned]);
    for (const entry of [early, other, late]) queue.push(entry, 2);
    queue.shed(100, ({ queuedMs }) => queuedMs < 10);
    assert.deepEqual(dropped, [
      [early, "overload"],
      [other, "overload"],
    ]);
    assert.deepEqual(queue.take(9), [returned, late]);
    assert.deepEqual([queue.requests, queue.rows, queue.bytes], [0, 0, 0]);
  });

  it("tells whether a tenant has less than its share waiting, by the weights of those who wait", () => {
    const queue = new RequestQueue(policies.plain, () => {}, { shares: sharesOf({ heavy: 3 }) });
    assert.equal(queue.isBelowShare("light", 100), false, "nobody waits");
    queue.push(entryOf({ tenant: "light", rows: 25 }), 1);
    assert.equal(queue.isBelowShare("light", 100), false, "nobody else waits");
    assert.equal(queue.isBelowShare("heavy", 100), true, "it has nothing yet");
    queue.push(entryOf({ tenant: "heavy", rows: 74 }), 1);
    assert.equal(queue.isBelowShare("light", 100), false, "25 of 100 rows, at a weight of 1 beside 3");
    assert.equal(queue.isBelowShare("light", 104), true);
    assert.equal(queue.isBelowShare("heavy", 100), true);
    queue.push(entryOf({ tenant: "heavy", rows: 1 }), 1);
    assert.equal(queue.isBelowShare("heavy", 100), false);
  });
});

describe("takePicked", () => {
  it("takes entries from wherever they stand: put back, of any level and tenant, delayed", () => {
    const policy = queuePolicy({
      dynamic_batching: {
        priority_levels: 2,
        default_priority_level: 2,
        default_queue_policy: { default_timeout_microseconds: 1, timeout_action: "DELAY" },
      },
    });
    const queue = new RequestQueue(policy, () => assert.fail("dropped"));
    const entries = ["back", "one", "two", "late", "other"].map((id) =>
      entryOf({ id, tenant: id === "other" ? "b" : "a", timeoutMs: id === "late" ? 1 : 1e9 }),
    );
    const [back, one, two, late, other] = entries as [QueueEntry, QueueEntry, QueueEntry, QueueEntry, QueueEntry];
    queue.unshift([back]);
    queue.push(one, 1);
    for (const entry of [two, late, other]) queue.push(entry, 2);
    queue.scan(5, 5, () => "keep"); // moves the late one behind the others of its level
    assert.deepEqual(queue.takePicked([late, other, back]), [late, other, back]);
    assert.deepEqual([queue.requests, queue.requestsIn(1), queue.requestsIn(2)], [2, 1, 1]);
    assert.deepEqual(queue.take(9), [one, two]);
    assert.deepEqual([queue.requests, queue.rows, queue.bytes], [0, 0, 0]);
  });

  it("takes an entry again that was picked and put back", () => {
    const queue = new RequestQueue(queuePolicy({}), () => assert.fail("dropped"));
    const [first, second] = [entryOf({ id: "1" }), entryOf({ id: "2" })];
    queue.push(first, 1);
    queue.push(second, 1);
    queue.unshift(queue.takePicked([second]));
    assert.deepEqual(queue.takePicked([second]), [second]);
    assert.deepEqual(queue.take(9), [first]);
  });
});

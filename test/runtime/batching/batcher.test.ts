import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  type BatchDecision,
  type BatchPolicy,
  batchPolicy,
  decideBatch,
  drainPolicy,
} from "../../../src/runtime/batching/batcher.ts";
import type { QueueEntry } from "../../../src/runtime/queue/queue-entry.ts";
import { type QueuePolicy, queuePolicy } from "../../../src/runtime/queue/queue-policy.ts";
import { RequestQueue } from "../../../src/runtime/queue/request-queue.ts";
import type { DropReason } from "../../../src/runtime/queue/tenant-line.ts";
import { entryOf } from "../../support/runtime-requests.ts";

type EntryOptions = NonNullable<Parameters<typeof entryOf>[0]> & { readonly level?: number };

interface Case {
  readonly name: string;
  /** Defaults: 8 rows, merging, preferred [8], no delay. */
  readonly policy?: Partial<BatchPolicy>;
  readonly queue?: QueuePolicy;
  readonly entries: readonly EntryOptions[];
  readonly now?: number;
  readonly maxBytes?: number;
  readonly runMs?: number;
  /** `count/rows reason`, `wait until`, `empty`. */
  readonly expected: string;
  /** Why each dropped entry left, in order. */
  readonly dropped?: readonly DropReason[];
}

const oneLevel = queuePolicy({});
const rows = (...sizes: readonly number[]): EntryOptions[] => sizes.map((size) => ({ rows: size }));

function decide(test: Omit<Case, "name" | "expected">) {
  const dropped: DropReason[] = [];
  const queue = new RequestQueue(test.queue ?? oneLevel, (_entry, reason) => dropped.push(reason));
  for (const options of test.entries) queue.push(entryOf(options), options.level ?? 1);
  const policy = { maxRows: 8, isMerging: true, preferredSizes: [8], maxDelayMs: 0, ...test.policy };
  const decision = decideBatch(queue, policy, test.now ?? 0, test.maxBytes ?? 1e9, test.runMs ?? 0);
  return { decision, dropped, queue };
}

function told(decision: BatchDecision): string {
  if (decision.kind === "batch") return `${decision.count}/${decision.rows} ${decision.reason}`;
  return decision.kind === "wait" ? `wait ${decision.untilMs}` : "empty";
}

function check(cases: readonly Case[]): void {
  for (const test of cases) {
    it(test.name, () => {
      const { decision, dropped } = decide(test);
      assert.equal(told(decision), test.expected);
      assert.deepEqual(dropped, test.dropped ?? []);
    });
  }
}

const aborted = AbortSignal.abort();
const reject = queuePolicy({ dynamic_batching: { default_queue_policy: { default_timeout_microseconds: 10_000 } } });
const delay = queuePolicy({
  dynamic_batching: { default_queue_policy: { default_timeout_microseconds: 10_000, timeout_action: "DELAY" } },
});
const twoLevels = queuePolicy({ dynamic_batching: { priority_levels: 2, default_priority_level: 2 } });

describe("without a delay", () => {
  check([
    { name: "nothing waits", entries: [], expected: "empty" },
    { name: "whatever waits goes", entries: rows(1, 1, 1), expected: "3/3 idle" },
    { name: "a whole batch goes", entries: rows(4, 4), expected: "2/8 full" },
    { name: "no more than the largest batch", entries: rows(4, 4, 1), expected: "2/8 full" },
    { name: "the largest batch is not exceeded", entries: rows(5, 4), expected: "1/5 full" },
    {
      name: "the largest preferred size reached goes, the rest waits for the next batch",
      policy: { preferredSizes: [2, 4] },
      entries: rows(1, 1, 1),
      expected: "2/2 preferred",
    },
    {
      name: "a larger preferred size wins over a smaller one",
      policy: { preferredSizes: [2, 4] },
      entries: rows(1, 1, 1, 1, 1),
      expected: "4/4 preferred",
    },
    {
      name: "less than every preferred size goes as it is",
      policy: { preferredSizes: [4] },
      entries: rows(1, 2),
      expected: "2/3 idle",
    },
    {
      name: "stepping over the largest preferred size marks what came before it (b before c)",
      policy: { preferredSizes: [4] },
      entries: rows(3, 2, 1),
      expected: "1/3 preferred",
    },
    {
      name: "a preferred size beyond the mark replaces it",
      policy: { preferredSizes: [4, 6] },
      entries: rows(4, 1, 1),
      expected: "3/6 preferred",
    },
    {
      name: "the first request alone may exceed the preferred sizes",
      policy: { preferredSizes: [4] },
      entries: rows(7),
      expected: "1/7 full",
    },
  ]);
});

describe("with a delay", () => {
  const policy = { maxDelayMs: 100, preferredSizes: [4] };
  check([
    { name: "a preferred size does not wait", policy, entries: rows(2, 2), now: 1, expected: "2/4 preferred" },
    { name: "less waits for the rest of the delay", policy, entries: rows(1, 1), now: 30, expected: "wait 100" },
    { name: "until the delay has passed", policy, entries: rows(1, 1), now: 100, expected: "2/2 timeout" },
    {
      name: "once it has passed the mark is ignored and everything goes",
      policy,
      entries: rows(2, 2, 1),
      now: 100,
      expected: "3/5 full",
    },
    {
      name: "before it has passed the mark counts",
      policy,
      entries: rows(2, 2, 1),
      now: 99,
      expected: "2/4 preferred",
    },
    {
      name: "a size between the preferred one and the largest goes after the delay",
      policy: { maxDelayMs: 100, preferredSizes: [2, 8] },
      entries: rows(2, 3),
      now: 100,
      expected: "2/5 timeout",
    },
    {
      name: "the age is that of the oldest request, not of the first",
      policy,
      queue: twoLevels,
      entries: [
        { rows: 1, level: 2, queuedMs: 0 },
        { rows: 1, level: 1, queuedMs: 90 },
      ],
      now: 100,
      expected: "2/2 timeout",
    },
    {
      name: "a request that does not fit any more sends what is there at once",
      policy: { maxDelayMs: 100 },
      entries: rows(5, 4),
      now: 1,
      expected: "1/5 full",
    },
    {
      name: "waits no longer than until the next queue timeout",
      policy,
      queue: reject,
      entries: [{ timeoutMs: 40 }, { timeoutMs: 60 }],
      now: 10,
      expected: "wait 40",
    },
    {
      name: "an entry that runs again alone does not wait for others that cannot join it",
      policy,
      entries: [{ isAlone: true, queuedMs: 10 }],
      now: 10,
      expected: "1/1 retry",
    },
    {
      name: "a model that does not merge does not wait",
      policy: { ...policy, isMerging: false },
      entries: rows(1),
      expected: "1/1 idle",
    },
    {
      name: "a request that the caller would not wait for is sent before the delay has passed",
      policy,
      entries: [{ deadlineMs: 60 }],
      now: 10,
      runMs: 5,
      expected: "1/1 deadline",
    },
    {
      name: "a deadline beyond the delay changes nothing",
      policy,
      entries: [{ deadlineMs: 600 }],
      now: 10,
      runMs: 5,
      expected: "wait 100",
    },
  ]);
});

describe("what may share a batch", () => {
  const shapes = (...keys: readonly string[]): EntryOptions[] => keys.map((shapeKey) => ({ shapeKey }));
  check([
    { name: "equal shapes", entries: shapes("a", "a"), expected: "2/2 idle" },
    { name: "another shape closes the batch", entries: shapes("a", "a", "b", "a"), expected: "2/2 shape" },
    {
      name: "another shape closes it before the delay",
      policy: { maxDelayMs: 100 },
      entries: shapes("a", "b"),
      expected: "1/1 shape",
    },
    {
      name: "without dynamic batching every request is alone",
      policy: { isMerging: false },
      entries: rows(1, 1),
      expected: "1/1 full",
    },
    {
      name: "an entry that runs again alone takes nobody along",
      entries: [{ isAlone: true }, {}],
      expected: "1/1 retry",
    },
    { name: "nobody takes it along", entries: [{}, { isAlone: true }], expected: "1/1 retry" },
    { name: "bytes limit as rows do", maxBytes: 100, entries: [{ bytes: 60 }, { bytes: 50 }], expected: "1/1 full" },
    { name: "up to the limit", maxBytes: 110, entries: [{ bytes: 60 }, { bytes: 50 }], expected: "2/2 idle" },
  ]);
});

describe("policies at the cursor", () => {
  check([
    {
      name: "cancelled requests are removed",
      entries: [{ signal: aborted }, {}, { signal: aborted }],
      expected: "1/1 idle",
      dropped: ["cancelled", "cancelled"],
    },
    {
      name: "only cancelled ones: nothing to send",
      entries: [{ signal: aborted }],
      expected: "empty",
      dropped: ["cancelled"],
    },
    {
      name: "REJECT removes what has expired",
      queue: reject,
      entries: [{ timeoutMs: 10 }, { timeoutMs: 20 }],
      now: 15,
      expected: "1/1 idle",
      dropped: ["queue_timeout"],
    },
    {
      name: "expired means after the deadline, not at it",
      queue: reject,
      entries: [{ timeoutMs: 10 }],
      now: 10,
      expected: "1/1 idle",
    },
    {
      name: "DELAY keeps them, behind the unexpired ones",
      policy: { maxRows: 2, preferredSizes: [2] },
      queue: delay,
      entries: [{ timeoutMs: 10 }, { timeoutMs: 20, rows: 2 }],
      now: 15,
      expected: "1/2 full",
    },
    {
      name: "a delayed request has no second timeout",
      queue: delay,
      entries: [{ timeoutMs: 10 }],
      now: 1e6,
      expected: "1/1 idle",
    },
    {
      name: "a caller's deadline that cannot be met drops the request",
      entries: [{ deadlineMs: 20 }, { deadlineMs: 21 }],
      now: 10,
      runMs: 10,
      expected: "1/1 idle",
      dropped: ["deadline"],
    },
    {
      name: "what lies behind the end of the batch is not looked at",
      policy: { maxRows: 1, preferredSizes: [1] },
      entries: [{}, {}, { signal: aborted }],
      expected: "1/1 full",
    },
  ]);

  it("batches the higher level first, whoever came earlier", () => {
    const { queue } = decide({ queue: twoLevels, entries: [] });
    const names = ["low", "high", "low too", "high too"];
    for (const id of names) queue.push(entryOf({ id }), id.startsWith("high") ? 1 : 2);
    assert.deepEqual(
      queue.take(3).map((entry) => entry.request.id),
      ["high", "high too", "low"],
    );
  });

  it("serves a level's delayed requests before the next level", () => {
    const both = queuePolicy({
      dynamic_batching: {
        priority_levels: 2,
        default_queue_policy: { default_timeout_microseconds: 10, timeout_action: "DELAY" },
      },
    });
    const { queue } = decide({ queue: both, entries: [] });
    queue.push(entryOf({ id: "expired", timeoutMs: 1 }), 1);
    queue.push(entryOf({ id: "low" }), 2);
    queue.push(entryOf({ id: "fresh" }), 1);
    decideBatch(queue, { maxRows: 8, isMerging: true, preferredSizes: [8], maxDelayMs: 0 }, 5, 1e9, 0);
    assert.deepEqual(
      queue.take(3).map((entry) => entry.request.id),
      ["fresh", "expired", "low"],
    );
  });
});

describe("limits beside rows", () => {
  const elements = (...counts: readonly number[]): EntryOptions[] =>
    counts.map((count) => ({ measure: { elements: count } }));
  const costs = (...sums: readonly number[]): EntryOptions[] => sums.map((cost) => ({ measure: { cost } }));
  check([
    { name: "elements up to the limit", policy: { maxElements: 100 }, entries: elements(40, 60), expected: "2/2 idle" },
    { name: "no element beyond it", policy: { maxElements: 100 }, entries: elements(40, 61), expected: "1/1 full" },
    {
      name: "a request beyond it runs alone",
      policy: { maxElements: 100 },
      entries: elements(500, 1),
      expected: "1/1 full",
    },
    { name: "cost up to the limit", policy: { maxCost: 10 }, entries: costs(4, 6), expected: "2/2 idle" },
    { name: "no cost beyond it", policy: { maxCost: 10 }, entries: costs(4, 6.5), expected: "1/1 full" },
    { name: "a cost of nothing is no limit", policy: { maxCost: 0 }, entries: costs(0, 0), expected: "2/2 idle" },
  ]);
});

describe("with a latency target", () => {
  const runTime = { fixedMs: 4, perRowMs: 0, spreadMs: 0, runs: 50 };
  const withTarget = (
    entries: readonly EntryOptions[],
    now: number,
    policy: Partial<BatchPolicy> = {},
    maxBytes = 1e9,
  ) => {
    const queue = new RequestQueue(oneLevel, () => assert.fail("dropped"));
    for (const entry of entries) queue.push(entryOf(entry), 1);
    const all = { maxRows: 8, isMerging: true, preferredSizes: [8], maxDelayMs: 0, latencyTargetMs: 20, ...policy };
    return told(decideBatch(queue, all, now, maxBytes, 0, { rowsPerMs: 1, runTime: () => runTime }));
  };
  it("waits for the oldest request's sake no longer than it allows", () => {
    assert.equal(withTarget([{ queuedMs: 5 }, { queuedMs: 9 }], 10), "wait 20");
    assert.equal(withTarget([{ queuedMs: 5 }, { queuedMs: 9 }], 20), "2/2 target");
  });
  it("keeps an earlier deadline, and a queue policy's timeout", () => {
    assert.equal(withTarget([{ deadlineMs: 18 }], 10), "wait 13");
    assert.equal(withTarget([{ timeoutMs: 12 }], 10), "wait 12");
  });
  it("waits for nobody with a full batch, a preferred one, one that nobody may join, or without merging", () => {
    assert.equal(withTarget(rows(8), 1), "1/8 full");
    assert.equal(withTarget(rows(4), 1, { preferredSizes: [4] }), "1/4 preferred");
    assert.equal(withTarget([{ shapeKey: "a" }, { shapeKey: "b" }], 1), "1/1 shape");
    assert.equal(withTarget([{ isAlone: true }], 1), "1/1 retry");
    assert.equal(withTarget(rows(1), 1, { isMerging: false }), "1/1 idle");
  });
  it("waits for nobody where no other row would fit beside those that wait", () => {
    const large: EntryOptions = { bytes: 60, measure: { elements: 60, cost: 60 } };
    assert.equal(withTarget([large], 1, { maxElements: 119 }), "1/1 idle");
    assert.equal(withTarget([large], 1, { maxElements: 120 }), "wait 15");
    assert.equal(withTarget([large], 1, { maxCost: 119 }), "1/1 idle");
    assert.equal(withTarget([large], 1, { maxCost: 120 }), "wait 15");
    assert.equal(withTarget([large], 1, { maxCost: 50 }), "1/1 idle");
    assert.equal(withTarget([large], 1, {}, 119), "1/1 idle");
    assert.equal(withTarget([large], 1, {}, 120), "wait 15");
  });
  it("waits for nobody while the model is drained", () => {
    const { latencyTargetMs: _, ...rest } = batchPolicy({ max_batch_size: 8, dynamic_batching: {} });
    assert.deepEqual(drainPolicy({ ...rest, maxDelayMs: 7, latencyTargetMs: 20 }), rest);
  });
});

describe("with length buckets", () => {
  const lengthBuckets = [4, 8, 16];
  const row = (shapeBucket: number, partial: EntryOptions = {}): EntryOptions => ({
    bytes: 2,
    ...partial,
    measure: {
      shapeBucket,
      length: 2,
      paddedLength: lengthBuckets[shapeBucket] ?? 0,
      bytesPerLength: 1,
      elementsPerLength: 1,
      ...partial.measure,
    },
  });
  const decideLengths = (
    entries: readonly EntryOptions[],
    policy: Partial<BatchPolicy> = {},
    fixedMs = 0,
    maxBytes = 1e9,
  ) => {
    const queue = new RequestQueue(oneLevel, () => assert.fail("dropped"));
    for (const [i, entry] of entries.entries()) queue.push(entryOf({ ...entry, id: String(i) }), 1);
    const all = { maxRows: 4, isMerging: true, preferredSizes: [4], maxDelayMs: 0, lengthBuckets, ...policy };
    const runTime = (bucket: number) => ({ fixedMs, perRowMs: 2 ** bucket, spreadMs: 0, runs: 50 });
    const decision = decideBatch(queue, all, 0, maxBytes, 0, { rowsPerMs: 0, runTime });
    const picked = decision.kind === "batch" ? (decision.picked ?? []) : [];
    return { queue, picked, told: `${picked.map(({ request }) => request.id).join(" ")} ${told(decision)}` };
  };
  it("picks those of the oldest's length from behind it, and leaves the others where they are", () => {
    const { told: first, queue, picked } = decideLengths([row(1), row(0), row(2), row(1), row(0)]);
    assert.equal(first, "0 3 2/2 shape");
    assert.deepEqual(
      queue.takePicked(picked).map(({ request }) => request.id),
      ["0", "3"],
    );
    assert.deepEqual(
      queue.take(9).map(({ request }) => request.id),
      ["1", "2", "4"],
    );
    assert.equal(queue.requests, 0);
  });
  it("waits for more rows only where nothing of another length waits", () => {
    const waiting = { maxDelayMs: 50, preferredSizes: [4] };
    assert.equal(decideLengths([row(1), row(1)], waiting).told, " wait 50");
    assert.equal(decideLengths([row(1), row(1), row(2)], waiting).told, "0 1 2/2 shape");
  });
  it("fills no batch beyond its rows, and marks preferred sizes", () => {
    assert.equal(decideLengths([row(1), row(0), ...new Array(5).fill(row(1))]).told, "0 2 3 4 4/4 full");
    const preferred = decideLengths([row(1), row(0), row(1), row(1)], { preferredSizes: [2] });
    assert.equal(preferred.told, "0 2 2/2 preferred");
  });
  it("runs lengths together where one run is cheaper than two", () => {
    assert.equal(decideLengths([row(1), row(0), row(2)], {}, 100).told, "0 1 2 3/3 idle");
  });
  it("counts bytes and elements at the length of the longest", () => {
    assert.equal(decideLengths([row(0), row(2)], {}, 100, 32).told, "0 1 2/2 idle");
    assert.equal(decideLengths([row(0), row(2)], {}, 100, 31).told, "0 1/1 full");
    assert.equal(decideLengths([row(0), row(2)], { maxElements: 32 }, 100).told, "0 1 2/2 idle");
    assert.equal(decideLengths([row(0), row(2)], { maxElements: 31 }, 100).told, "0 1/1 full");
  });
  it("looks at no more than some hundred entries", () => {
    const many = new Array(400).fill(row(0));
    assert.equal(decideLengths([row(1), ...many, row(1)]).told, "0 1/1 shape");
  });
  it("looks far enough to fill the largest batch", () => {
    const large = { maxRows: 512, preferredSizes: [512], maxDelayMs: 50 };
    assert.match(decideLengths(new Array(600).fill(row(0)), large).told, / 512\/512 full$/);
  });
  it("leaves one that runs alone to itself, and is not held up by it", () => {
    assert.equal(decideLengths([row(1), row(0, { isAlone: true }), row(1)]).told, "0 1/1 retry");
  });
});

describe("batchPolicy", () => {
  it("has the limits that the model's settings name", () => {
    const limits = { latencyTargetMs: 5, maxBatchElements: 6, maxBatchCost: 7 };
    const { latencyTargetMs, maxElements, maxCost } = batchPolicy({ max_batch_size: 2, dynamic_batching: {} }, limits);
    assert.deepEqual([latencyTargetMs, maxElements, maxCost], [5, 6, 7]);
  });

  it("prefers the largest batch where no size is written", () => {
    assert.deepEqual(batchPolicy({ max_batch_size: 16, dynamic_batching: {} }), {
      maxRows: 16,
      isMerging: true,
      preferredSizes: [16],
      maxDelayMs: 0,
    });
  });
  it("sorts preferred sizes and turns microseconds to milliseconds", () => {
    const policy = batchPolicy({
      max_batch_size: 16,
      dynamic_batching: { preferred_batch_size: [8, 4], max_queue_delay_microseconds: 1500 },
    });
    assert.deepEqual(policy.preferredSizes, [4, 8]);
    assert.equal(policy.maxDelayMs, 1.5);
  });
  it("merges nothing without dynamic batching, nor without a batch dimension", () => {
    assert.equal(batchPolicy({ max_batch_size: 16 }).isMerging, false);
    const policy = batchPolicy({ max_batch_size: 0, dynamic_batching: {} });
    assert.equal(policy.isMerging, false);
    assert.equal(policy.maxRows, 1);
  });
});

describe("any queue", () => {
  const anEntry = fc.record({
    rows: fc.integer({ min: 1, max: 10 }),
    bytes: fc.integer({ min: 1, max: 50 }),
    shapeKey: fc.constantFrom("a", "a", "a", "b"),
    queuedMs: fc.integer({ min: 0, max: 100 }),
    isAlone: fc.integer({ min: 0, max: 9 }).map((dice) => dice === 0),
  });
  const aPolicy = fc
    .record({
      maxRows: fc.integer({ min: 1, max: 10 }),
      preferred: fc.array(fc.integer({ min: 1, max: 10 }), { maxLength: 3 }),
      maxDelayMs: fc.constantFrom(0, 20, 200),
      isMerging: fc.boolean(),
    })
    .map(({ maxRows, preferred, maxDelayMs, isMerging }) => {
      const sizes = [...new Set(preferred.filter((size) => size <= maxRows))].sort((a, b) => a - b);
      return { maxRows, maxDelayMs, isMerging, preferredSizes: sizes.length > 0 ? sizes : [maxRows] };
    });

  it("gives batches within rows, bytes and one shape, or a reason to wait", () => {
    fc.assert(
      fc.property(
        fc.array(anEntry, { maxLength: 12 }),
        aPolicy,
        fc.integer({ min: 10, max: 60 }),
        (all, policy, maxBytes) => {
          const entries = all.map((entry) => ({ ...entry, rows: Math.min(entry.rows, policy.maxRows) }));
          const { decision, queue } = decide({ policy, entries, now: 100, maxBytes });
          if (decision.kind === "empty") return assert.equal(entries.length, 0);
          // Without a delay in the configuration, an instance that is idle is never left waiting.
          if (decision.kind === "wait") return assert.ok(policy.maxDelayMs > 0 && decision.untilMs > 100);
          const taken: QueueEntry[] = queue.take(decision.count);
          assert.equal(
            taken.reduce((sum, entry) => sum + entry.rows, 0),
            decision.rows,
          );
          assert.ok(taken.length >= 1);
          assert.ok(decision.rows <= policy.maxRows);
          assert.ok(taken.length === 1 || taken.reduce((sum, entry) => sum + entry.byteLength, 0) <= maxBytes);
          assert.ok(taken.length === 1 || policy.isMerging);
          assert.equal(new Set(taken.map((entry) => entry.shapeKey)).size, 1);
          assert.equal(queue.requests, entries.length - taken.length);
        },
      ),
      { numRuns: 500 },
    );
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { QueueEntry } from "../../../src/runtime/queue/queue-entry.ts";
import { queuePolicy } from "../../../src/runtime/queue/queue-policy.ts";
import { RequestQueue } from "../../../src/runtime/queue/request-queue.ts";
import { type SimulatedService, sharesOf, simulate } from "../../support/queue-simulation.ts";
import { entryOf } from "../../support/runtime-requests.ts";

const plain = queuePolicy({});

function names(entries: readonly QueueEntry[]): string {
  return entries.map((entry) => entry.context.tenant).join("");
}

function percentile({ latenciesMs }: SimulatedService, share: number): number {
  const sorted = latenciesMs.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}

describe("tenants that share a model", () => {
  // A model of 54 MB whose batch of 8 rows takes 1.7 times as long as one of a row, and callers half a millisecond away.
  const heavy = { forMs: 10_000, maxRows: 8, fixedMs: 2.25, rowMs: 0.25 };
  const quiet = { name: "quiet", inFlight: 2, returnMs: 0.5 };

  it("leave a quiet one, 2 in flight beside 200, the wait for one batch and its own", () => {
    const busy = { name: "busy", inFlight: 200, returnMs: 0.5 };
    const beside = simulate([quiet, busy], heavy).get("quiet")!;
    const batchMs = heavy.fixedMs + heavy.maxRows * heavy.rowMs;
    assert.ok(percentile(beside, 1) < 2 * batchMs, `${percentile(beside, 1)}`);
    // As one tenant it waits behind all that came before.
    const together = simulate([{ ...busy, inFlight: 202 }], heavy).get("busy")!;
    assert.ok(percentile(together, 0.5) > 12 * percentile(beside, 0.99));
  });

  it("leave a quiet one the wait for one batch and its own rows, where batches do not stretch", () => {
    // What a row costs counts for more than what a batch costs, as on a processor.
    const perRow = { forMs: 10_000, maxRows: 8, fixedMs: 1.5, rowMs: 0.4 };
    const busy = { name: "busy", inFlight: 200, returnMs: 0.5 };
    const run = (stretch: number) => simulate([quiet, busy], { ...perRow, stretch });
    const batchMs = perRow.fixedMs + perRow.maxRows * perRow.rowMs;
    const strict = run(1);
    const slowest = percentile(strict.get("quiet")!, 1);
    assert.ok(slowest <= batchMs + perRow.fixedMs + 4 * perRow.rowMs, `${slowest}`);
    const filled = run(Number.POSITIVE_INFINITY);
    assert.ok(percentile(filled.get("quiet")!, 0.5) > 1.2 * percentile(strict.get("quiet")!, 0.5));
    // What the busy one pays for it: batches of others that are not filled up with its rows.
    const share = strict.get("busy")!.rows / filled.get("busy")!.rows;
    assert.ok(share > 0.7 && share < 1, `${share}`);
    // And it gains nothing where a batch costs the same whatever its rows.
    const flat = { forMs: 10_000, maxRows: 8, fixedMs: 4, rowMs: 0.01 };
    const unstretched = simulate([quiet, busy], { ...flat, stretch: 1.2 }).get("busy")!;
    assert.equal(unstretched.rows, simulate([quiet, busy], flat).get("busy")!.rows);
  });

  it("keep their shares where batches do not stretch", () => {
    const services = simulate(
      [
        { name: "a", inFlight: 6, weight: 1 },
        { name: "b", inFlight: 200, weight: 1 },
      ],
      { forMs: 10_000, fixedMs: 1.5, rowMs: 0.4, stretch: 1 },
    );
    // A tenant whose few requests fill most of a batch is charged what its batches take, and waits for its turn.
    const ratio = services.get("a")!.rows / services.get("b")!.rows;
    assert.ok(ratio > 0.5 && ratio <= 1.05, `${ratio}`);
  });

  it("are served by weight: 3 to 1, both with more than enough to do", () => {
    const services = simulate(
      [
        { name: "a", inFlight: 100, weight: 3 },
        { name: "b", inFlight: 100, weight: 1 },
      ],
      { forMs: 10_000 },
    );
    const ratio = services.get("a")!.rows / services.get("b")!.rows;
    assert.ok(Math.abs(ratio - 3) < 0.01, `${ratio}`);
  });

  it("are served by rows, not by requests", () => {
    const services = simulate(
      [
        { name: "large", inFlight: 50, rows: 8 },
        { name: "small", inFlight: 50, rows: 1 },
      ],
      { forMs: 10_000, fixedMs: 0 },
    );
    const ratio = services.get("large")!.rows / services.get("small")!.rows;
    assert.ok(Math.abs(ratio - 1) < 0.02, `${ratio}`);
  });

  it("get nothing for having been away", () => {
    const services = simulate(
      [
        { name: "always", inFlight: 50 },
        { name: "late", inFlight: 50, fromMs: 5_000 },
      ],
      { forMs: 10_000 },
    );
    const { rows: always } = services.get("always")!;
    const { rows: late } = services.get("late")!;
    assert.ok(Math.abs(always / late - 3) < 0.01, `${always} ${late}`);
  });

  it("leave nothing undone while anybody has work", () => {
    const one = simulate([{ name: "a", inFlight: 64 }], { forMs: 5_000 });
    const many = simulate(
      Array.from({ length: 32 }, (_, index) => ({ name: `t${index}`, inFlight: 2, weight: 1 + (index % 5) })),
      { forMs: 5_000 },
    );
    const total = [...many.values()].reduce((sum, { rows }) => sum + rows, 0);
    assert.equal(total, one.get("a")!.rows);
  });

  it("share among the streams of one tenant by their places in the queue", () => {
    // Two streams are one tenant to the queue: what comes first runs first, so each gets what its window holds of all that waits.
    const queue = new RequestQueue(plain, () => {});
    const served: Record<string, number> = { wide: 0, narrow: 0 };
    const push = (id: string) => queue.push(entryOf({ id }), 1);
    for (let place = 0; place < 64; place++) push("wide");
    for (let place = 0; place < 16; place++) push("narrow");
    let longestWait = 0;
    let sinceNarrow = 0;
    for (let batch = 0; batch < 1_000; batch++) {
      for (const { request } of queue.take(8)) {
        served[request.id]!++;
        sinceNarrow = request.id === "narrow" ? 0 : sinceNarrow + 1;
        longestWait = Math.max(longestWait, sinceNarrow);
        push(request.id);
      }
    }
    assert.equal(served.wide! / served.narrow!, 4);
    assert.equal(longestWait, 64);
  });
});

describe("a queue of several tenants", () => {
  it("gives turns within one batch, so that it mixes tenants", () => {
    const queue = new RequestQueue(plain, () => {}, { shares: sharesOf({ a: 3 }) });
    for (let count = 0; count < 8; count++) queue.push(entryOf({ tenant: "a" }), 1);
    for (let count = 0; count < 8; count++) queue.push(entryOf({ tenant: "b" }), 1);
    assert.equal(names(queue.take(8)).replaceAll("b", "").length, 6);
  });

  it("keeps priorities within a tenant: nobody passes another tenant by asking for a higher one", () => {
    const levels = queuePolicy({ dynamic_batching: { priority_levels: 3, default_priority_level: 3 } });
    const queue = new RequestQueue(levels, () => {});
    const low = entryOf({ tenant: "a", id: "low" });
    const high = entryOf({ tenant: "a", id: "high" });
    queue.push(entryOf({ tenant: "b", id: "b1" }), 3);
    queue.push(low, 3);
    queue.push(high, 1);
    queue.push(entryOf({ tenant: "b", id: "b2" }), 3);
    assert.deepEqual(
      queue.take(4).map(({ request }) => request.id),
      ["b1", "high", "b2", "low"],
    );
  });

  it("charges what runs cost once that is known", () => {
    const queue = new RequestQueue(plain, () => {});
    for (const tenant of ["a", "b"]) for (let count = 0; count < 20; count++) queue.push(entryOf({ tenant }), 1);
    const [a] = queue.take(1);
    queue.settle(a!, 5); // as long as five rows of b
    assert.equal(names(queue.take(6)), "bbbbba");
  });

  it("does not charge what was put back a second time", () => {
    const queue = new RequestQueue(plain, () => {});
    for (const tenant of ["a", "b"]) for (let count = 0; count < 4; count++) queue.push(entryOf({ tenant }), 1);
    for (let round = 0; round < 5; round++) queue.unshift(queue.take(1));
    assert.equal(names(queue.take(8)), "abababab");
  });

  it("lets the nearest deadline go first, within its tenant and level, and nobody be passed for ever", () => {
    const queue = new RequestQueue(plain, () => {});
    const push = (id: string, queuedMs: number, deadlineMs = Number.POSITIVE_INFINITY) =>
      queue.push(entryOf({ id, queuedMs, deadlineMs }), 1);
    push("plain", 0);
    push("in a minute", 1, 60_000);
    push("urgent", 2, 500);
    push("soon", 3, 900);
    push("plain again", 4);
    push("soon, but late", 9_500, 10_200);
    assert.deepEqual(
      queue.take(6).map(({ request }) => request.id),
      ["urgent", "soon", "plain", "in a minute", "plain again", "soon, but late"],
    );
  });

  it("knows for a while that it is shared, whoever asked about it in between", () => {
    const queue = new RequestQueue(plain, () => {});
    for (const tenant of ["a", "a"]) queue.push(entryOf({ tenant, queuedMs: 10 }), 1);
    assert.equal(queue.isShared(10), false);
    queue.rowsAhead("b", 1, 50, 20);
    queue.push(entryOf({ tenant: "b", queuedMs: 20 }), 1);
    assert.deepEqual([queue.isShared(1_019), queue.isShared(1_020)], [true, false]);
  });

  it("counts of other tenants only what has its turn before a request", () => {
    const queue = new RequestQueue(plain, () => {}, { shares: sharesOf({ heavy: 1_000 }) });
    for (const [tenant, count] of Object.entries({ own: 10, heavy: 1, long: 1_000 })) {
      for (let i = 0; i < count; i++) queue.push(entryOf({ tenant }), 1);
    }
    assert.equal(queue.rowsAhead("own", 1, Number.POSITIVE_INFINITY, 0), 21);
  });

  it("never counts more rows ahead of a request than run before it", () => {
    const step = fc.record({
      tenant: fc.constantFrom("a", "b", "c"),
      rows: fc.integer({ min: 1, max: 5 }),
      taken: fc.integer({ min: 0, max: 3 }),
      costMs: fc.integer({ min: 0, max: 50 }),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 60 }), (steps) => {
        const queue = new RequestQueue(plain, () => {}, { shares: sharesOf({ a: 5, b: 0.5 }) });
        for (const { tenant, rows, taken, costMs } of steps) {
          for (let i = 0; i < 3; i++) queue.push(entryOf({ tenant, rows }), 1);
          for (const entry of queue.take(taken)) queue.settle(entry, costMs);
        }
        const last = entryOf({ tenant: "c" });
        const promised = queue.rowsAhead("c", 1, Number.POSITIVE_INFINITY, 0);
        queue.push(last, 1);
        const before = queue.take(1_000);
        const ran = before.slice(0, before.indexOf(last)).reduce((sum, { rows }) => sum + rows, 0);
        assert.ok(promised <= ran, `${promised} were promised, ${ran} ran`);
      }),
    );
  });

  it("keeps the order of arrival where that is promised", () => {
    const queue = new RequestQueue(plain, () => {}, { isArrivalOrder: true });
    for (const [id, deadlineMs] of [
      ["late", 900],
      ["soon", 10],
    ] as const)
      queue.push(entryOf({ id, deadlineMs }), 1);
    assert.deepEqual(
      queue.take(2).map(({ request }) => request.id),
      ["late", "soon"],
    );
  });
});

const anEntry = fc.record({
  tenant: fc.constantFrom("a", "b", "c", "d"),
  level: fc.integer({ min: 1, max: 2 }),
  rows: fc.integer({ min: 0, max: 4 }),
  timeoutMs: fc.constantFrom(Number.POSITIVE_INFINITY, 5, 50),
  deadlineMs: fc.constantFrom(Number.POSITIVE_INFINITY, 5, 50, 60, 70),
  isAborted: fc.integer({ min: 0, max: 9 }).map((dice) => dice === 0),
});

it("a queue looks ahead exactly as it will give, whoever waits and whatever expires on the way", () => {
  const policy = queuePolicy({
    dynamic_batching: {
      priority_levels: 2,
      default_priority_level: 1,
      priority_queue_policy: { "2": { timeout_action: "DELAY" } },
    },
  });
  const shares = sharesOf({ a: 3, b: 0.5 });
  fc.assert(
    fc.property(fc.array(anEntry, { maxLength: 30 }), fc.array(fc.nat(6), { maxLength: 8 }), (specs, counts) => {
      const queue = new RequestQueue(policy, () => {}, { shares });
      for (const { level, isAborted, ...spec } of specs) {
        queue.push(entryOf({ ...spec, ...(isAborted ? { signal: AbortSignal.abort() } : {}) }), level);
      }
      for (const [index, count] of counts.entries()) {
        const seen: QueueEntry[] = [];
        queue.scan(index * 10, index * 10, (entry) => {
          if (seen.length === count) return "stop";
          seen.push(entry);
          return "keep";
        });
        const taken = queue.take(seen.length);
        assert.deepEqual(taken, seen);
        if (index % 3 === 2) queue.unshift(taken);
        else for (const entry of taken) queue.settle(entry, entry.rows * (index + 1));
      }
      const rest = queue.requests;
      assert.equal(queue.clear().length, rest);
      assert.deepEqual([queue.requests, queue.rows, queue.bytes], [0, 0, 0]);
    }),
    { numRuns: 500 },
  );
});

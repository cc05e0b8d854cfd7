import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type AlertCondition,
  type AlertStatus,
  alertCondition,
  newAlertStatus,
  nextAlertStatus,
} from "../../../src/monitor/alerts/alert-state.ts";

const minute = 60_000;
const timing = { hold: { ms: 2 * minute, evaluations: 1 }, resolve: { ms: 3 * minute, evaluations: 1 } };

/** The states after each of some conditions, a minute apart. */
function walk(conditions: readonly AlertCondition[], rule: typeof timing = timing): string[] {
  let status: AlertStatus = newAlertStatus(0);
  return conditions.map((condition, i) => {
    status = nextAlertStatus(status, condition, (i + 1) * minute, rule);
    return status.state;
  });
}

test("an alert fires once its condition has held, and resolves once it has not", () => {
  const conditions: AlertCondition[] = ["clear", "met", "met", "met", "clear", "clear", "clear", "clear"];
  const states = ["ok", "pending", "pending", "firing", "firing", "firing", "firing", "ok"];
  assert.deepEqual(walk(conditions), states);
});

test("one evaluation that does not meet the condition begins the hold anew", () => {
  assert.deepEqual(walk(["met", "met", "clear", "met", "met", "met"]), [
    "pending",
    "pending",
    "ok",
    "pending",
    "pending",
    "firing",
  ]);
});

test("a hold can be counted in evaluations", () => {
  const rule = { hold: { ms: 0, evaluations: 3 }, resolve: { ms: 0, evaluations: 2 } };
  assert.deepEqual(walk(["met", "met", "met", "clear", "clear"], rule), [
    "pending",
    "pending",
    "firing",
    "firing",
    "ok",
  ]);
});

test("without a hold it fires and resolves at once", () => {
  const rule = { hold: { ms: 0, evaluations: 1 }, resolve: { ms: 0, evaluations: 1 } };
  assert.deepEqual(walk(["met", "clear", "met"], rule), ["firing", "ok", "firing"]);
});

test("what lies between the two thresholds keeps a firing alert and no other", () => {
  const states = walk(["between", "met", "between", "met", "met", "met", "clear", "between", "clear", "between"]);
  assert.deepEqual(states, [
    "ok",
    "pending",
    "ok",
    "pending",
    "pending",
    "firing",
    "firing",
    "firing",
    "firing",
    "firing",
  ]);
});

test("an alert whose samples run out stays for as long as it would take to resolve, then it is unknown", () => {
  const states = walk(["met", "met", "met", "unknown", "unknown", "unknown", "unknown", "clear"]);
  assert.deepEqual(states, ["pending", "pending", "firing", "firing", "firing", "firing", "unknown", "ok"]);
});

test("a pending alert whose samples run out is unknown at once", () => {
  assert.deepEqual(walk(["met", "unknown", "met"]), ["pending", "unknown", "pending"]);
});

test("since tells when the state came, not when it was last seen", () => {
  let status = newAlertStatus(5);
  status = nextAlertStatus(status, "clear", 10, timing);
  status = nextAlertStatus(status, "clear", 20, timing);
  assert.deepEqual([status.state, status.sinceMs], ["ok", 10]);
});

test("a reading stands to its rule as it should", () => {
  const above = { comparison: "above", minSamples: 10, effectThreshold: undefined, resolveThreshold: 3 } as const;
  const of = (value: number | undefined, samples = 10, threshold: number | undefined = 5) =>
    alertCondition({ value, samples, threshold }, above);
  assert.deepEqual([of(6), of(5), of(3.5), of(3)], ["met", "between", "between", "clear"]);
  assert.deepEqual([of(6, 9), of(undefined), of(Number.NaN), of(Number.POSITIVE_INFINITY)], Array(4).fill("unknown"));
  assert.equal(alertCondition({ value: 6, samples: 10, threshold: undefined }, above), "unknown");
  assert.equal(alertCondition({ value: 6, samples: Number.NaN, threshold: 5 }, above), "unknown");
  const below = { ...above, comparison: "below", resolveThreshold: undefined } as const;
  assert.equal(alertCondition({ value: 4, samples: 10, threshold: 5 }, below), "met");
  assert.equal(alertCondition({ value: 5, samples: 10, threshold: 5 }, below), "clear");
  const effect = { ...above, effectThreshold: 8, resolveThreshold: undefined };
  assert.equal(alertCondition({ value: 6, samples: 10, threshold: 5 }, effect), "clear");
  assert.equal(alertCondition({ value: 9, samples: 10, threshold: 5 }, effect), "met");
});

const arbitraryHold = fc.record({ ms: fc.integer({ min: 0, max: 500 }), evaluations: fc.integer({ min: 1, max: 5 }) });
const arbitrarySteps = fc.array(
  fc.record({
    afterMs: fc.integer({ min: 0, max: 200 }),
    value: fc.oneof(fc.double({ min: -2, max: 2, noNaN: true }), fc.constant(Number.NaN), fc.constant(undefined)),
    samples: fc.integer({ min: 0, max: 20 }),
  }),
  { maxLength: 200 },
);

test("whatever comes, an alert becomes pending or firing only on enough samples, and fires at most once in hold and resolve together", () => {
  fc.assert(
    fc.property(arbitraryHold, arbitraryHold, arbitrarySteps, (hold, resolve, steps) => {
      const rule = { comparison: "above", minSamples: 10, effectThreshold: undefined, resolveThreshold: -1 } as const;
      let nowMs = 0;
      let status = newAlertStatus(0);
      let firedMs = Number.NEGATIVE_INFINITY;
      let metSinceMs: number | undefined;
      for (const { afterMs, value, samples } of steps) {
        nowMs += afterMs;
        const condition = alertCondition({ value, samples, threshold: 0 }, rule);
        const next = nextAlertStatus(status, condition, nowMs, { hold, resolve });
        metSinceMs = condition === "met" ? (metSinceMs ?? nowMs) : undefined;
        if (next.state !== status.state) {
          assert.equal(next.sinceMs, nowMs);
          if (next.state === "pending" || next.state === "firing") {
            assert.ok(samples >= 10 && value !== undefined && value > 0);
          }
          if (next.state === "firing") {
            assert.ok(metSinceMs !== undefined && nowMs - metSinceMs >= hold.ms, "held");
            assert.ok(nowMs - firedMs >= hold.ms + resolve.ms, "bounded");
            firedMs = nowMs;
          }
        } else assert.equal(next.sinceMs, status.sinceMs);
        status = next;
      }
    }),
    { numRuns: 500 },
  );
});

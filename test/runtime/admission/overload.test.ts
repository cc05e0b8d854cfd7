import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AdmissionPolicy } from "../../../src/runtime/admission/model-admission.ts";
import { isGood, LoadSimulation, type Outcome } from "../../support/load-simulation.ts";

/** The server's defaults, beside a model whose batch of 32 rows takes 17 ms: 1.88 rows a millisecond. */
const adaptive: AdmissionPolicy = {
  mode: "adaptive",
  limitRows: 256,
  minLimitRows: 128,
  maxLimitRows: 1_000_000,
  targetMs: 500,
  intervalMs: 100,
};
const fixed: AdmissionPolicy = { ...adaptive, mode: "fixed" };

function count(outcomes: readonly Outcome[], result: string): number {
  return outcomes.filter((outcome) => outcome.result === result).length;
}

/** Rows answered in time, as a share of what the model can do, over [fromMs, untilMs). */
function goodput(simulation: LoadSimulation, fromMs: number, untilMs: number): number {
  const good = simulation.outcomes.filter((outcome) => {
    return isGood(outcome) && outcome.endMs >= fromMs && outcome.endMs < untilMs;
  });
  return good.length / (simulation.capacity() * (untilMs - fromMs));
}

/** How late answers were at most, in milliseconds; 0: none was. */
function latest(outcomes: readonly Outcome[]): number {
  const answered = outcomes.filter(({ result }) => result === "ok");
  return answered.reduce((most, { endMs, deadlineMs }) => Math.max(most, endMs - deadlineMs), 0);
}

function p99(outcomes: readonly Outcome[]): number {
  const sorted = outcomes
    .filter(({ result }) => result === "ok")
    .map(({ arrivalMs, endMs }) => endMs - arrivalMs)
    .sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN;
}

describe("five times the load that the model can take", () => {
  for (const [name, admission] of Object.entries({ fixed, adaptive })) {
    for (const timeoutMs of [400, 1000, Number.POSITIVE_INFINITY]) {
      test(`${name}, callers give ${timeoutMs} ms: goodput, deadlines, memory, recovery`, () => {
        const simulation = new LoadSimulation({ admission });
        const perMs = simulation.capacity();
        simulation.offer({ perMs: 0.5 * perMs, durationMs: 1000, timeoutMs });
        const calm = p99(simulation.outcomes);
        const startMs = simulation.now;
        simulation.offer({ perMs: 5 * perMs, durationMs: 3000, timeoutMs });
        const endMs = simulation.now;
        simulation.offer({ perMs: 0.5 * perMs, durationMs: 3000, timeoutMs });
        simulation.clock.advance(1000);
        assert.ok(goodput(simulation, startMs + 100, endMs) > 0.95, `${goodput(simulation, startMs + 100, endMs)}`);
        assert.ok(latest(simulation.outcomes) <= 17, "no answer is later than one batch");
        assert.ok(simulation.mostPending <= 1300, `${simulation.mostPending} requests held`);
        assert.ok(p99(simulation.arrived(endMs + 1500, endMs + 3000)) <= calm * 1.2, "normal in 1.5 s");
        assert.equal(simulation.model.pending, 0);
      });
    }
  }

  test("with admission off the queue grows without end", () => {
    const simulation = new LoadSimulation();
    const perMs = simulation.capacity();
    simulation.offer({ perMs: 5 * perMs, durationMs: 3000 });
    assert.ok(simulation.mostPending > 20_000, `${simulation.mostPending}`);
  });

  test("answers come in time although the overload itself takes three quarters of the model's processor", () => {
    const simulation = new LoadSimulation({ admission: adaptive });
    const perMs = 5 * simulation.capacity();
    simulation.offer({ perMs: 0.8 * simulation.capacity(), durationMs: 3000, timeoutMs: 1000 });
    simulation.runTime = { aMs: 4, bMs: 2 };
    const startMs = simulation.now;
    simulation.offer({ perMs, durationMs: 4000, timeoutMs: 1000 });
    assert.ok(goodput(simulation, startMs, simulation.now) > 0.9, `${goodput(simulation, startMs, simulation.now)}`);
  });

  test("what is refused is told to come back when the queue will have drained", () => {
    const simulation = new LoadSimulation({ admission: adaptive });
    const startMs = simulation.now + 1000;
    simulation.offer({ perMs: 5 * simulation.capacity(), durationMs: 3000 });
    const refused = simulation.arrived(startMs).filter(({ result }) => result === "concurrency_limit");
    for (const { retryAfterMs = 0 } of refused)
      assert.ok(retryAfterMs >= 350 && retryAfterMs <= 700, `${retryAfterMs}`);
  });

  test("what is sheddable goes first: nothing critical is refused while it alone would fit", () => {
    const simulation = new LoadSimulation({ admission: adaptive });
    const startMs = simulation.now;
    // A quarter of it is critical: 0.75 of what the model can do.
    const criticalities = ["CRITICAL", "SHEDDABLE", "SHEDDABLE", "SHEDDABLE"] as const;
    simulation.offer({ perMs: 3 * simulation.capacity(), durationMs: 5000, criticalities });
    simulation.clock.advance(2000);
    const [critical, sheddable] = ["CRITICAL", "SHEDDABLE"].map((word) =>
      simulation.arrived(startMs).filter(({ criticality }) => criticality === word),
    ) as [Outcome[], Outcome[]];
    assert.equal(count(critical, "ok"), critical.length);
    assert.ok(count(sheddable, "ok") < sheddable.length * 0.3, "the rest of the capacity, and what the queue took up");
    assert.ok(count(sheddable, "ok") > sheddable.length * 0.08, "but what is left is not wasted");
  });
});

describe("a load that the model can take", () => {
  test("is never refused, from the first request on, at 95 % of capacity", () => {
    const simulation = new LoadSimulation({ admission: adaptive });
    simulation.offer({ perMs: 0.95 * simulation.capacity(), durationMs: 10_000 });
    simulation.clock.advance(1000);
    assert.equal(count(simulation.outcomes, "ok"), simulation.outcomes.length);
  });

  test("is never refused when it follows minutes of single requests", () => {
    const simulation = new LoadSimulation({ admission: adaptive });
    simulation.offer({ perMs: 0.005, isEven: true, durationMs: 60_000 });
    simulation.offer({ perMs: 0.95 * simulation.capacity(), durationMs: 5000 });
    simulation.clock.advance(1000);
    assert.equal(count(simulation.outcomes, "ok"), simulation.outcomes.length);
  });

  for (const callers of [64, 96, 200, 500]) {
    test(`${callers} in flight lose nothing to it`, () => {
      const off = new LoadSimulation().keepInFlight(callers, 5000);
      const simulation = new LoadSimulation({ admission: adaptive });
      assert.equal(simulation.keepInFlight(callers, 5000), off);
      assert.equal(count(simulation.outcomes, "concurrency_limit") + count(simulation.outcomes, "overload"), 0);
    });
  }

  test("with small batches and several instances neither", () => {
    const options = { maxBatchSize: 8, instances: 2 };
    const off = new LoadSimulation(options).keepInFlight(200, 5000);
    const simulation = new LoadSimulation({ ...options, admission: adaptive });
    assert.equal(simulation.keepInFlight(200, 5000), off);
    assert.equal(simulation.outcomes.length, count(simulation.outcomes, "ok"));
  });

  test("of a slow model that does not batch, too", () => {
    const options = { maxBatchSize: 1 };
    const simulation = new LoadSimulation({ ...options, admission: adaptive });
    simulation.runTime = { aMs: 100, bMs: 0 };
    simulation.keepInFlight(96, 60_000);
    assert.equal(simulation.outcomes.length, count(simulation.outcomes, "ok"));
  });
});

describe("the limit", () => {
  test("rests while the load does not change: no swing beyond a tenth", () => {
    const simulation = new LoadSimulation({ admission: adaptive });
    simulation.offer({ perMs: 2 * simulation.capacity(), durationMs: 5000, isEven: true });
    const before = simulation.limits.length;
    simulation.offer({ perMs: 2 * simulation.capacity(), durationMs: 10_000, isEven: true });
    const limits = simulation.limits.slice(before);
    const [least, most] = [Math.min(...limits), Math.max(...limits)];
    assert.ok(most <= least * 1.1, `between ${least} and ${most}`);
  });

  test("does not creep up under an overload of minutes", () => {
    const simulation = new LoadSimulation({ admission: adaptive });
    simulation.offer({ perMs: 2 * simulation.capacity(), durationMs: 5000, isEven: true });
    const early = simulation.limits.at(-1) ?? Number.NaN;
    simulation.offer({ perMs: 2 * simulation.capacity(), durationMs: 60_000, isEven: true });
    const late = simulation.limits.at(-1) ?? Number.NaN;
    assert.ok(Math.abs(late - early) <= 0.1 * early, `${early}, a minute later ${late}`);
  });

  test("follows a model that becomes ten times slower, and fast again", () => {
    const simulation = new LoadSimulation({ admission: adaptive });
    const fast = simulation.runTime;
    simulation.offer({ perMs: 2 * simulation.capacity(), durationMs: 5000 });
    simulation.runTime = { aMs: 10, bMs: 5 };
    simulation.offer({ perMs: 2 * simulation.capacity(), durationMs: 10_000 });
    const slowMs = simulation.now;
    simulation.offer({ perMs: 2 * simulation.capacity(), durationMs: 10_000 });
    // 256 rows, eight batches, take 1360 ms; twice that is when requests are shed, and a run is 170 ms.
    assert.ok(p99(simulation.arrived(slowMs)) <= 2 * 1360 + 170, `${p99(simulation.arrived(slowMs))}`);
    assert.ok(goodput(simulation, slowMs, simulation.now) > 0.95);
    simulation.runTime = fast;
    simulation.offer({ perMs: 2 * simulation.capacity(), durationMs: 1000 });
    const fastMs = simulation.now;
    simulation.offer({ perMs: 2 * simulation.capacity(), durationMs: 2000 });
    assert.ok(goodput(simulation, fastMs, simulation.now) > 0.95, `${goodput(simulation, fastMs, simulation.now)}`);
  });
});

test("what waited while the model's process was started again is not shed, nor is more refused afterwards", () => {
  const simulation = new LoadSimulation({ admission: adaptive });
  const perMs = 0.5 * simulation.capacity();
  simulation.offer({ perMs, durationMs: 1000 });
  const instances = simulation.stop();
  simulation.offer({ perMs: 0.1, durationMs: 5000 });
  for (const instance of instances) instance.start();
  simulation.offer({ perMs, durationMs: 3000 });
  simulation.clock.advance(1000);
  assert.equal(count(simulation.outcomes, "ok"), simulation.outcomes.length);
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createRandom } from "../../../bench/random.ts";
import type { ModelConfig } from "../../../src/model/model-config.ts";
import { BatchedModel } from "../../../src/runtime/batched-model.ts";
import { decideWaiting, type WaitingRows } from "../../../src/runtime/batching/waiting-rule.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeRunner } from "../../support/fake-runner.ts";
import { RecordingObserver } from "../../support/recording-observer.ts";
import { contextOf, echoDescription, floats, RecordingReply, requestOf } from "../../support/runtime-requests.ts";

describe("decideWaiting", () => {
  const runTime = { fixedMs: 4, perRowMs: 0.1, spreadMs: 0.5, runs: 50 };
  const waiting: WaitingRows = {
    now: 100,
    rows: 2,
    maxRows: 32,
    answerByMs: 120,
    rowsPerMs: 1,
    runTime,
  };
  const cases: [string, Partial<WaitingRows>, ReturnType<typeof decideWaiting>][] = [
    // 120 - 1 (timer) - 1.5 (spread) - 4.2 (run) = 113.3: 13.3 rows come, and the run of 15.3 takes 5.53
    ["waits until the larger batch can just be answered in time", {}, { untilMs: 120 - 1 - 1.5 - 5.53 }],
    ["counts no more rows than a batch has", { rowsPerMs: 100 }, { untilMs: 120 - 1 - 1.5 - 7.2 }],
    ["goes when the target allows no more", { answerByMs: 106 }, "target"],
    ["goes when the target has passed", { answerByMs: 90 }, "target"],
    ["goes when nobody is expected", { rowsPerMs: 0.01 }, "idle"],
    ["goes when more rows make nothing cheaper", { runTime: { ...runTime, fixedMs: 0.01, perRowMs: 2 } }, "idle"],
    ["goes when nothing is known", { runTime: undefined }, "idle"],
    ["goes when too little is known", { runTime: { ...runTime, runs: 2 } }, "idle"],
  ];
  for (const [what, partial, expected] of cases) {
    it(what, () => {
      const decision = decideWaiting({ ...waiting, ...partial });
      if (typeof expected === "string" || typeof decision === "string") assert.equal(decision, expected);
      else assert.ok(Math.abs(decision.untilMs - expected.untilMs) < 1e-9, `${decision.untilMs}`);
    });
  }
});

interface Outcome {
  readonly latenciesMs: readonly number[];
  readonly meanRows: number;
}

/** Requests of one row at random moments, one instance whose runs take `fixedMs + perRowMs * rows`, give or take a tenth. */
function simulate(options: { readonly targetMs?: number; readonly ratePerMs: number; readonly seed: number }): Outcome {
  const [fixedMs, perRowMs, requests] = [4, 0.1, 4000];
  const random = createRandom(options.seed);
  const clock = new FakeClock();
  const observer = new RecordingObserver();
  const config: ModelConfig = { max_batch_size: 32 };
  const model = new BatchedModel(echoDescription(config), {
    clock,
    observers: observer,
    maxQueueRequests: 1e6,
    maxQueueBytes: 1e9,
    slotBytes: 1e6,
    splitting: "never",
    ...(options.targetMs === undefined ? {} : { limits: { latencyTargetMs: options.targetMs } }),
  });
  const runner = new FakeRunner(model, clock);
  const latenciesMs: number[] = [];
  let idleSinceMs = clock.now();
  let arrivesMs = clock.now();
  let endsMs = Number.POSITIVE_INFINITY;
  const start = () => {
    const batch = endsMs === Number.POSITIVE_INFINITY ? runner.take() : undefined;
    if (batch === undefined) return;
    if (options.targetMs === undefined) {
      // Work-conserving: the batch began when the instance became free, or when its first request came.
      assert.ok(batch.takenMs === idleSinceMs || batch.entries.some(({ queuedMs }) => queuedMs === batch.takenMs));
    }
    endsMs = clock.now() + (fixedMs + perRowMs * batch.rows) * (0.9 + 0.2 * random());
  };
  for (let sent = 0; sent < requests || model.pending > 0; ) {
    const nextMs = Math.min(endsMs, sent < requests ? arrivesMs : Number.POSITIVE_INFINITY);
    // Between events only the model's own timer passes; after a step of a tenth a free instance asks again, as its slot would.
    clock.advance(Math.min(nextMs - clock.now(), endsMs === Number.POSITIVE_INFINITY ? 0.1 : nextMs - clock.now()));
    if (clock.now() >= endsMs) {
      endsMs = Number.POSITIVE_INFINITY;
      idleSinceMs = clock.now();
      runner.succeed(0);
    }
    while (sent < requests && clock.now() >= arrivesMs) {
      const beganMs = clock.now();
      const reply = new RecordingReply(() => latenciesMs.push(clock.now() - beganMs));
      model.infer(requestOf([floats("x", [sent])]), contextOf({ arrivalTimeMs: beganMs }), reply);
      arrivesMs += -Math.log(1 - random()) / options.ratePerMs;
      sent++;
    }
    start();
  }
  const rows = observer.batches.map((batch) => batch.rows);
  return { latenciesMs, meanRows: rows.reduce((sum, size) => sum + size, 0) / rows.length };
}

const quantile = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.floor(share * (values.length - 1))] ?? Number.NaN;

describe("a latency target, over virtual time", () => {
  for (const ratePerMs of [0.1, 0.5, 1, 2]) {
    it(`is met at ${ratePerMs} rows a millisecond, with fewer and larger batches`, () => {
      const without = simulate({ ratePerMs, seed: 1 });
      const withTarget = simulate({ ratePerMs, seed: 1, targetMs: 40 });
      const settled = withTarget.latenciesMs.slice(100);
      assert.ok(quantile(settled, 0.99) <= 40, `p99 ${quantile(settled, 0.99)}`);
      assert.ok(
        withTarget.meanRows > 1.3 * without.meanRows,
        `${withTarget.meanRows} rows a batch with, ${without.meanRows} without`,
      );
    });
  }

  it("is not there by default: no batch waits while the instance is idle", () => {
    for (let seed = 1; seed <= 5; seed++) simulate({ ratePerMs: 0.3 * seed, seed });
  });
});

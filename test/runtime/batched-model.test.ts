import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { InferenceError } from "../../src/errors.ts";
import type { InferenceRequest, RequestContext } from "../../src/inference.ts";
import type { ModelConfig } from "../../src/model/model-config.ts";
import { type AdmissionPolicy, openAdmission } from "../../src/runtime/admission/model-admission.ts";
import { BatchedModel, type BatchedModelOptions } from "../../src/runtime/batched-model.ts";
import { createMeasurer } from "../../src/runtime/batching/request-measure.ts";
import { RunTimeModel } from "../../src/runtime/batching/run-time-model.ts";
import type { TenantShares } from "../../src/tenant.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FakeRunner } from "../support/fake-runner.ts";
import { SlotSubject } from "../support/process-slot-subject.ts";
import { sharesOf } from "../support/queue-simulation.ts";
import { RecordingObserver } from "../support/recording-observer.ts";
import {
  contextOf,
  echoDescription,
  floats,
  RecordingReply,
  requestOf,
  valuesOf,
} from "../support/runtime-requests.ts";

class Subject {
  readonly clock = new FakeClock();
  readonly observer = new RecordingObserver();
  readonly model: BatchedModel;
  readonly runner: FakeRunner;

  constructor(config: ModelConfig = {}, options: Partial<BatchedModelOptions> = {}) {
    this.model = new BatchedModel(echoDescription(config), {
      clock: this.clock,
      observers: this.observer,
      maxQueueRequests: 100,
      maxQueueBytes: 1_000,
      slotBytes: 400,
      splitting: "always",
      ...options,
    });
    this.runner = new FakeRunner(this.model, this.clock);
  }

  ask(
    values: readonly number[] = [0],
    context: Partial<RequestContext> = {},
    partial: Parameters<typeof requestOf>[1] = {},
    request: InferenceRequest = requestOf([floats("x", values)], partial),
  ): RecordingReply {
    const reply = new RecordingReply();
    this.model.infer(request, contextOf({ arrivalTimeMs: this.clock.now(), ...context }), reply);
    return reply;
  }

  /** Runs everything that waits. */
  finish(): void {
    while (this.runner.take() !== undefined) this.runner.succeed();
  }
}

const failure = new InferenceError("runtime", "by the test");

describe("a request", () => {
  it("is answered with its own rows, id and the version", () => {
    const subject = new Subject();
    const replies = [subject.ask([1, 2], {}, { id: "a" }), subject.ask([3], {}, { id: "b" })];
    assert.equal(subject.runner.take()?.rows, 3);
    subject.runner.succeed();
    const [first, second] = replies.map(({ response }) => response!);
    assert.deepEqual(valuesOf(first!.outputs[0]!), [1, 2]);
    assert.deepEqual(valuesOf(second!.outputs[0]!), [3]);
    assert.deepEqual([first?.id, second?.id, first?.modelName, first?.modelVersion], ["a", "b", "m", "1"]);
  });

  it("that does not fit is refused at once, and observers hear of its end", () => {
    const subject = new Subject();
    const reply = subject.ask([0], {}, {}, requestOf([]));
    assert.equal(reply.outcome, "invalid");
    assert.equal(subject.observer.admitted.length, 0);
    assert.equal(subject.observer.ended[0]?.error?.reason, "invalid");
    assert.equal(subject.runner.offers, 0);
  });

  it("tells observers its times", () => {
    const subject = new Subject();
    subject.clock.advance(10);
    subject.ask();
    subject.clock.advance(5);
    subject.runner.take();
    subject.runner.succeed(7);
    const [record] = subject.observer.ended;
    assert.ok(record !== undefined && record === subject.observer.admitted[0]);
    assert.deepEqual(
      [record.queuedMs, record.takenMs, record.computeInferMs, record.endedMs],
      [1_010, 1_015, 7, 1_022],
    );
    assert.deepEqual(subject.observer.batches[0]?.requests, [record]);
  });

  it("of more rows than a batch is split, answered once, and told once", () => {
    const subject = new Subject({ max_batch_size: 4 });
    const values = Array.from({ length: 10 }, (_, index) => index);
    const reply = subject.ask(values);
    const sizes: number[] = [];
    while (subject.runner.take() !== undefined) {
      sizes.push(subject.runner.batch!.rows);
      subject.runner.succeed();
    }
    assert.deepEqual(sizes, [4, 4, 2]);
    assert.deepEqual(valuesOf(reply.response!.outputs[0]!), values);
    assert.equal(subject.observer.ended.length, 1);
    assert.equal(subject.observer.ended[0]?.rows, 10);
  });

  it("of more rows is refused where splitting is off", () => {
    const subject = new Subject({ max_batch_size: 4 }, { splitting: "never" });
    const reply = subject.ask(new Array<number>(5).fill(0));
    assert.match(reply.error!.message, /inference request batch-size must be <= 4 for 'm'/);
  });

  it("is not taken ahead of a running batch until it makes a full one", () => {
    const subject = new Subject({ max_batch_size: 2, dynamic_batching: {} });
    subject.ask([1]);
    assert.equal(subject.model.take(true), undefined);
    subject.ask([2]);
    assert.equal(subject.model.take(true)?.rows, 2);
    subject.ask([3]);
    assert.equal(subject.model.take(true), undefined);
    assert.equal(subject.model.take()?.rows, 1);
  });

  it("of more rows is split for a stream and refused for a unary call where only streams are split", () => {
    const subject = new Subject({ max_batch_size: 4 }, { splitting: "streams" });
    assert.equal(subject.ask([1, 2, 3, 4, 5]).outcome, "invalid");
    const reply = subject.ask([1, 2, 3, 4, 5], { isStreamed: true });
    subject.finish();
    assert.deepEqual(valuesOf(reply.response!.outputs[0]!), [1, 2, 3, 4, 5]);
  });

  it("split in parts of which one fails: the rest is dropped before it runs", () => {
    const subject = new Subject({ max_batch_size: 1 });
    const reply = subject.ask([1, 2, 3]);
    subject.runner.take();
    subject.runner.fail(failure);
    assert.equal(reply.outcome, "runtime");
    assert.equal(subject.runner.take(), undefined);
    assert.equal(subject.model.pending, 0);
  });

  it("beyond the bytes of a slot is split by bytes; a row beyond them is too large", () => {
    const subject = new Subject({ max_batch_size: 64 }, { slotBytes: 40, maxQueueBytes: 1e6 });
    const reply = subject.ask(new Array<number>(25).fill(1));
    for (let batch = subject.runner.take(); batch !== undefined; batch = subject.runner.take()) {
      assert.ok(batch.entries.reduce((sum, entry) => sum + entry.byteLength, 0) <= 40);
      subject.runner.succeed();
    }
    assert.equal(reply.outcome, "ok");
    const small = new Subject({}, { slotBytes: 3 });
    assert.equal(small.ask().outcome, "too_large");
  });
});

describe("limits of the queue", () => {
  it("requests: the one too many is told when to come back", () => {
    const subject = new Subject({}, { maxQueueRequests: 2 });
    const replies = [subject.ask(), subject.ask(), subject.ask()];
    assert.deepEqual(
      replies.map(({ outcome }) => outcome),
      ["waiting", "waiting", "queue_full"],
    );
    assert.ok((replies[2]?.error?.retryAfterMs ?? 0) >= 1);
    subject.finish();
    assert.equal(subject.ask().outcome, "waiting");
  });

  it("requests: a split one counts with its parts, whatever its bytes", () => {
    const subject = new Subject({ max_batch_size: 2 }, { maxQueueRequests: 3 });
    const tooMany = subject.ask(new Array<number>(7).fill(0));
    assert.equal(tooMany.outcome, "too_large");
    assert.equal(
      tooMany.error?.message,
      "a request of 7 rows takes 4 batches, more than the 3 requests that may wait (--max-queue-requests)",
    );
    const three = subject.ask([1, 2, 3, 4, 5]);
    assert.equal(subject.model.pending, 3);
    assert.equal(subject.ask().outcome, "queue_full");
    subject.finish();
    const waiting = subject.ask();
    const crowded = subject.ask(new Array<number>(6).fill(0));
    assert.equal(crowded.outcome, "queue_full");
    subject.finish();
    assert.deepEqual([three.outcome, waiting.outcome], ["ok", "ok"]);
  });

  it("requests: rows of no elements, of which any number fits a message, are counted too", () => {
    const description = echoDescription();
    const signature = { ...description.signature, inputs: [{ name: "x", datatype: "FP32", dims: [-1] } as const] };
    const subject = new Subject();
    const model = new BatchedModel(
      { ...description, signature },
      {
        clock: subject.clock,
        observers: subject.observer,
        maxQueueRequests: 100,
        maxQueueBytes: 1_000,
        slotBytes: 400,
        splitting: "always",
      },
    );
    const reply = new RecordingReply();
    const shape = [Number.MAX_SAFE_INTEGER, 0];
    model.infer(requestOf([{ name: "x", datatype: "FP32", shape, data: new Uint8Array() }]), contextOf(), reply);
    assert.equal(reply.outcome, "too_large");
    assert.equal(model.pending, 0);
  });

  it("bytes: but a single request is always let in", () => {
    const subject = new Subject({}, { maxQueueBytes: 6 });
    assert.equal(subject.ask([1, 2]).outcome, "waiting");
    assert.equal(subject.ask([1]).outcome, "queue_full");
  });

  it("of a level: counted in requests, whatever the other levels hold", () => {
    const levels = {
      priority_levels: 2,
      default_priority_level: 2,
      priority_queue_policy: { "2": { max_queue_size: 1 } },
    };
    const subject = new Subject({ dynamic_batching: levels });
    const high = { parameters: new Map([["priority", 1]]) };
    const replies = [subject.ask([0], {}, high), subject.ask(), subject.ask(), subject.ask([0], {}, high)];
    assert.deepEqual(
      replies.map(({ outcome }) => outcome),
      ["waiting", "waiting", "queue_full", "waiting"],
    );
  });

  it("are not filled by those who have gone away", () => {
    const subject = new Subject({}, { maxQueueRequests: 1 });
    const gone = new AbortController();
    const first = subject.ask([0], { signal: gone.signal });
    gone.abort();
    subject.clock.advance(100);
    assert.equal(subject.ask().outcome, "waiting");
    assert.equal(first.outcome, "cancelled");
  });
});

describe("deadlines", () => {
  it("a request that is late already does not enter", () => {
    const subject = new Subject();
    assert.equal(subject.ask([0], { deadlineMs: 1_000 }).outcome, "deadline");
    assert.equal(subject.observer.admitted.length, 0);
  });

  it("fail a request that nobody takes in time, at its deadline", () => {
    const subject = new Subject();
    const reply = subject.ask([0], { deadlineMs: 1_050 });
    subject.clock.advance(49);
    assert.equal(reply.outcome, "waiting");
    subject.clock.advance(2);
    assert.equal(reply.outcome, "deadline");
    assert.equal(subject.model.pending, 0);
  });

  it("an item's own time counts from its arrival, and the earlier one wins", () => {
    for (const [own, call, endsMs] of [
      [30, Number.POSITIVE_INFINITY, 1_030],
      [30, 1_020, 1_020],
      [30n, 1_090, 1_030],
    ] as const) {
      const subject = new Subject();
      const reply = subject.ask([0], { deadlineMs: call }, { parameters: new Map([["sluice_timeout_ms", own]]) });
      subject.clock.advance(endsMs - 1_000 - 1);
      assert.equal(reply.outcome, "waiting", `${own} ${call}`);
      subject.clock.advance(3);
      assert.equal(reply.outcome, "deadline", `${own} ${call}`);
    }
  });

  it("that cannot be met are told before the run, and one slow run is not held against later ones for ever", () => {
    const subject = new Subject();
    subject.ask();
    subject.runner.take();
    subject.runner.succeed(1_000);
    const outcomes: string[] = [];
    for (let i = 0; i < 10; i++) outcomes.push(subject.ask([0], { deadlineMs: subject.clock.now() + 100 }).outcome);
    assert.equal(outcomes[0], "deadline");
    assert.equal(outcomes.at(-1), "waiting");
  });

  it("in the queue, they do not shut the model either", () => {
    const subject = new Subject();
    subject.ask();
    subject.runner.take();
    subject.runner.succeed(50);
    for (let i = 0; i < 12; i++) {
      const reply = subject.ask([0], { deadlineMs: subject.clock.now() + 60 });
      subject.clock.advance(20); // the runner was busy elsewhere
      if (subject.runner.take() !== undefined) {
        subject.runner.succeed(1);
        assert.equal(reply.outcome, "ok");
        return;
      }
    }
    assert.fail("no request was ever run again");
  });

  it("queue timeouts fail with Triton's text at their time", () => {
    const subject = new Subject({
      dynamic_batching: { default_queue_policy: { default_timeout_microseconds: 20_000 } },
    });
    const reply = subject.ask();
    subject.clock.advance(20);
    assert.equal(reply.outcome, "waiting");
    subject.clock.advance(2);
    assert.equal(reply.error?.message, "Request timeout expired");
    assert.equal(reply.error?.reason, "queue_timeout");
  });

  it("leave no timer behind that would go on for ever", () => {
    const subject = new Subject();
    subject.ask([0], { deadlineMs: 1_050 });
    subject.finish();
    subject.clock.advance(1_000);
    assert.equal(subject.clock.timers, 0);
  });
});

describe("a delay", () => {
  const config = { max_batch_size: 4, dynamic_batching: { max_queue_delay_microseconds: 10_000 } };

  it("is waited for with one timer, then the runner is asked again", () => {
    const subject = new Subject(config);
    subject.ask();
    const { offers } = subject.runner;
    assert.equal(subject.runner.take(), undefined);
    subject.clock.advance(9);
    assert.equal(subject.runner.offers, offers);
    subject.clock.advance(1);
    assert.equal(subject.runner.offers, offers + 1);
    assert.equal(subject.runner.take()?.reason, "timeout");
  });

  it("does not hold up a model that is being drained", () => {
    const subject = new Subject({ dynamic_batching: { max_queue_delay_microseconds: 60_000_000 } });
    const reply = subject.ask();
    assert.equal(subject.runner.take(), undefined);
    void subject.model.drain(new InferenceError("draining", "by the test"));
    assert.equal(subject.runner.take()?.reason, "drain");
    subject.runner.succeed();
    assert.equal(reply.outcome, "ok");
  });
});

describe("failures", () => {
  it("of a batch run its members alone, in front of all others, once", () => {
    const subject = new Subject();
    const replies = [subject.ask([1]), subject.ask([2])];
    subject.runner.take();
    subject.ask([3]);
    subject.runner.retryAlone(failure);
    const sizes: number[][] = [];
    for (let batch = subject.runner.take(); batch !== undefined; batch = subject.runner.take()) {
      sizes.push(batch.entries.flatMap((entry) => valuesOf(entry.inputs[0]!)));
      subject.runner.succeed();
    }
    assert.deepEqual(sizes, [[1], [2], [3]]);
    assert.ok(replies.every(({ outcome }) => outcome === "ok"));
  });

  it("put back: what did not run waits on in its order", () => {
    const subject = new Subject();
    subject.ask([1]);
    subject.ask([2]);
    subject.runner.take();
    subject.ask([3]);
    subject.runner.putBack();
    assert.deepEqual(
      subject.runner.take()?.entries.flatMap((entry) => valuesOf(entry.inputs[0]!)),
      [1, 2, 3],
    );
  });
});

describe("preserve_ordering", () => {
  it("holds answers until all earlier ones have left", () => {
    const subject = new Subject({ max_batch_size: 1, dynamic_batching: { preserve_ordering: true } });
    const second = new FakeRunner(subject.model, subject.clock);
    const replies = [subject.ask([1]), subject.ask([2]), subject.ask([3])];
    subject.runner.take();
    second.take();
    second.succeed();
    assert.equal(replies[1]?.outcome, "waiting");
    subject.runner.succeed();
    assert.deepEqual(
      replies.map(({ outcome }) => outcome),
      ["ok", "ok", "waiting"],
    );
  });
});

describe("draining", () => {
  const draining = new InferenceError("draining", "by the test");

  it("answers what was accepted, refuses what comes, and then is done", async () => {
    const subject = new Subject();
    const waiting = subject.ask();
    let isDrained = false;
    const drained = subject.model.drain(draining).then(() => {
      isDrained = true;
    });
    assert.equal(subject.ask().outcome, "draining");
    subject.runner.take();
    await Promise.resolve();
    assert.equal(isDrained, false);
    subject.runner.succeed();
    await drained;
    assert.equal(waiting.outcome, "ok");
  });

  it("lets nobody in again, whatever becomes of the instances", async () => {
    const subject = new Subject();
    await subject.model.drain(new InferenceError("draining", "by the test"));
    subject.model.refuse(undefined);
    assert.equal(subject.ask().outcome, "draining");
  });

  it("is done at once when nothing is accepted, and may be asked for twice", async () => {
    const subject = new Subject();
    subject.ask();
    const both = [subject.model.drain(draining), subject.model.drain(draining)];
    subject.finish();
    await Promise.all(both);
    await subject.model.drain(draining);
  });

  it("is done when what waited has been dropped", async () => {
    const subject = new Subject();
    subject.ask([0], { deadlineMs: 1_020 });
    const drained = subject.model.drain(draining);
    subject.clock.advance(30);
    await drained;
  });
});

it("an answered caller may ask again at once", () => {
  const subject = new Subject({ max_batch_size: 2 });
  const again: RecordingReply[] = [];
  const first = new RecordingReply(() => again.push(subject.ask([5])));
  subject.model.infer(requestOf([floats("x", [1])]), contextOf({ deadlineMs: 1_010 }), first);
  subject.clock.advance(20);
  assert.equal(first.outcome, "deadline");
  subject.finish();
  assert.equal(again[0]?.outcome, "ok");
});

it("a caller whose request is dropped may ask again at once: nothing is lost while the queue is looked through", () => {
  const subject = new Subject({}, { maxQueueBytes: 40 });
  const signal = AbortSignal.abort();
  const again: RecordingReply[] = [];
  const first = new RecordingReply(() => again.push(subject.ask([1, 2, 3])));
  subject.model.infer(requestOf([floats("x", [1])]), contextOf({ signal }), first);
  const second = subject.ask([1], { signal });
  const third = subject.ask(new Array<number>(8).fill(7));
  subject.finish();
  assert.deepEqual([first.outcome, second.outcome, third.outcome], ["cancelled", "cancelled", "ok"]);
  assert.equal(again.length, 1);
  assert.ok(again[0]?.isEnded);
  assert.equal(subject.model.pending, 0);
});

it("a request that comes of a dropped one is run although nothing else comes", async () => {
  const subject = new SlotSubject();
  const model = await subject.add(1);
  model.ask();
  subject.clock.turn();
  const again: RecordingReply[] = [];
  const dropped = new RecordingReply(() => again.push(model.ask()));
  const context = contextOf({ signal: AbortSignal.abort() });
  model.model.infer(requestOf([floats("x", [1])]), context, dropped);
  await subject.finish();
  assert.equal(dropped.outcome, "cancelled");
  assert.deepEqual(
    again.map(({ outcome }) => outcome),
    ["ok"],
  );
});

/** One thing that can happen to models in a process. */
const anAction = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("ask" as const),
      model: fc.nat(1),
      rows: fc.integer({ min: 1, max: 9 }),
      deadline: fc.option(fc.integer({ min: 1, max: 40 })),
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("answer" as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("fail" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("die" as const),
      how: fc.constantFrom("crash" as const, "timeout" as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("grow" as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 500 }) }) },
);

type Action = typeof anAction extends fc.Arbitrary<infer T> ? T : never;

/** The last row had nothing to join ahead of time and gave its turn away; then the process was replaced under it. */
const strandedByRecycling: [Action[], number] = [
  [
    { kind: "ask", model: 1, rows: 5, deadline: null },
    { kind: "grow" },
    { kind: "answer" },
    { kind: "ask", model: 1, rows: 3, deadline: null },
    { kind: "grow" },
  ],
  1,
];

it("answers every request exactly once, rightly, and counts back to zero, whatever fails", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anAction, { maxLength: 60 }), fc.nat(1), async (actions, prefetch) => {
      const subject = new SlotSubject({ prefetch, crashLoopLimit: 4, recycleBytes: 100 });
      const models = [
        await subject.add(1, { max_batch_size: 4 }),
        await subject.add(2, {
          max_batch_size: 2,
          dynamic_batching: { preserve_ordering: true, max_queue_delay_microseconds: 5_000 },
        }),
      ];
      const asked: { reply: RecordingReply; value: number; rows: number }[] = [];
      for (const action of actions) {
        if (action.kind === "ask") {
          const value = asked.length;
          const deadlineMs =
            action.deadline === null ? Number.POSITIVE_INFINITY : subject.clock.now() + action.deadline;
          asked.push({ reply: models[action.model]!.ask(value, action.rows, deadlineMs), value, rows: action.rows });
        } else if (action.kind === "answer") {
          subject.process.answer(3);
        } else if (action.kind === "fail") {
          if (subject.process.log.at(-1)?.startsWith("run")) subject.process.fail();
        } else if (action.kind === "die") {
          subject.process.die(action.how);
        } else if (action.kind === "grow") {
          subject.process.residentBytes = subject.process.residentBytes * 2 + 90;
        } else {
          subject.clock.advance(action.ms);
        }
        await subject.turn();
      }
      for (let minute = 0; minute < 3; minute++) {
        subject.clock.advance(61_000);
        await subject.finish();
      }
      for (const { reply, value, rows } of asked) {
        assert.ok(reply.isEnded, "a request without an answer");
        if (reply.response !== undefined)
          assert.deepEqual(valuesOf(reply.response.outputs[0]!), new Array(rows).fill(value));
      }
      for (const { model, observer, unavailable } of models) {
        assert.equal(model.pending, 0);
        assert.equal(unavailable, undefined);
        const ended = new Set(observer.ended);
        assert.equal(observer.ended.length, ended.size, "an end told twice");
        assert.ok(observer.admitted.every((record) => ended.has(record)));
      }
      assert.equal(models[0]!.observer.ended.length + models[1]!.observer.ended.length, asked.length);
      assert.equal(subject.processes.filter((process) => !process.hasExited).length, 1);
      subject.slot.kill();
    }),
    { numRuns: 2_000, examples: [strandedByRecycling] },
  );
});

describe("a model with a latency target", () => {
  /** One whose runs take 4 ms, to which many requests have come lately, and one that waits now. */
  const expectingMore = () => {
    const runTimes = new RunTimeModel();
    for (const rows of [1, 2, 4, 8]) runTimes.learn(0, rows, 4, 4);
    const subject = new Subject({}, { limits: { latencyTargetMs: 50 }, runTimes });
    for (let i = 0; i < 64; i++) subject.ask();
    for (let i = 0; i < 8; i++) {
      subject.runner.take();
      subject.runner.succeed(4);
    }
    subject.ask();
    return subject;
  };

  it("wakes its runners when the wait is over", () => {
    const subject = expectingMore();
    assert.equal(subject.runner.take(), undefined);
    const { offers } = subject.runner;
    subject.clock.advance(30);
    assert.equal(subject.runner.offers, offers);
    subject.clock.advance(16);
    assert.equal(subject.runner.offers, offers + 1);
    assert.equal(subject.runner.take()?.reason, "target");
  });

  it("does not wait while it is drained", () => {
    const subject = expectingMore();
    assert.equal(subject.runner.take(), undefined);
    void subject.model.drain(failure);
    assert.equal(subject.runner.take()?.reason, "drain");
    subject.runner.succeed();
  });

  it("learns what its runs take and tells its observers", () => {
    const subject = new Subject();
    for (const values of [[1], [1, 2], [1, 2, 3]]) {
      subject.ask(values);
      subject.runner.take();
      subject.runner.succeed(2 + values.length);
    }
    const record = subject.observer.batches.at(-1);
    assert.equal(record?.shapeBucket, "all");
    assert.ok(Math.abs((record?.runTime?.fixedMs ?? 0) - 2) < 1e-9);
    assert.ok(Math.abs((record?.runTime?.perRowMs ?? 0) - 1) < 1e-9);
    assert.equal(record?.runTime?.runs, 3);
  });
});

describe("admission", () => {
  const fixed: AdmissionPolicy = { ...openAdmission, mode: "fixed", limitRows: 4 };

  it("refuses a unary request beyond the limit with a pushback, and lets in again when others have ended", () => {
    const subject = new Subject({}, { admission: fixed });
    subject.ask([1, 2, 3]);
    const over = subject.ask([4, 5]);
    const refused = subject.ask([6], {}, { id: "six" });
    assert.equal(over.outcome, "waiting", "there was room when it came");
    assert.equal(refused.outcome, "concurrency_limit");
    assert.match(refused.error!.message, /request id: six\] Exceeds maximum queue size: admission lets in 4 rows/);
    assert.ok((refused.error?.retryAfterMs ?? 0) > 0);
    subject.finish();
    assert.equal(subject.ask([7]).outcome, "waiting");
  });

  it("tells observers the limit once it has run, and again only when it has changed", () => {
    const subject = new Subject({}, { admission: fixed });
    for (let i = 0; i < 3; i++) {
      subject.ask();
      subject.finish();
    }
    assert.deepEqual(subject.observer.admissionLimits, [4]);
    const open = new Subject();
    open.ask();
    open.finish();
    assert.deepEqual(open.observer.admissionLimits, []);
  });

  it("lets unary requests of an adaptive model wait less where their deadlines are near, and looks at no stream's", () => {
    const adaptive: AdmissionPolicy = {
      mode: "adaptive",
      limitRows: 4,
      minLimitRows: 1,
      maxLimitRows: 1_000_000,
      targetMs: 500,
      intervalMs: 100,
    };
    const limitAfter = (isStreamed: boolean) => {
      const subject = new Subject({}, { admission: adaptive, maxQueueRequests: 10_000 });
      for (let i = 0; i < 1000; i++) {
        subject.ask([1], { isStreamed, deadlineMs: subject.clock.now() + 100 });
      }
      while (subject.runner.take() !== undefined) subject.runner.succeed(1);
      return subject.observer.admissionLimits.at(-1) ?? 0;
    };
    assert.ok(limitAfter(false) < limitAfter(true) / 5, `${limitAfter(false)}, ${limitAfter(true)}`);
  });

  it("lets messages of streams in, and closes the gate for the next until some have ended", () => {
    const subject = new Subject({}, { admission: fixed });
    let turns = 0;
    const { gate } = subject.model;
    subject.ask([1, 2], { isStreamed: true });
    assert.equal(gate.isFull, true, "at half of the limit");
    gate.whenRoom(() => turns++);
    assert.equal(subject.ask([3, 4, 5], { isStreamed: true }).outcome, "waiting");
    assert.equal(turns, 0);
    subject.finish();
    assert.equal(turns, 1);
    assert.equal(gate.isFull, false);
  });

  it("opens the gate whichever way the messages end", () => {
    const endings: ((subject: Subject, abort: AbortController) => void)[] = [
      ({ model }) => model.failWaiting(failure),
      ({ runner }) => {
        runner.take();
        runner.fail(failure);
      },
      ({ runner }, abort) => {
        abort.abort();
        runner.take();
      },
    ];
    for (const end of endings) {
      const subject = new Subject({}, { admission: fixed });
      const abort = new AbortController();
      let turns = 0;
      subject.ask([1, 2], { isStreamed: true, signal: abort.signal });
      subject.model.gate.whenRoom(() => turns++);
      end(subject, abort);
      assert.deepEqual([turns, subject.model.gate.isFull], [1, false], String(end));
    }
  });

  it("lets a tenant in that has less than its share waiting, while another fills the limit", () => {
    const subject = new Subject({}, { admission: fixed });
    subject.ask([1, 2, 3, 4], { tenant: "loud" });
    assert.equal(subject.ask([5], { tenant: "loud" }).outcome, "concurrency_limit");
    assert.equal(subject.ask([6], { tenant: "quiet" }).outcome, "waiting");
    assert.equal(subject.ask([7], { tenant: "loud" }).outcome, "concurrency_limit");
  });

  it("a full queue answers with the time in which it drains", () => {
    const subject = new Subject({}, { maxQueueRequests: 40 });
    subject.ask([0]);
    subject.runner.take();
    subject.runner.succeed(100);
    for (let i = 0; i < 40; i++) subject.ask([i]);
    const { error } = subject.ask([41]);
    assert.equal(error?.reason, "queue_full");
    assert.ok(error!.retryAfterMs! >= 3200 && error!.retryAfterMs! <= 4800, `${error?.retryAfterMs} ms for 40 rows`);
  });

  it("counts every row out again, whatever happens", () => {
    const ending = fc.constantFrom("ok", "fail", "alone", "cancel", "back");
    const asked = fc.record({ rows: fc.integer({ min: 1, max: 20 }), isStreamed: fc.boolean(), ending });
    fc.assert(
      fc.property(fc.array(asked, { maxLength: 30 }), (list) => {
        const subject = new Subject({}, { admission: { ...fixed, limitRows: 50 } });
        const replies = list.map(({ rows, isStreamed, ending: how }) => {
          const abort = new AbortController();
          const reply = subject.ask(new Array<number>(rows).fill(1), { isStreamed, signal: abort.signal });
          if (how === "cancel") abort.abort();
          else if (subject.runner.take() !== undefined) {
            if (how === "fail") subject.runner.fail(failure);
            else if (how === "alone") subject.runner.retryAlone(failure);
            else if (how === "back") subject.runner.putBack();
            else subject.runner.succeed();
          }
          return reply;
        });
        subject.finish();
        assert.ok(replies.every(({ isEnded }) => isEnded));
        assert.equal(subject.model.rowsInFlight, 0);
        assert.equal(subject.model.gate.isFull, false);
      }),
    );
  });
});

describe("several tenants", () => {
  const fullOfA = (subject: Subject, count: number) =>
    Array.from({ length: count }, () => subject.ask([0], { tenant: "a" }));

  it("each find a place in a queue that one of them has filled; it loses its newest requests for that", () => {
    const subject = new Subject({ max_batch_size: 1 }, { maxQueueRequests: 10 });
    const a = fullOfA(subject, 10);
    assert.equal(subject.ask([0], { tenant: "a" }).outcome, "queue_full");
    const b = Array.from({ length: 10 }, () => subject.ask([0], { tenant: "b" }));
    assert.deepEqual(
      b.map(({ outcome }) => outcome),
      [...new Array<string>(5).fill("waiting"), ...new Array<string>(5).fill("queue_full")],
    );
    assert.deepEqual(
      a.map(({ outcome }) => outcome),
      [...new Array<string>(5).fill("waiting"), ...new Array<string>(5).fill("quota")],
    );
    assert.match(a.at(-1)?.error?.message ?? "", /more than its share/);
    assert.ok((a.at(-1)?.error?.retryAfterMs ?? 0) > 0);
    subject.finish();
    assert.equal(subject.model.pending, 0);
    assert.equal(subject.observer.ended.length, 21);
  });

  it("with little to ask are not kept waiting for the rows of one with a backlog", () => {
    const subject = new Subject({ max_batch_size: 8, dynamic_batching: {} }, { batchStretch: 1.2 });
    for (const rows of [8, 1, 8, 1]) {
      fullOfA(subject, rows); // a batch of 8 takes as long as 8 of a row
      subject.runner.take();
      subject.runner.succeed(10 * rows);
    }
    fullOfA(subject, 20);
    subject.ask([0, 0], { tenant: "b" });
    const sizes: (number | undefined)[] = [];
    while (subject.runner.take() !== undefined) {
      sizes.push(subject.runner.batch?.rows);
      subject.runner.succeed(10 * (subject.runner.batch?.rows ?? 0));
    }
    assert.ok(sizes.includes(3) || sizes.includes(2), `${sizes}`);
    assert.equal(
      sizes.reduce((sum = 0, rows = 0) => sum + rows, 0),
      22,
    );
    assert.ok(subject.observer.batches.some(({ reason }) => reason === "share"));
    const record = subject.observer.ended.find(({ context }) => context.tenant === "b")!;
    assert.ok(record.computeInferMs <= 30, `${record.computeInferMs}`);
  });

  it("share what the queue takes in bytes as well, and by weight", () => {
    const shares = sharesOf({ a: 3 });
    const subject = new Subject({ max_batch_size: 1 }, { maxQueueBytes: 160, shares }); // 40 requests of 4 bytes
    const a = fullOfA(subject, 40);
    const b = Array.from({ length: 40 }, () => subject.ask([0], { tenant: "b" }));
    assert.equal(a.filter(({ outcome }) => outcome === "waiting").length, 30);
    assert.equal(b.filter(({ outcome }) => outcome === "waiting").length, 10);
  });

  it("lose nothing to a request that is refused all the same: too large for the queue, or for its tenant's share", () => {
    const subject = new Subject({ max_batch_size: 1 }, { maxQueueRequests: 10 });
    const a = fullOfA(subject, 10);
    assert.equal(subject.ask(new Array<number>(11).fill(0), { tenant: "b" }).outcome, "too_large"); // a part a row
    assert.equal(subject.ask(new Array<number>(6).fill(0), { tenant: "b" }).outcome, "queue_full");
    const inBytes = new Subject({ max_batch_size: 64 }, { maxQueueBytes: 160 });
    a.push(...fullOfA(inBytes, 40));
    assert.equal(inBytes.ask(new Array<number>(30).fill(0), { tenant: "b" }).outcome, "queue_full"); // 120 bytes
    assert.deepEqual([...new Set(a.map(({ outcome }) => outcome))], ["waiting"]);
  });

  it("find a place in a full queue for all parts of a request", () => {
    const subject = new Subject({ max_batch_size: 1 }, { maxQueueRequests: 10 });
    const a = fullOfA(subject, 10);
    assert.equal(subject.ask([1, 2, 3], { tenant: "b" }).outcome, "waiting");
    assert.equal(a.filter(({ outcome }) => outcome === "quota").length, 3);
    subject.finish();
    assert.equal(subject.model.pending, 0);
  });

  it("do not lose a place to one who comes back at once when it is refused", () => {
    const subject = new Subject({ max_batch_size: 1 }, { maxQueueRequests: 4 });
    let again = 0;
    const insist = () => {
      if (again++ < 50)
        subject.model.infer(requestOf([floats("x", [0])]), contextOf({ tenant: "a" }), new RecordingReply(insist));
    };
    for (let count = 0; count < 4; count++) insist();
    const b = [1, 2].map(() => subject.ask([0], { tenant: "b" }));
    assert.deepEqual(
      b.map(({ outcome }) => outcome),
      ["waiting", "waiting"],
    );
  });

  it("pay for what fails alone, and not for failing together with others", () => {
    const subject = new Subject({ max_batch_size: 2 });
    const poison = [subject.ask([0], { tenant: "a" }), subject.ask([0], { tenant: "b" })];
    subject.runner.take();
    subject.runner.retryAlone(failure);
    subject.runner.take();
    subject.clock.advance(1_000); // a's alone
    subject.runner.fail(failure);
    subject.runner.take();
    subject.runner.succeed(10);
    assert.deepEqual(
      poison.map(({ outcome }) => outcome),
      ["runtime", "ok"],
    );
    const replies = ["a", "a", "b", "b", "b", "b"].map((tenant) => subject.ask([0], { tenant }));
    subject.runner.take();
    subject.runner.succeed(1);
    assert.deepEqual(
      replies.map(({ outcome }) => outcome),
      ["waiting", "waiting", "ok", "ok", "waiting", "waiting"],
    );
  });

  it("get no batch sent ahead while they share the model, and one alone does again after a while", () => {
    const subject = new Subject({ max_batch_size: 2 });
    for (const tenant of ["a", "b", "a", "b"]) subject.ask([0], { tenant });
    assert.equal(subject.model.take(true), undefined);
    subject.finish();
    subject.clock.advance(1_000);
    fullOfA(subject, 2); // b was last
    assert.equal(subject.model.take(true), undefined);
    subject.finish();
    subject.clock.advance(1_000);
    fullOfA(subject, 2);
    assert.equal(subject.model.take(true)?.rows, 2);
  });

  it("get the next batch sent ahead just before the one under way ends", () => {
    const subject = new Subject({ max_batch_size: 2 });
    for (let run = 0; run < 3; run++) {
      subject.ask([0, 0]);
      subject.runner.take();
      subject.runner.succeed(100);
    }
    for (const tenant of ["a", "a", "a", "a", "b"]) subject.ask([0], { tenant });
    subject.runner.take();
    const { offers } = subject.runner;
    assert.equal(subject.model.take(true), undefined);
    subject.clock.advance(80);
    assert.deepEqual([subject.model.take(true), subject.runner.offers], [undefined, offers]);
    subject.ask([0], { tenant: "b" }); // comes in time for the next batch
    subject.clock.advance(11);
    assert.equal(subject.runner.offers, offers + 2);
    const ahead = subject.model.take(true);
    assert.deepEqual(
      ahead?.entries.map(({ context }) => context.tenant),
      ["a", "b"],
    );
  });

  it("may ask for priorities as far as their share says", () => {
    const shares: TenantShares = { find: (name) => ({ name, weight: 1, highestPriority: name === "low" ? 2 : 1 }) };
    const dynamic_batching = { priority_levels: 2, default_priority_level: 2 };
    const subject = new Subject({ max_batch_size: 1, dynamic_batching }, { shares });
    for (const tenant of ["low", "high"]) {
      const replies = [2, 1].map((level) =>
        subject.ask([level], { tenant }, { parameters: new Map([["priority", level]]) }),
      );
      subject.runner.take();
      subject.runner.succeed();
      const first = tenant === "low" ? 0 : 1;
      assert.equal(replies[first]?.outcome, "ok", tenant);
      subject.finish();
    }
  });
});

describe("a deadline behind other requests", () => {
  /** A model that has shown that a batch of two takes 10 ms. */
  function measured(shares?: TenantShares): Subject {
    const subject = new Subject({ max_batch_size: 2 }, { shares });
    subject.ask([0, 0]);
    subject.runner.take();
    subject.runner.succeed(8); // and 2 for the other stages
    return subject;
  }

  const ask = (subject: Subject, inMs: number, tenant = "a") =>
    subject.ask([0], { tenant, deadlineMs: subject.clock.now() + inMs });

  it("is refused early when the work ahead takes longer, and says how long", () => {
    const subject = measured();
    for (let count = 0; count < 40; count++) subject.ask([0], { tenant: "a" }); // these are due later
    const replies = Array.from({ length: 30 }, () => ask(subject, 130));
    // Behind 26 rows, 13 batches of 10 ms and its own of 8 end too late.
    assert.equal(replies.filter(({ outcome }) => outcome === "waiting").length, 26);
    const refused = replies.at(-1)?.error;
    assert.equal(refused?.reason, "deadline");
    assert.equal(refused?.message, "the deadline is in 130 ms, and the answer could come in 138 ms, behind 26 rows");
    assert.equal(refused?.retryAfterMs, -1);
    assert.equal(ask(subject, 20).outcome, "waiting"); // goes before all of them
  });

  it("is not refused for what other shapes take, only for what those that wait are known to", () => {
    const { signature, ...rest } = echoDescription({ max_batch_size: 4 });
    const [x] = signature.inputs;
    const varied = { ...signature, inputs: [{ ...x!, dims: [-1] }] };
    const clock = new FakeClock();
    const limits = { maxBatchElements: 100 };
    const measurer = createMeasurer(varied, limits);
    const model = new BatchedModel(
      { ...rest, signature: varied },
      {
        clock,
        observers: new RecordingObserver(),
        maxQueueRequests: 1e3,
        maxQueueBytes: 1e6,
        slotBytes: 1e6,
        splitting: "never",
        limits,
        measurer,
      },
    );
    const runner = new FakeRunner(model, clock);
    const askWide = (columns: number, inMs = Number.POSITIVE_INFINITY) => {
      const reply = new RecordingReply();
      const input = floats("x", new Array<number>(columns).fill(1), columns);
      model.infer(requestOf([input]), contextOf({ deadlineMs: clock.now() + inMs }), reply);
      return reply;
    };
    const runAll = (runMs: number) => {
      while (runner.take() !== undefined) runner.succeed(runMs);
    };
    const refusedOf = (columns: number) => {
      const replies = Array.from({ length: 40 }, () => askWide(columns, 2_000));
      return replies.filter(({ error }) => error?.reason === "deadline").length;
    };
    const runWide = () => {
      for (let count = 0; count < 40; count++) askWide(90); // each a batch of its own, full by its elements
      runAll(100);
    };
    runWide();
    assert.ok(refusedOf(90) > 0);
    runAll(100);
    runWide();
    assert.equal(refusedOf(2), 0); // nothing is known of these
    runAll(1);
    for (let times = 0; times < 10; times++) runWide();
    assert.equal(refusedOf(2), 0); // and now that they are cheap
  });

  it("is not refused without one, however much there is to do", () => {
    const subject = measured();
    const replies = Array.from({ length: 90 }, () => subject.ask([0], { tenant: "a" }));
    assert.ok(replies.every(({ outcome }) => outcome === "waiting"));
  });

  it("counts other tenants only as far as they have their turns meanwhile", () => {
    const subject = measured();
    for (let count = 0; count < 80; count++) subject.ask([0], { tenant: "busy" }); // 400 ms of work
    assert.equal(ask(subject, 20, "quiet").outcome, "waiting"); // it goes first
    for (let count = 0; count < 9; count++) ask(subject, 5_000, "quiet");
    // Ten of its own and ten of the other's: 100 ms.
    assert.equal(ask(subject, 5_001, "quiet").outcome, "waiting");
    subject.model.failWaiting(failure);
    for (let count = 0; count < 80; count++) subject.ask([0], { tenant: "busy" });
    for (let count = 0; count < 10; count++) ask(subject, 125, "quiet");
    assert.equal(ask(subject, 126, "quiet").outcome, "waiting");
    for (let count = 0; count < 4; count++) ask(subject, 127, "quiet");
    assert.equal(ask(subject, 127, "quiet").outcome, "deadline");
  });

  it("corrects itself: once the model is faster again, the same request is let in", () => {
    const subject = measured();
    for (let count = 0; count < 20; count++) ask(subject, 200);
    assert.equal(ask(subject, 200).outcome, "waiting");
    for (let count = 0; count < 30; count++) ask(subject, 200);
    assert.equal(ask(subject, 200).outcome, "deadline");
    subject.runner.take();
    subject.runner.succeed(1);
    assert.equal(ask(subject, 200).outcome, "waiting");
  });
});

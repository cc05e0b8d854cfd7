import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { InferenceError } from "../../../src/errors.ts";
import type { SequencePlan } from "../../../src/model/sequence-plan.ts";
import { Sequence } from "../../../src/runtime/sequence/sequence.ts";
import type { SequenceEdge } from "../../support/sequence-calls.ts";
import { SequenceSubject } from "../../support/sequence-subject.ts";

const oldest: Partial<SequencePlan> = { strategy: { kind: "oldest", maxDelayMs: 0, preferredSizes: [4] } };

describe("a sequence", () => {
  it("keeps its row, and runs one request at a time in the order in which they came", () => {
    const subject = new SequenceSubject();
    subject.ask("a", "start");
    subject.ask("b", "start");
    subject.ask("a");
    subject.ask("a", "end");
    assert.equal(subject.take(), "0 1");
    subject.ask("b");
    subject.succeed();
    assert.equal(subject.take(), "2 4");
    subject.succeed();
    assert.equal(subject.take(), "3");
    subject.succeed();
    assert.deepEqual(subject.observer.sequenceEnds, ["end"]);
    assert.deepEqual(subject.observer.sequences, { active: 1, waiting: 0 });
  });

  it("gives its slot to the first that waits, once its last request has been answered", () => {
    const subject = new SequenceSubject({ slots: 1 }, {}, 1);
    subject.ask("a", "both");
    subject.ask("b", "both");
    subject.ask("c", "both");
    assert.equal(subject.take(), "0");
    subject.succeed();
    assert.equal(subject.take(), "1");
    subject.succeed();
    assert.equal(subject.take(), "2");
  });

  it("goes on after a failed run, whose request is not run again", () => {
    const subject = new SequenceSubject();
    const [first, second] = [subject.ask("a", "start"), subject.ask("a")];
    subject.take();
    subject.fail();
    assert.equal(first.reply.outcome, "runtime");
    assert.equal(subject.take(), "1");
    subject.succeed();
    assert.equal(second.reply.outcome, "ok");
  });

  it("waits on when its batch could not be handed over", () => {
    const subject = new SequenceSubject();
    subject.ask("a", "start");
    subject.ask("a");
    subject.take();
    subject.putBack();
    assert.equal(subject.take(), "0");
  });
});

describe("a sequence whose process has ended", () => {
  it("is lost with what runs and what waits, and says so for a while", () => {
    const subject = new SequenceSubject();
    const asked = [subject.ask("a", "start"), subject.ask("a")];
    subject.take();
    subject.die();
    asked.push(subject.ask("a"));
    assert.deepEqual(
      asked.map(({ reply }) => reply.outcome),
      ["sequence_lost", "sequence_lost", "sequence_lost"],
    );
    subject.clock.advance(70_000);
    subject.ask("b", "start");
    subject.finish();
    subject.clock.advance(2_000);
    assert.equal(subject.ask("a").reply.outcome, "invalid", "forgotten");
    assert.deepEqual(subject.observer.sequenceEnds, ["lost", "idle"]);
  });

  it("goes on where it has not begun, or begins again", () => {
    const subject = new SequenceSubject();
    const fresh = subject.ask("fresh", "start");
    subject.die();
    assert.equal(subject.take(), "0");
    subject.succeed();
    assert.equal(fresh.reply.outcome, "ok");
    const [old, again, more] = [subject.ask("fresh"), subject.ask("fresh", "start"), subject.ask("fresh")];
    subject.die();
    assert.deepEqual(
      [old, again].map(({ reply }) => reply.outcome),
      ["sequence_lost", "waiting"],
    );
    subject.finish();
    assert.deepEqual(
      [again, more].map(({ reply }) => reply.outcome),
      ["ok", "ok"],
    );
  });

  it("goes on when the model keeps no state", () => {
    const subject = new SequenceSubject({ states: [] });
    const [first, second] = [subject.ask("a", "start"), subject.ask("a")];
    subject.take();
    subject.die();
    assert.equal(first.reply.outcome, "runtime");
    subject.finish();
    assert.equal(second.reply.outcome, "ok");
  });
});

describe("a caller that does not wait", () => {
  it("cancels the whole sequence by a cancelled request, once that is its next", () => {
    const subject = new SequenceSubject();
    subject.ask("a", "start");
    subject.take();
    const left = new AbortController();
    const [second, third] = [subject.ask("a", "", { signal: left.signal }), subject.ask("a", "end")];
    left.abort();
    subject.succeed();
    assert.equal(subject.take(), undefined);
    assert.deepEqual(
      [second, third].map(({ reply }) => reply.outcome),
      ["cancelled", "cancelled"],
    );
    assert.deepEqual(subject.observer.sequences, { active: 0, waiting: 0 });
  });

  it("on a stream cancels what it waits for at once, but not what runs, nor a sequence that is idle", () => {
    const subject = new SequenceSubject();
    const left = new AbortController();
    const streamed = { isStreamed: true, signal: left.signal };
    subject.ask("idle", "start", streamed);
    subject.finish();
    const [running, waiting] = [subject.ask("a", "start", streamed), subject.ask("a", "", streamed)];
    assert.equal(subject.take(), "- 1");
    left.abort();
    assert.deepEqual(
      [running, waiting].map(({ reply }) => reply.outcome),
      ["waiting", "cancelled"],
    );
    subject.succeed();
    assert.equal(running.reply.outcome, "ok");
    assert.equal(subject.ask("a").reply.outcome, "invalid");
    assert.equal(subject.ask("idle", "end").reply.outcome, "waiting");
  });

  it("loses the sequence with a request whose deadline passes while it waits", () => {
    const subject = new SequenceSubject();
    subject.ask("a", "start");
    subject.take();
    const late = subject.ask("a", "", { deadlineMs: subject.clock.now() + 50 });
    const next = subject.ask("a");
    subject.clock.advance(51);
    assert.deepEqual(
      [late, next].map(({ reply }) => reply.outcome),
      ["deadline", "cancelled"],
    );
    subject.succeed();
    assert.deepEqual(subject.observer.sequences, { active: 0, waiting: 0 });
  });
});

describe("limits", () => {
  it("end a sequence that is idle, counted from its latest answer", () => {
    const subject = new SequenceSubject();
    subject.ask("a", "start");
    subject.take();
    subject.clock.advance(5_000); // a long run is not idleness
    subject.succeed();
    subject.clock.advance(990);
    assert.equal(subject.observer.sequences.active, 1);
    subject.clock.advance(1_020);
    assert.deepEqual([subject.observer.sequences.active, subject.observer.sequenceEnds], [0, ["idle"]]);
  });

  it("fail a sequence in the backlog when a timeout of it passes, and only there", () => {
    const subject = new SequenceSubject({ slots: 1 }, {}, 1);
    const holder = subject.ask("a", "start", {}, { timeout: 1_000 });
    const [late, also] = [subject.ask("b", "start"), subject.ask("b", "end", {}, { timeout: 5_000 })];
    subject.clock.advance(6);
    assert.deepEqual(
      [holder, late, also].map(({ reply }) => reply.outcome),
      ["waiting", "queue_timeout", "queue_timeout"],
    );
    assert.deepEqual(subject.observer.sequences, { active: 1, waiting: 0 });
  });

  it("refuse requests beyond the queue, and end a sequence that would go on without one", () => {
    const subject = new SequenceSubject({}, { maxQueueRequests: 2 });
    subject.ask("a", "start");
    subject.ask("a");
    assert.equal(subject.ask("b", "start").reply.outcome, "queue_full");
    assert.equal(subject.observer.sequences.active, 1, "the refused one has no slot");
    assert.equal(subject.ask("a").reply.outcome, "queue_full");
    assert.equal(subject.asked[0]?.reply.outcome, "waiting", "a unary caller may try again");
    const refused = subject.ask("a", "", { isStreamed: true });
    assert.deepEqual(
      [refused, subject.asked[0]].map((each) => each?.reply.outcome),
      ["queue_full", "cancelled"],
    );
  });

  it("end a sequence that found no room for its first state, and only that", () => {
    const subject = new SequenceSubject();
    subject.ask("a", "start");
    subject.finish();
    subject.ask("a");
    subject.ask("b", "start");
    subject.take();
    subject.fail(0, "too_large");
    assert.equal(subject.ask("a").reply.outcome, "waiting");
    assert.equal(subject.ask("b").reply.outcome, "invalid");
  });

  it("refuse new sequences while no instance can run, and fail what waits", () => {
    const subject = new SequenceSubject();
    const waiting = subject.ask("a", "start");
    subject.model.scheduler.setFailure(0, new InferenceError("restarting", "crashes"));
    assert.equal(waiting.reply.outcome, "restarting");
    assert.equal(subject.ask("b", "start").reply.outcome, "restarting");
    subject.model.scheduler.setFailure(0, undefined);
    assert.equal(subject.ask("b", "start").reply.outcome, "waiting");
  });
});

it("a model that is drained begins nothing and answers what it has accepted", async () => {
  const subject = new SequenceSubject();
  const first = subject.ask("a", "start");
  let isDrained = false;
  const drained = subject.model.drain(new InferenceError("draining", "stop")).then(() => (isDrained = true));
  const [next, refused] = [subject.ask("a"), subject.ask("b", "start")];
  subject.finish();
  await drained;
  assert.deepEqual(
    [first, next, refused].map(({ reply }) => reply.outcome),
    ["ok", "ok", "draining"],
  );
  assert.equal(isDrained, true);
  assert.equal(subject.ask("a").reply.outcome, "draining");
});

it("a model that is drained does not wait for slots that idle sequences hold", async () => {
  const subject = new SequenceSubject({ slots: 1, idleMs: 1e9 }, {}, 1);
  subject.ask("idle", "start");
  subject.finish();
  const waiting = subject.ask("b", "both");
  await subject.model.drain(new InferenceError("draining", "stop"));
  assert.equal(waiting.reply.outcome, "draining");
});

it("a model that was replaced lives until its sequences end, and each request finds the version that has its sequence", async () => {
  const [old, next] = [new SequenceSubject(), new SequenceSubject()];
  old.ask("a", "start");
  old.finish();
  next.model.follow(old.model, true);
  let isDrained = false;
  const drained = old.model.drain(new InferenceError("draining", "stop")).then(() => (isDrained = true));
  const goesOn = next.ask("a");
  assert.equal(old.take(), "0");
  old.succeed();
  assert.equal(goesOn.reply.outcome, "ok");
  assert.equal(isDrained, false);
  next.ask("b", "start");
  assert.equal(next.take(), "1");
  next.succeed();
  const last = next.ask("a", "end");
  old.finish();
  await drained;
  assert.equal(last.reply.outcome, "ok");
  assert.equal(next.ask("a").reply.outcome, "invalid");
});

it("a sequence that has begun again while its state was on its way to another version stays what it is", () => {
  const [old, next] = [new SequenceSubject(), new SequenceSubject()];
  old.ask("a", "start");
  old.finish();
  next.model.follow(old.model, true);
  const [original] = old.model.scheduler.quiet(0);
  const own = next.model.scheduler.reserve(original!)!;
  next.ask("a", "start");
  assert.equal(next.take(), "- 0");
  next.succeed();
  next.model.scheduler.adopt(old.model.scheduler, original!, own, 0);
  next.ask("a");
  assert.equal(next.take(), "- 1", "in its own slot, with its own state");
  next.succeed();
  next.ask("b", "start");
  assert.equal(next.take(), "2", "the slot that was kept is free again");
});

it("a request that asks for a version is not answered by another one", () => {
  const old = new SequenceSubject();
  const next = new SequenceSubject({}, {}, 4, "2");
  next.model.follow(old.model, false);
  old.ask("a", "start");
  old.finish();
  next.modelVersion = "2";
  assert.equal(next.ask("a").reply.outcome, "invalid");
  next.modelVersion = "";
  assert.equal(next.ask("a").reply.outcome, "waiting", "it does not ask for one");
  assert.equal(old.take(), "1");
});

describe("the state of a sequence that ended before its END", () => {
  const leftovers = (subject: SequenceSubject) => subject.running[0]?.leftovers;

  it("is let go of with the next batch, unless another sequence has its slot by then", () => {
    const subject = new SequenceSubject();
    for (const id of ["a", "b", "c"]) subject.ask(id, "start");
    subject.finish();
    subject.clock.advance(500);
    subject.ask("c");
    subject.finish();
    subject.clock.advance(600);
    subject.ask("d", "start");
    assert.equal(subject.take(), "4");
    assert.deepEqual(leftovers(subject), [1], "a's was replaced, b's is nobody's, c lives");
    subject.succeed();
    subject.ask("d");
    subject.take();
    assert.deepEqual(leftovers(subject), [], "once");
  });

  it("is let go of after a cancellation during a run, not after an END, which took it along", () => {
    const subject = new SequenceSubject();
    const left = new AbortController();
    subject.ask("a", "start", { isStreamed: true, signal: left.signal });
    subject.ask("b", "both");
    subject.ask("a", "", { isStreamed: true, signal: left.signal });
    subject.ask("c", "start");
    subject.take();
    left.abort();
    subject.succeed();
    subject.ask("c");
    subject.take();
    assert.deepEqual(leftovers(subject), [0]);
  });

  it("is let go of after a last run that failed", () => {
    const subject = new SequenceSubject();
    subject.ask("a", "both");
    subject.take();
    subject.fail();
    subject.ask("b", "start");
    subject.ask("c", "start");
    subject.take();
    assert.deepEqual(leftovers(subject), [], "b has its slot");
  });

  it("is nobody's concern where the model has none", () => {
    const subject = new SequenceSubject({ states: [] });
    for (const id of ["a", "b"]) subject.ask(id, "start");
    subject.finish();
    subject.clock.advance(2_000);
    subject.ask("c", "start");
    subject.take();
    assert.deepEqual(leftovers(subject), []);
  });

  it("is let go of in parts where it is that of very many sequences, which end without looking at them all each time", () => {
    const many = 10_000;
    const limits = { maxQueueRequests: many, maxQueueBytes: 1e9 };
    const subject = new SequenceSubject({ ...oldest, slots: many }, limits);
    for (let i = 1; i <= many; i++) {
      subject.ask(i, "start");
      subject.take();
      subject.succeed();
      subject.clock.advance(0.05);
    }
    let looks = 0;
    const { isQuiet } = Object.getOwnPropertyDescriptors(Sequence.prototype);
    Object.defineProperty(Sequence.prototype, "isQuiet", {
      configurable: true,
      get(this: Sequence) {
        looks++;
        return isQuiet.get?.call(this) as boolean;
      },
    });
    for (let ms = 0; ms < 2_000; ms++) subject.clock.advance(1);
    Object.defineProperty(Sequence.prototype, "isQuiet", isQuiet);
    assert.equal(subject.observer.sequences.active, 0);
    assert.ok(looks < 250 * many, `${looks} looks`);
    const dropped = new Set<number>();
    for (let run = 0; run < 50; run++) {
      subject.ask("x", run === 0 ? "start" : "");
      subject.take();
      for (const slot of leftovers(subject) ?? []) dropped.add(slot);
      subject.succeed();
    }
    assert.equal(dropped.size, many - 1);
  });
});

it("a text as id has a length that a server can keep", () => {
  const subject = new SequenceSubject();
  assert.equal(subject.ask("é".repeat(64), "start").reply.outcome, "waiting");
  assert.equal(subject.ask(`${"é".repeat(64)}x`, "start").reply.outcome, "invalid");
});

describe("whatever happens", () => {
  const id = fc.integer({ min: 1, max: 7 });
  const step = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant("ask" as const),
        id,
        edge: fc.constantFrom<SequenceEdge>("start", "", "", "", "end", "both"),
        mood: fc.constantFrom("calm", "calm", "calm", "late", "leaves"),
      }),
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constant("run" as const), instance: fc.nat({ max: 1 }) }) },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constantFrom("succeed" as const, "succeed" as const, "fail" as const),
        instance: fc.nat({ max: 1 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constantFrom("die" as const, "break" as const, "mend" as const),
        instance: fc.nat({ max: 1 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 1_500 }) }) },
  );

  for (const strategy of ["direct", "oldest"] as const) {
    it(`${strategy}: every request is answered once, sequences run in order, one request at a time, never beyond the slots`, () => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 120 }), fc.integer({ min: 1, max: 3 }), (steps, slots) => {
          const plan = strategy === "oldest" ? { ...oldest, slots } : { slots };
          const subject = new SequenceSubject(
            plan,
            { instances: 2, maxBacklogSequences: 2 },
            strategy === "oldest" ? 4 : slots,
          );
          const latest = new Map<unknown, number>();
          const check = (instance: number, rows: string | undefined): void => {
            if (rows === undefined) return;
            const batch = subject.running[instance]!;
            const present = batch.rows.filter((row) => row !== undefined);
            assert.ok(present.length > 0 && batch.rows.length <= 4);
            assert.equal(new Set(present.map(({ sequence }) => sequence)).size, present.length, "one row a sequence");
            assert.equal(new Set(present.map(({ slot }) => slot)).size, present.length, "one row a slot");
            for (const { item, slot, sequence } of present) {
              assert.ok(slot < slots);
              if (strategy === "direct") assert.equal(batch.rows[slot]?.item, item, "in the row of its slot");
              const number = subject.asked.findIndex(({ reply }) => reply === item.entry.reply);
              assert.ok(number > (latest.get(sequence) ?? -1), "in order");
              latest.set(sequence, number);
            }
          };
          for (const each of steps) {
            if (each.do === "ask") {
              const left = new AbortController();
              const deadlineMs = each.mood === "late" ? subject.clock.now() + 10 : Number.POSITIVE_INFINITY;
              subject.ask(each.id, each.edge, { deadlineMs, signal: left.signal, isStreamed: each.mood === "leaves" });
              if (each.mood === "leaves") left.abort();
            } else if (each.do === "wait") subject.clock.advance(each.ms);
            else if (each.do === "break") {
              subject.die(each.instance);
              subject.model.scheduler.setFailure(each.instance, new InferenceError("restarting", "by the test"));
            } else if (each.do === "mend") subject.model.scheduler.setFailure(each.instance, undefined);
            else if (each.do === "die") subject.die(each.instance);
            else if (each.do === "run") {
              if (subject.running[each.instance] === undefined) check(each.instance, subject.take(each.instance));
            } else if (subject.running[each.instance] !== undefined) subject[each.do](each.instance);
            assert.ok(subject.observer.sequences.active <= 2 * slots);
            assert.ok(subject.observer.sequences.waiting <= 2);
          }
          for (const instance of [0, 1]) subject.model.scheduler.setFailure(instance, undefined);
          // Whoever still has a slot gives it up when it is idle, so that the backlog empties.
          for (let i = 0; i < 20; i++) {
            subject.finish();
            subject.clock.advance(1_100);
          }
          for (const { reply } of subject.asked) assert.notEqual(reply.outcome, "waiting");
          assert.deepEqual(subject.observer.sequences, { active: 0, waiting: 0 });
          assert.equal(subject.model.pending, 0);
          assert.equal(subject.observer.ended.length, subject.asked.length);
        }),
        { numRuns: 300 },
      );
    });
  }
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type SlotModel, SlotSubject } from "../../support/process-slot-subject.ts";
import { valuesOf } from "../../support/runtime-requests.ts";

const values = (model: SlotModel) => model.replies.map(({ response }) => response && valuesOf(response.outputs[0]!)[0]);

describe("a slot", () => {
  it("starts its process with the first thing to do", async () => {
    const subject = new SlotSubject();
    assert.equal(subject.processes.length, 0);
    const model = await subject.add(1);
    const reply = model.ask(7);
    await subject.answer();
    assert.equal(valuesOf(reply.response!.outputs[0]!)[0], 7);
    assert.deepEqual(subject.process.log, ["load 1", "run 1"]);
    assert.deepEqual(subject.events, ["started"]);
  });

  it("sees together what arrives in one turn", async () => {
    const subject = new SlotSubject();
    const model = await subject.add(1);
    for (let i = 0; i < 5; i++) model.ask(i);
    await subject.answer();
    assert.deepEqual(model.outcomes, new Array(5).fill("ok"));
    assert.deepEqual(values(model), [0, 1, 2, 3, 4]);
    assert.equal(subject.process.log.length, 2);
  });

  it("runs one batch at a time, or two with prefetching", async () => {
    for (const prefetch of [0, 1]) {
      const subject = new SlotSubject({ prefetch });
      const model = await subject.add(1, { max_batch_size: 1 });
      for (let i = 0; i < 5; i++) model.ask(i);
      subject.clock.turn();
      assert.equal(subject.process.pending, 1 + prefetch);
      await subject.finish();
      assert.deepEqual(values(model), [0, 1, 2, 3, 4]);
    }
  });

  it("lets a load in between two batches of a busy model, and the model between two loads", async () => {
    const subject = new SlotSubject();
    const model = await subject.add(1, { max_batch_size: 1 });
    for (let i = 0; i < 4; i++) model.ask(i);
    subject.clock.turn();
    const loads = [2, 3].map((sessionId) => subject.slot.control({ ...model.instance.loadRequest, sessionId }, 1_000));
    await subject.finish();
    await Promise.all(loads);
    assert.deepEqual(subject.process.log.slice(1), ["run 1", "load 2", "run 1", "load 3", "run 1", "run 1"]);
  });

  it("unloads a model that leaves, and gives it nothing more", async () => {
    const subject = new SlotSubject();
    const model = await subject.add(1);
    const removed = subject.slot.remove(model.instance);
    await subject.finish();
    await removed;
    assert.deepEqual(subject.process.log, ["load 1", "unload 1"]);
    model.ask();
    await subject.turn();
    assert.equal(subject.process.pending, 0);
  });

  it("gives the arena back once it has been idle", async () => {
    const subject = new SlotSubject();
    const model = await subject.add(1);
    model.ask();
    await subject.answer();
    subject.clock.advance(1_500);
    model.ask();
    await subject.answer();
    subject.clock.advance(1_500);
    assert.equal(subject.process.trims, 0);
    subject.clock.advance(1_000);
    assert.equal(subject.process.trims, 1);
  });

  it("gives the arena back after a run that was under way when it last looked", async () => {
    const subject = new SlotSubject();
    const model = await subject.add(1);
    model.ask();
    subject.clock.turn();
    subject.clock.advance(5_000);
    assert.equal(subject.process.trims, 0);
    await subject.answer();
    subject.clock.advance(2_000);
    assert.equal(subject.process.trims, 1);
  });
});

describe("fairness", () => {
  /** Lets models with always more work share a process; returns the time that each had after each run. */
  async function share(costs: readonly number[], runs: number, isFailing: readonly boolean[] = []) {
    const subject = new SlotSubject();
    const models: SlotModel[] = [];
    for (const index of costs.keys()) models.push(await subject.add(index + 1, { max_batch_size: 1 }));
    for (const model of models) for (let i = 0; i < runs + 1; i++) model.ask();
    const time = costs.map(() => 0);
    const history: number[][] = [];
    subject.clock.turn();
    for (let run = 0; run < runs; run++) {
      const index = Number(subject.process.log.at(-1)?.split(" ")[1]) - 1;
      const cost = costs[index] as number;
      time[index] = (time[index] ?? 0) + cost;
      history.push([...time]);
      subject.clock.advance(cost);
      if (isFailing[index]) subject.process.fail();
      else subject.process.answer(cost - 2); // reading and writing take a millisecond each
      await subject.turn();
    }
    return history;
  }

  it("gives two backlogged models the same time, give or take one run of each", async () => {
    for (const costs of [
      [10, 10],
      [3, 100],
      [250, 7],
    ] as const) {
      for (const [a = 0, b = 0] of await share(costs, 200))
        assert.ok(Math.abs(a - b) <= costs[0] + costs[1], `${a} and ${b}`);
    }
  });

  it("also among many", async () => {
    const costs = [5, 20, 80, 40];
    const last = (await share(costs, 400)).at(-1)!;
    for (const time of last) assert.ok(Math.max(...last) - time <= 160, `${last}`);
  });

  it("charges runs that fail as well", async () => {
    for (const [a = 0, b = 0] of await share([50, 50], 100, [true, false]))
      assert.ok(Math.abs(a - b) <= 100, `${a} and ${b}`);
  });

  it("gives a model that was idle no credit for that", async () => {
    const subject = new SlotSubject();
    const busy = await subject.add(1, { max_batch_size: 1 });
    const idle = await subject.add(2, { max_batch_size: 1 });
    for (let i = 0; i < 30; i++) busy.ask();
    for (let i = 0; i < 20; i++) await subject.answer(100);
    for (let i = 0; i < 10; i++) idle.ask();
    const before = subject.process.log.length;
    for (let i = 0; i < 8; i++) await subject.answer(100);
    const runs = subject.process.log.slice(before, before + 8);
    assert.ok(runs.filter((line) => line === "run 1").length >= 3, `${runs}`);
  });
});

describe("a failed run", () => {
  it("is repeated for each member alone, so that only the culprit fails", async () => {
    const subject = new SlotSubject();
    const model = await subject.add(1);
    for (let i = 0; i < 3; i++) model.ask(i);
    subject.clock.turn();
    subject.process.fail();
    await subject.turn();
    await subject.answer();
    subject.process.fail();
    await subject.finish();
    assert.deepEqual(model.outcomes, ["ok", "runtime", "ok"]);
    assert.deepEqual(
      model.observer.batches.map(({ rows, reason }) => `${rows} ${reason}`),
      ["3 idle", "1 retry", "1 retry", "1 retry"],
    );
  });

  it("of outputs beyond the arena tells which option to change", async () => {
    const subject = new SlotSubject();
    const model = await subject.add(1);
    const reply = model.ask();
    subject.clock.turn();
    subject.process.fail("too_large");
    assert.equal(reply.error?.reason, "too_large");
    assert.match(reply.error?.message ?? "", /--arena-max-bytes/);
  });
});

describe("after a death", () => {
  it("runs again what was under way, each alone, before all else, and loses nothing", async () => {
    const subject = new SlotSubject();
    const model = await subject.add(1);
    for (let i = 0; i < 3; i++) model.ask(i);
    subject.clock.turn();
    for (let i = 3; i < 5; i++) model.ask(i);
    subject.process.die("crash");
    assert.deepEqual(model.outcomes, new Array(5).fill("waiting"));
    await subject.finish();
    assert.deepEqual(values(model), [0, 1, 2, 3, 4]);
    assert.deepEqual(subject.process.log, ["load 1", "run 1", "run 1", "run 1", "run 1"]);
    assert.deepEqual(
      model.observer.batches.map(({ rows, error }) => [rows, error?.reason]),
      [
        [3, "runtime"],
        [1, undefined],
        [1, undefined],
        [1, undefined],
        [2, undefined],
      ],
    );
  });

  it("loads first those for which requests wait", async () => {
    const subject = new SlotSubject();
    const models = [await subject.add(1), await subject.add(2), await subject.add(3)];
    subject.process.die("crash");
    models[2]?.ask();
    await subject.finish();
    assert.equal(subject.processes.length, 2);
    // The first load began with the death itself; what arrived meanwhile goes before the rest.
    assert.deepEqual(
      subject.process.log.filter((line) => line.startsWith("load")),
      ["load 1", "load 3", "load 2"],
    );
  });

  it("puts back a batch that had not begun, without holding the death against it", async () => {
    const subject = new SlotSubject({ prefetch: 1 });
    const model = await subject.add(1, { max_batch_size: 1 });
    model.ask(1);
    model.ask(2);
    subject.clock.turn();
    for (let i = 0; i < 2; i++) {
      subject.process.die("crash");
      await subject.turn();
      await subject.answer();
    }
    await subject.finish();
    assert.deepEqual(model.outcomes, ["runtime", "ok"]);
  });

  it("a run that kills the process alone fails, and its model and the neighbours serve on", async () => {
    const subject = new SlotSubject();
    const [model, neighbour] = [await subject.add(1), await subject.add(2)];
    for (let i = 0; i < 20; i++) {
      const poison = model.ask();
      for (let death = 0; death < 2; death++) {
        await subject.turn();
        while (subject.process.log.at(-1) !== "run 1") await subject.answer();
        subject.process.die("crash");
      }
      assert.equal(poison.outcome, "runtime");
      assert.equal(model.unavailable ?? neighbour.unavailable, undefined, `poison ${i}`);
      neighbour.ask();
      await subject.finish();
    }
    model.ask();
    await subject.finish();
    assert.equal(model.replies.at(-1)?.outcome, "ok");
    assert.ok(neighbour.outcomes.every((outcome) => outcome === "ok"));
  });

  it("a crash under one model's run counts against no other, though that was about to be loaded", async () => {
    const subject = new SlotSubject({ crashLoopLimit: 3 });
    const [culprit, neighbour] = [await subject.add(1), await subject.add(2)];
    for (let i = 0; i < 10; i++) culprit.ask();
    for (let death = 0; death < 3; death++) {
      await subject.turn();
      while (subject.process.log.at(-1) !== "run 1") await subject.answer();
      subject.process.die("crash");
      subject.clock.advance(1_000);
    }
    await subject.finish();
    assert.equal(neighbour.unavailable, undefined);
    neighbour.ask(1);
    await subject.finish();
    assert.deepEqual(values(neighbour), [1]);
    for (const { log } of subject.processes)
      assert.equal(
        new Set(log.filter((line) => line.startsWith("load"))).size,
        log.filter((line) => line.startsWith("load")).length,
        `${log}`,
      );
  });

  it("loads each session once, also those whose turn had not come when the process died again", async () => {
    const subject = new SlotSubject();
    const culprit = await subject.add(1);
    await subject.add(2);
    subject.process.die("crash");
    culprit.ask();
    await subject.answer();
    assert.deepEqual(subject.process.log, ["load 1", "run 1"], "the load of 2 waits behind a run");
    subject.process.die("crash");
    await subject.finish();
    assert.deepEqual(subject.process.log, ["load 2"], "1 waits for a moment after two crashes");
    subject.clock.advance(1_000);
    await subject.finish();
    assert.deepEqual(subject.process.log, ["load 2", "load 1", "run 1"]);
  });

  it("unloads a model again that left while it was loaded again", async () => {
    const subject = new SlotSubject();
    const [model, neighbour] = [await subject.add(1), await subject.add(2)];
    subject.process.die("crash");
    assert.deepEqual(subject.process.log, ["load 1"]);
    await subject.slot.remove(model.instance);
    await subject.finish();
    assert.deepEqual([...subject.process.sessions], [neighbour.sessionId]);
  });

  it("a load that waited does not wait for residents that have to", async () => {
    const subject = new SlotSubject();
    const model = await subject.add(1);
    subject.process.die("crash");
    await subject.finish();
    model.ask();
    subject.clock.turn();
    const load = subject.slot.control({ ...model.instance.loadRequest, sessionId: 2 }, 1_000);
    subject.process.die("crash");
    await subject.finish();
    assert.deepEqual(subject.process.log, ["load 2"], "at once, while 1 waits for a moment after two crashes");
    await load;
  });

  it("a crash under a new model's load counts against no resident", async () => {
    const subject = new SlotSubject({ crashLoopLimit: 1 });
    const model = await subject.add(1);
    const load = subject.slot.control({ ...model.instance.loadRequest, sessionId: 2 }, 10);
    subject.process.die("crash");
    await assert.rejects(load);
    assert.equal(model.unavailable, undefined);
    model.ask(1);
    await subject.finish();
    assert.deepEqual(values(model), [1]);
  });

  it("a run beyond its limit is not repeated; what waits behind it is run", async () => {
    const subject = new SlotSubject();
    const model = await subject.add(1, { max_batch_size: 2 });
    for (let i = 0; i < 3; i++) model.ask(i);
    subject.clock.turn();
    subject.process.die("timeout");
    await subject.finish();
    assert.deepEqual(model.outcomes, ["runtime", "runtime", "ok"]);
  });

  it("keeps requests waiting through short restarts", async () => {
    const subject = new SlotSubject({ crashLoopLimit: 4 });
    const model = await subject.add(1);
    for (let i = 0; i < 3; i++) {
      subject.process.die("crash");
      model.ask(i);
      subject.clock.advance(1_000);
      await subject.finish();
    }
    assert.deepEqual(values(model), [0, 1, 2]);
  });

  it("waits longer from crash to crash, and gives up for a minute at the limit", async () => {
    const subject = new SlotSubject({ crashLoopLimit: 4 });
    const model = await subject.add(1);
    const waits: number[] = [];
    for (let i = 0; i < 4; i++) {
      subject.process.die("crash");
      await subject.turn();
      const before = subject.processes.length;
      const diedMs = subject.clock.now();
      if (before === i + 1)
        while (subject.processes.length === before) {
          subject.clock.advance(1);
          if (subject.clock.now() - diedMs > 100_000) assert.fail("never started again");
        }
      waits.push(subject.clock.now() - diedMs);
      if (i < 3) assert.equal(model.unavailable, undefined);
      await subject.finish();
    }
    assert.ok(waits[0] === 0 && waits[1]! >= 100 && waits[1]! < 110 && waits[2]! >= 200 && waits[2]! < 210, `${waits}`);
    assert.ok(waits[3]! > 58_000 && waits[3]! <= 60_000, `${waits}`);
    assert.equal(model.unavailable, undefined, "loaded again after the minute");
  });

  it("fails what waits, with the time to come back, while the breaker is open", async () => {
    const subject = new SlotSubject({ crashLoopLimit: 1 });
    const model = await subject.add(1);
    model.ask();
    subject.process.die("crash");
    assert.deepEqual(model.outcomes, ["restarting"]);
    assert.ok((model.replies[0]?.error?.retryAfterMs ?? 0) > 50_000);
    assert.equal(model.ask().outcome, "restarting");
    subject.clock.advance(60_010);
    await subject.finish();
    assert.equal(model.unavailable, undefined);
    model.ask();
    await subject.finish();
    assert.equal(model.replies.at(-1)?.outcome, "ok");
  });

  it("a model that crashes while it is loaded again does not keep its neighbours out", async () => {
    const subject = new SlotSubject({ crashLoopLimit: 3 });
    const [culprit, neighbour] = [await subject.add(1), await subject.add(2)];
    culprit.ask();
    await subject.turn();
    subject.process.die("crash");
    for (let step = 0; step < 200; step++) {
      await subject.turn();
      if (subject.process.log.at(-1) === "load 1" && subject.process.pending > 0) subject.process.die("crash");
      else subject.process.answer();
      subject.clock.advance(20);
    }
    assert.equal(culprit.unavailable?.reason, "restarting");
    assert.deepEqual(culprit.outcomes, ["restarting"]);
    assert.equal(neighbour.unavailable, undefined);
    neighbour.ask(5);
    await subject.finish();
    assert.deepEqual(values(neighbour), [5]);
  });

  it("a session that cannot be loaded again fails its requests, and is tried again later", async () => {
    const subject = new SlotSubject();
    const model = await subject.add(1);
    subject.process.die("crash");
    model.ask();
    await subject.turn();
    subject.process.fail("refused");
    await subject.turn();
    assert.deepEqual(model.outcomes, ["restarting"]);
    subject.clock.advance(11_000);
    await subject.finish();
    model.ask(3);
    await subject.finish();
    assert.deepEqual(values(model)[1], 3);
  });

  it("a death while nothing is under way loads everything again", async () => {
    const subject = new SlotSubject();
    const [a, b] = [await subject.add(1), await subject.add(2)];
    subject.process.die("crash");
    await subject.finish();
    a.ask(1);
    b.ask(2);
    await subject.finish();
    assert.deepEqual([...values(a), ...values(b)], [1, 2]);
    assert.equal(subject.processes.length, 2);
  });

  it("a process that cannot be started counts as a crash, and the next attempt follows", async () => {
    const subject = new SlotSubject();
    const model = await subject.add(1);
    model.ask(4);
    subject.failingStarts = 3;
    subject.process.die("crash");
    await subject.turn();
    assert.deepEqual(model.outcomes, ["waiting"]);
    subject.clock.advance(5_000);
    await subject.finish();
    assert.deepEqual(values(model), [4]);
  });

  it("tells whoever asks for something that no process can be started", async () => {
    const subject = new SlotSubject();
    subject.failingStarts = 1;
    await assert.rejects(subject.slot.control({ operation: "devices" }, 10), /no more processes/);
  });

  it("rejects a load under which the process dies, and goes on with the next", async () => {
    const subject = new SlotSubject();
    const model = await subject.add(1);
    const load = (sessionId: number) => subject.slot.control({ ...model.instance.loadRequest, sessionId }, 10);
    const [first, second] = [load(2), load(3)];
    first.catch(() => {});
    subject.process.die("crash");
    await assert.rejects(first, { name: "RuntimeProcessDied" });
    await subject.finish();
    await second;
    assert.ok(subject.process.sessions.has(3) && subject.process.sessions.has(1));
  });
});

describe("a session that was loaded under another generation", () => {
  for (const hasNeighbour of [false, true]) {
    it(`is loaded again before it runs, ${hasNeighbour ? "beside others" : "as the first of its slot"}`, async () => {
      const subject = new SlotSubject();
      if (hasNeighbour) await subject.add(9);
      const { model, generation } = await subject.load(1);
      subject.process.die("crash");
      await subject.turn();
      subject.slot.add(model.instance, generation);
      model.ask(6);
      await subject.finish();
      assert.deepEqual(values(model), [6]);
    });
  }
});

describe("recycling", () => {
  async function grow(subject: SlotSubject, model: SlotModel) {
    subject.process.residentBytes = 100;
    model.ask(-1);
    await subject.answer();
    subject.process.residentBytes = 1_000;
    model.ask(-2);
    await subject.answer();
  }

  it("replaces a process that has grown, and no request notices", async () => {
    const subject = new SlotSubject({ recycleBytes: 500 });
    const [model, neighbour] = [await subject.add(1, { max_batch_size: 1 }), await subject.add(2)];
    const old = subject.process;
    await grow(subject, model);
    assert.equal(subject.processes.length, 2, "the replacement loads beside the old one");
    model.ask(1);
    subject.clock.turn();
    assert.equal(old.log.at(-1), "run 1", "the old one still serves");
    subject.process.answer();
    await subject.turn();
    subject.process.answer();
    await subject.turn();
    assert.equal(old.isStopping, true);
    assert.equal(old.hasExited, false, "it finishes what it has under way");
    model.ask(2);
    neighbour.ask(3);
    await subject.finish();
    assert.deepEqual(values(model), [-1, -2, 1, 2]);
    assert.deepEqual(values(neighbour), [3]);
    assert.equal(old.hasExited, true);
    assert.deepEqual(subject.process.log, ["load 1", "load 2", "run 1", "run 2"]);
    assert.deepEqual(subject.events, ["started", "memory", "started", "stopped"]);
  });

  it("lets a session take along what it remembers, while nothing runs", async () => {
    const subject = new SlotSubject({ recycleBytes: 500 });
    const model = await subject.add(1, { max_batch_size: 1 });
    const moves: [unknown, unknown][] = [];
    const moved = Promise.withResolvers<void>();
    Object.assign(model.instance, {
      move: (from: unknown, to: unknown) => {
        moves.push([from, to]);
        return moved.promise;
      },
    });
    const old = subject.process;
    await grow(subject, model);
    model.ask(1);
    subject.clock.turn();
    await subject.answer(); // the load in the new one
    assert.deepEqual(moves, [], "not under a run");
    old.answer();
    await subject.turn();
    assert.deepEqual(moves, [[old, subject.process]]);
    model.ask(2);
    await subject.turn();
    assert.deepEqual([old.pending, subject.process.pending], [0, 0], "nothing runs meanwhile");
    moved.resolve();
    await subject.finish();
    assert.deepEqual(values(model), [-1, -2, 1, 2]);
    assert.equal(subject.process.log.at(-1), "run 1");
    assert.equal(old.hasExited, true);
  });

  it("goes on with the old process when a session cannot move", async () => {
    const subject = new SlotSubject({ recycleBytes: 500 });
    const model = await subject.add(1);
    Object.assign(model.instance, { move: () => Promise.reject(new Error("by the test")) });
    const old = subject.process;
    await grow(subject, model);
    await subject.answer();
    model.ask(1);
    subject.clock.turn();
    old.answer();
    await subject.finish();
    assert.deepEqual(values(model), [-1, -2, 1]);
    assert.deepEqual([old.hasExited, subject.process.hasExited], [false, true]);
  });

  it("tells a session that its process has ended, after what was under way has heard of it", async () => {
    const subject = new SlotSubject();
    const model = await subject.add(1);
    const heard: string[] = [];
    Object.assign(model.instance, { onLost: () => heard.push(`lost, ${model.model.hasWaiting ? "back" : "gone"}`) });
    model.ask(1);
    subject.clock.turn();
    subject.process.die("crash");
    assert.deepEqual(heard, ["lost, back"]);
  });

  it("does not replace a process that merely is as large as its models", async () => {
    const subject = new SlotSubject({ recycleBytes: 500 });
    const model = await subject.add(1);
    for (const bytes of [1_000, 1_200, 1_250]) {
      subject.process.residentBytes = bytes;
      model.ask();
      await subject.answer();
    }
    assert.equal(subject.processes.length, 1);
  });

  it("goes on with the old process when the new one cannot load everything", async () => {
    const subject = new SlotSubject({ recycleBytes: 500 });
    const model = await subject.add(1);
    await grow(subject, model);
    subject.process.fail("refused");
    await subject.turn();
    assert.equal(subject.processes[1]?.isStopping, true);
    model.ask(1);
    subject.clock.turn();
    subject.processes[0]?.answer();
    await subject.turn();
    assert.equal(values(model).at(-1), 1);
  });

  it("goes on when no new process can be started", async () => {
    const subject = new SlotSubject({ recycleBytes: 500 });
    const model = await subject.add(1);
    subject.failingStarts = 1;
    await grow(subject, model);
    model.ask(1);
    await subject.finish();
    assert.equal(values(model).at(-1), 1);
  });

  it("a death of the old process meanwhile is a restart like any other", async () => {
    const subject = new SlotSubject({ recycleBytes: 500 });
    const model = await subject.add(1);
    await grow(subject, model);
    model.ask(1);
    subject.processes[0]?.die("crash");
    await subject.finish();
    assert.equal(values(model).at(-1), 1);
    assert.equal(subject.processes.filter((process) => !process.hasExited).length, 1);
  });

  it("runs again what the old process died of when it was asked to end", async () => {
    const subject = new SlotSubject({ recycleBytes: 500 });
    const model = await subject.add(1);
    const old = subject.process;
    await grow(subject, model);
    model.ask(1);
    subject.clock.turn();
    subject.process.answer();
    await subject.turn();
    assert.equal(old.isStopping, true);
    old.die("crash");
    await subject.finish();
    assert.equal(values(model).at(-1), 1);
    assert.equal(subject.processes.length, 2, "the new one did not die");
  });

  it("keeps a model out of the new process that left while it was loaded there", async () => {
    const subject = new SlotSubject({ recycleBytes: 500 });
    const [model, other] = [await subject.add(1), await subject.add(2)];
    await grow(subject, model);
    await subject.answer(); // it is loaded in the new one, the other not yet
    const left = subject.slot.remove(model.instance);
    await subject.finish();
    await left;
    assert.equal(subject.processes.length, 2);
    assert.deepEqual([...subject.process.sessions], [other.sessionId]);
  });
});

describe("a stopped slot", () => {
  it("lets what is under way end, fails what waits behind it, and takes no more", async () => {
    const subject = new SlotSubject();
    const model = await subject.add(1, { max_batch_size: 1 });
    model.ask(1);
    model.ask(2);
    subject.clock.turn();
    subject.slot.stop();
    assert.equal(subject.process.hasExited, false);
    await subject.finish();
    assert.deepEqual(model.outcomes, ["ok", "draining"]);
    await assert.rejects(subject.slot.control({ operation: "devices" }, 1), { reason: "draining" });
  });

  it("fails what waits to be asked also when it is killed", async () => {
    const subject = new SlotSubject();
    const model = await subject.add(1);
    const loads = [2, 3].map((sessionId) => subject.slot.control({ ...model.instance.loadRequest, sessionId }, 1_000));
    subject.slot.kill();
    const outcomes = await Promise.allSettled(loads);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ["rejected", "rejected"],
    );
  });

  it("answers everything also when it is killed, or has no process", async () => {
    for (const isDead of [false, true]) {
      const subject = new SlotSubject();
      const model = await subject.add(1, { max_batch_size: 1 });
      if (isDead) {
        subject.process.die("crash");
        await subject.turn();
        subject.process.die("crash"); // now it waits before it starts again
      }
      model.ask(1);
      model.ask(2);
      subject.clock.turn();
      subject.slot.kill();
      await subject.finish();
      assert.deepEqual(model.outcomes, ["draining", "draining"]);
    }
  });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { InferenceError } from "../../src/errors.ts";
import { ModelMonitors } from "../../src/monitor/model-monitors.ts";
import type { ModelPart } from "../../src/monitor/model-part.ts";
import type { MonitorClock } from "../../src/monitor/monitor-clock.ts";
import { LatencyObserver } from "../../src/monitor/telemetry/latency-observer.ts";
import { SeriesRegistry } from "../../src/monitor/telemetry/series-registry.ts";
import { BatchedModel } from "../../src/runtime/batched-model.ts";
import { ObserverList } from "../../src/runtime/observer.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FakeRunner } from "../support/fake-runner.ts";
import { contextOf, echoDescription, floats, RecordingReply, requestOf } from "../support/runtime-requests.ts";

const originMs = Date.UTC(2026, 0, 1);

/** Counts what the engine tells its parts. */
class CountingPart implements ModelPart {
  readonly name = "data";
  answers = 0;
  failures = 0;
  readonly rows: number[] = [];

  onRows({ count, width, values }: Parameters<NonNullable<ModelPart["onRows"]>>[0]): void {
    for (let row = 0; row < count; row++) {
      const [input, output] = [values[row * width]!, values[row * width + 1]!];
      assert.equal(output, input, "the row's own output");
      this.rows.push(input);
    }
  }
  onAnswer(): void {
    this.answers++;
  }
  onFailure(): void {
    this.failures++;
  }
  report(): void {}
}

async function subject() {
  const clock = new FakeClock();
  const monitorClock: MonitorClock = {
    nowMs: () => originMs + clock.now(),
    epochMsOf: (monotonicMs) => originMs + monotonicMs,
    after: (delayMs, callback) => clock.after(delayMs, callback),
    soon: (callback) => clock.soon(callback),
  };
  const registry = new SeriesRegistry(monitorClock.nowMs);
  const part = new CountingPart();
  const gauges = { readLoopDelay: () => 0, frontBytes: () => 0, runtimeBytes: () => 0, stop: () => {} };
  const report = () => {};
  const who = { serverInstance: "me", serverVersion: "1" };
  const monitors = new ModelMonitors({ registry, ...who, report, clock: monitorClock, gauges, parts: [() => part] });
  const description = echoDescription({ max_batch_size: 4 });
  await monitors.prepare(
    { name: "m", version: "1", file: "/nowhere/m/1/model.onnx", folder: "/nowhere/m" },
    description,
  );
  monitors.onModelState("m", "1", "READY", { reason: "", description });
  const latency = new LatencyObserver(registry);
  const observers = new ObserverList([latency, monitors], (error) => {
    throw error;
  });
  const limits = { maxQueueRequests: 30, maxQueueBytes: 1_000, slotBytes: 400, splitting: "always" } as const;
  const model = new BatchedModel(description, { clock, observers, ...limits });
  return { clock, registry, monitors, part, model, runner: new FakeRunner(model, clock) };
}

type Step =
  | { readonly kind: "ask"; readonly rows: number; readonly deadlineMs: number; readonly isWrong: boolean }
  | { readonly kind: "run"; readonly end: "succeed" | "fail" | "retry" | "back"; readonly ms: number }
  | { readonly kind: "leave"; readonly which: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("ask" as const),
      rows: fc.integer({ min: 0, max: 11 }),
      deadlineMs: fc.constantFrom(Number.POSITIVE_INFINITY, 5, 50),
      isWrong: fc.constantFrom(false, false, false, true),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("run" as const),
      end: fc.constantFrom("succeed", "succeed", "succeed", "fail", "retry", "back"),
      ms: fc.integer({ min: 0, max: 30 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("leave" as const), which: fc.nat(50) }) },
);

async function pointsOf(registry: SeriesRegistry, name: string) {
  const families = await registry.collect();
  return families.find(({ instrument }) => instrument.name === name)?.points ?? [];
}

test("split, cancelled, late, failed and repeated requests: every sum of the engine agrees with what callers got", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { clock, registry, monitors, part, model, runner } = await subject();
      const replies: {
        readonly reply: RecordingReply;
        readonly values: readonly number[];
        readonly leave: AbortController;
      }[] = [];
      let number = 0;
      const act = (one: Step) => {
        if (one.kind === "ask") {
          const values = Array.from({ length: one.rows }, () => number++);
          const leave = new AbortController();
          const reply = new RecordingReply();
          const request = requestOf([floats(one.isWrong ? "wrong" : "x", values)]);
          const deadlineMs = clock.now() + one.deadlineMs;
          replies.push({ reply, values, leave });
          model.infer(request, contextOf({ arrivalTimeMs: clock.now(), deadlineMs, signal: leave.signal }), reply);
        } else if (one.kind === "leave") replies[one.which]?.leave.abort();
        else if (runner.take() !== undefined) {
          const error = new InferenceError("runtime", "by the test");
          if (one.end === "succeed") runner.succeed(one.ms);
          else if (one.end === "fail") runner.fail(error);
          else if (one.end === "retry" && runner.batch!.entries.length > 1) runner.retryAlone(error);
          else if (one.end === "back") runner.putBack();
          else runner.fail(error);
        }
      };
      for (const one of steps) act(one);
      for (let i = 0; i < 1000 && replies.some(({ reply }) => !reply.isEnded); i++) {
        clock.advance(1);
        act({ kind: "run", end: "succeed", ms: 1 });
      }
      clock.advance(11_000);

      const answered = replies.filter(({ reply }) => reply.outcome === "ok");
      assert.equal(part.answers, answered.length);
      assert.equal(part.failures, replies.length - answered.length);
      // Below its limit the sampler takes every row.
      assert.deepEqual(
        part.rows.toSorted((a, b) => a - b),
        answered.flatMap(({ values }) => values).toSorted((a, b) => a - b),
      );
      const [model0] = (await monitors.report()).models;
      const sum = (of: "requests" | "failures" | "rows") =>
        (model0?.history ?? []).reduce((all, point) => all + point[of], 0);
      assert.deepEqual([sum("requests"), sum("failures")], [part.answers, part.failures]);
      assert.equal(model0?.history.at(-1)?.queue_size ?? 0, 0);
      for (const { value } of await pointsOf(registry, "sluice.request.stage.duration")) {
        assert.equal(typeof value === "number" ? value : value.count, answered.length);
      }
      // A batch that ran counts its rows, also those of requests whose other parts failed.
      const [sizes] = await pointsOf(registry, "sluice.batch.size");
      const batchRows = typeof sizes?.value === "object" ? sizes.value.sum : 0;
      assert.equal(sum("rows"), batchRows);
      assert.ok((batchRows ?? 0) >= part.rows.length);
      assert.deepEqual(model0?.dropped, []);
      monitors.stop();
    }),
    { numRuns: 150 },
  );
});

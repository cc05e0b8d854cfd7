import assert from "node:assert/strict";
import { test } from "node:test";
import { InferenceError } from "../../../src/errors.ts";
import { validateProfile } from "../../../src/model/profile-rules.ts";
import { Captures } from "../../../src/monitor/captures.ts";
import type { SampledRows, Signal, SignalLayout } from "../../../src/monitor/collect/sampled-rows.ts";
import { ReferenceCapture } from "../../../src/monitor/evaluate/reference-capture.ts";
import type { ModelMonitor } from "../../../src/monitor/model-monitor.ts";
import type { ModelMonitors } from "../../../src/monitor/model-monitors.ts";
import { createRandomSource, randomNormal } from "../../../src/statistics/random.ts";
import { type CellValue, sampledRows } from "../../support/drift-subject.ts";
import { FakeMonitorClock } from "../../support/fake-monitor-clock.ts";
import { describe } from "../../support/fake-repository.ts";

function signal(name: string, datatype: string, over: Partial<Signal> = {}): Signal {
  const range = { minimum: Number.NEGATIVE_INFINITY, maximum: Number.POSITIVE_INFINITY };
  return {
    name,
    tensor: name,
    column: 0,
    datatype,
    role: "SIGNAL_ROLE_INPUT",
    kind: "numeric",
    categories: [],
    ...range,
    ...over,
  };
}

const output = { role: "SIGNAL_ROLE_OUTPUT" } as const;
const layout: SignalLayout = {
  signals: [
    signal("a", "FP32"),
    signal("b", "FP32"),
    signal("colour", "BYTES", { kind: "categorical", categories: ["red", "green"] }),
    signal("word", "BYTES", { kind: "categorical" }),
    signal("label", "INT64", output),
    signal("p", "FP32", output),
  ],
  inputCount: 4,
  note: "",
};

function rows(count: number, seed = 1): SampledRows {
  const random = createRandomSource(seed);
  const draw = (): CellValue[] => {
    const a = randomNormal(random);
    const colour = random() < 0.5 ? "red" : random() < 0.5 ? "green" : "violet";
    return [a, random() < 0.1 ? Number.NaN : a + random(), colour, undefined, a > 0 ? 1 : 0, random()];
  };
  return sampledRows(layout, Array.from({ length: count }, draw), 0);
}

const options = { modelName: "m", signals: layout.signals, labels: ["no", "yes"], scoresOutput: "p", rowCount: 600 };

test("rows become a profile: numbers, known categories, classes, scores, how rows lie", async () => {
  const capture = new ReferenceCapture(options);
  for (let i = 0; i < 10; i++) capture.add(rows(64, i));
  assert.ok(capture.isComplete);
  const profile = await capture.finish(Date.UTC(2026, 0, 1), async () => {});
  validateProfile(profile);
  assert.equal(profile.row_count, 600, "the rows of the last batch that were too many are left out");
  assert.deepEqual(
    profile.signals.map(({ name, numeric, score, categorical }) => [
      name,
      numeric?.counts.length,
      score?.counts.length,
      categorical?.categories.length,
    ]),
    [
      ["a", 10, undefined, undefined],
      ["b", 10, undefined, undefined],
      ["colour", undefined, undefined, 2],
      ["label", undefined, undefined, 2],
      ["p", undefined, 10, undefined],
    ],
    "of texts that no reference lists nothing is known",
  );
  const [, b, colour, label] = profile.signals;
  assert.ok(b!.numeric!.null_count > 30 && b!.numeric!.null_count < 90);
  assert.ok(colour!.categorical!.other_count > 100, "violet is none of the known ones");
  assert.deepEqual(
    label!.categorical!.categories.map(({ code }) => code),
    [0, 1],
  );
  assert.deepEqual(profile.anomaly?.signals, ["a", "b"]);
});

test("integers too large to be told apart are numbers, not classes", async () => {
  const signals = [signal("hash", "INT64", output)];
  const capture = new ReferenceCapture({ ...options, signals, scoresOutput: undefined });
  const drawn = Array.from({ length: 600 }, (_, i) => [2 ** 60 + (i % 3) * 4096]);
  capture.add(sampledRows({ signals, inputCount: 0, note: "" }, drawn, 0));
  const profile = await capture.finish(0, async () => {});
  validateProfile(profile);
  assert.equal(profile.signals[0]?.numeric?.count, 600);
});

test("too few rows, too many rows and too many signals are refused", () => {
  const refused = (change: Partial<typeof options>, reason: string, message: RegExp) =>
    assert.throws(
      () => new ReferenceCapture({ ...options, ...change }),
      (error) => error instanceof InferenceError && error.reason === reason && message.test(error.message),
    );
  refused({ rowCount: 499 }, "invalid", /row_count is 499, expected 500 to 1000000/);
  refused({ rowCount: 1_000_001 }, "invalid", /1000001/);
  const many = Array.from({ length: 5000 }, (_, i) => signal(`f${i}`, "FP32"));
  refused({ signals: many }, "unsupported", /5000 signals, a capture takes at most 256/);
});

/** Monitors of one model whose rows the test hands over. */
function served() {
  const clock = new FakeMonitorClock();
  let listeners: ((rows: SampledRows) => void)[] = [];
  const context = {
    config: { quality: { maxRowsPerSecond: 1000 } },
    description: describe("m"),
    signals: layout,
    task: undefined,
    clock,
  };
  const monitor = {
    context,
    state: "READY",
    description: context.description,
    listenToRows(listener: (rows: SampledRows) => void) {
      listeners.push(listener);
      return () => {
        listeners = listeners.filter((other) => other !== listener);
      };
    },
  } as unknown as ModelMonitor;
  const monitors: ModelMonitor[] = [monitor];
  const captures = new Captures({ monitors: () => monitors } as unknown as ModelMonitors);
  const give = (given: SampledRows) => {
    for (const listener of listeners) listener(given);
  };
  return { captures, clock, monitors, give, listening: () => listeners.length };
}

test("a capture ends with its rows, its caller or its model, and listens no longer then", async () => {
  const { captures, clock, monitors, give, listening } = served();
  const never = new AbortController().signal;
  const whole = captures.capture("m", "1", 500, never);
  await assert.rejects(captures.capture("m", "", 500, never), /another capture is under way/);
  give(rows(600));
  // What is worked out is worked out in turns.
  const turns = setInterval(() => clock.advance(1), 1);
  assert.equal((await whole).row_count, 500);
  clearInterval(turns);
  assert.equal(listening(), 0);
  const caller = new AbortController();
  const cancelled = captures.capture("m", "", 500, caller.signal);
  caller.abort();
  await assert.rejects(cancelled, /the caller went away/);
  const unloaded = captures.capture("m", "", 500, never);
  monitors.length = 0;
  clock.advance(2000);
  await assert.rejects(unloaded, /unloaded or replaced/);
  assert.equal(listening(), 0);
  await assert.rejects(captures.capture("m", "", 500, never), /no version of model 'm' is ready/);
});

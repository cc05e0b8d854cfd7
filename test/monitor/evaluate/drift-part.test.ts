import assert from "node:assert/strict";
import { test } from "node:test";
import { InferenceError } from "../../../src/errors.ts";
import type { ReferenceProfile } from "../../../src/model/package-messages.ts";
import { AlertBoard } from "../../../src/monitor/alerts/alert-board.ts";
import type { SignalLayout } from "../../../src/monitor/collect/sampled-rows.ts";
import { readMonitorConfig } from "../../../src/monitor/config/monitor-config.ts";
import { createDriftPart } from "../../../src/monitor/evaluate/create-drift-part.ts";
import type { ModelPartContext } from "../../../src/monitor/model-part.ts";
import { type DataReport, emptyData, type ModelReportDraft } from "../../../src/monitor/monitor-report.ts";
import { SeriesRegistry } from "../../../src/monitor/telemetry/series-registry.ts";
import { createRandomSource, type RandomSource, randomNormal } from "../../../src/statistics/random.ts";
import { drawRow, layoutOf, profileOf, sampledRows, type World } from "../../support/drift-subject.ts";
import { FakeMonitorClock } from "../../support/fake-monitor-clock.ts";
import { describe } from "../../support/fake-repository.ts";

const clean: World = {
  age: (random) => 50 + 10 * randomNormal(random),
  colour: (random) => (random() < 0.5 ? "red" : "green"),
};
const moved: World = { ...clean, age: (random) => 60 + 10 * randomNormal(random) };
const minute = 60_000;

function subject(
  yaml: string,
  profile: ReferenceProfile | null = profileOf(clean, 1000, createRandomSource(1)),
  layout: SignalLayout = profile === null ? { signals: [], inputCount: 0, note: "" } : layoutOf(profile),
) {
  const clock = new FakeMonitorClock();
  const registry = new SeriesRegistry(() => clock.nowMs());
  const logged: string[] = [];
  const series = registry.openGroup({ "sluice.model.name": "m", "sluice.model.version": "1" });
  const context = {
    description: describe("m"),
    config: readMonitorConfig(yaml),
    task: undefined,
    taskNote: "",
    profile: profile ?? undefined,
    profileSource: "reference_profile.pb",
    signals: layout,
    predictions: undefined,
    series,
    clock,
    alerts: new AlertBoard(),
    drop: () => {},
    report: (level: string, message: string, { signals }: Record<string, unknown>) =>
      void logged.push(`${level} ${message}: ${signals}`),
  } as unknown as ModelPartContext;
  const part = createDriftPart(context)!;
  return {
    clock,
    logged,
    part,
    /** A minute with so many rows of a world. */
    minute(world: World, rows: number, random: RandomSource) {
      const drawn = Array.from({ length: rows }, () => drawRow(world, random));
      part.onRows?.(sampledRows(layout, drawn, clock.nowMs()));
      clock.advance(minute);
      part.onBlockEnd?.(clock.nowMs());
    },
    data(): DataReport {
      const draft = { data: emptyData("") } as unknown as ModelReportDraft;
      part.report(draft, clock.nowMs());
      return draft.data;
    },
    async points(name: string) {
      const families = await registry.collect();
      const family = families.find(({ instrument }) => instrument.name === name);
      return (family?.points ?? []).map(({ attributes, value }) => ({
        feature: attributes["sluice.feature"],
        method: attributes["sluice.method"],
        value: Number(value),
      }));
    },
  };
}

test("windows of enough rows are compared, drift begins with the third and is told by log, report and series", async () => {
  const { minute: pass, data, logged, points } = subject("");
  const random = createRandomSource(2);
  pass(clean, 600, random);
  assert.equal(data().windows, 0, "600 rows make no window");
  assert.deepEqual(data().signals[0]?.scores, []);
  assert.equal(data().compared_window?.rows, 600);
  pass(clean, 600, random);
  assert.equal(data().windows, 1);
  assert.equal(data().compared_window?.rows, 1200);
  assert.deepEqual(await points("sluice.drift.detected"), [], "nothing was counted yet");
  for (let i = 0; i < 3; i++) pass(moved, 1000, random);
  const { signals, drifted_signals, reference, signal_count } = data();
  assert.match(reference, /reference_profile.pb, 1000 rows/);
  assert.deepEqual([drifted_signals, signal_count], [1, 2]);
  const [age, colour] = signals;
  assert.deepEqual([age?.drifted, colour?.drifted], [true, false]);
  const psi = age?.scores.find(({ method }) => method === "psi");
  assert.ok(psi?.above && psi.value > psi.critical && psi.windows_above === 3);
  assert.equal(age?.current?.numeric?.count, 1000);
  assert.deepEqual(logged, ["warn data drifts: age"]);
  const scores = await points("sluice.drift.score");
  assert.equal(scores.find(({ feature, method }) => feature === "age" && method === "psi")?.value, psi.value);
  const critical = await points("sluice.drift.critical");
  assert.equal(
    critical.find(({ feature, method }) => feature === "age" && method === "psi")?.value,
    Math.max(psi.critical, psi.effect_threshold),
  );
  const detected = await points("sluice.drift.detected");
  assert.equal(detected.find(({ feature, method }) => feature === "age" && method === "psi")?.value, 1);
  assert.deepEqual(
    (await points("sluice.drift.signals")).map(({ value }) => value),
    [1],
  );
  pass(clean, 1000, random);
  assert.equal(data().drifted_signals, 0);
  assert.equal(logged[1], "info data no longer drifts: age");
});

test("a window waits for its rows, and for its length where it has one", () => {
  const { minute: pass, data } = subject("drift: { windowRows: 500, windowSeconds: 150 }");
  const random = createRandomSource(2);
  for (const windows of [0, 0, 1, 1]) {
    pass(clean, 500, random);
    assert.equal(data().windows, windows);
  }
});

test("what others tell of a signal stays, and gets the shares of the reference beside it", () => {
  const { part, clock } = subject("");
  const anomalies = [{ kind: "unseen_category", count: 3, share: 0.5, reference_share: 0 }] as const;
  const signal = { role: "SIGNAL_ROLE_INPUT", scores: [], anomalies, drifted: false } as const;
  const signals = [
    { ...signal, name: "other" },
    { ...signal, name: "colour" },
  ];
  const draft = { data: { ...emptyData("left out"), signals } } as unknown as ModelReportDraft;
  part.report(draft, clock.nowMs());
  assert.deepEqual(
    draft.data.signals.map(({ name, reference }) => [name, reference?.name]),
    [
      ["other", undefined],
      ["colour", "colour"],
      ["age", "age"],
    ],
  );
  assert.equal(draft.data.signals[1]?.anomalies[0]?.reference_share, 0);
  assert.deepEqual([draft.data.signal_count, draft.data.note], [3, "left out"]);
});

test("without a reference, or switched off, the report says why nothing is compared", () => {
  const none = subject("", null);
  assert.equal(none.part.onRows, undefined);
  assert.match(subject("drift: { against: off }").data().note, /switched off/);
});

test("without a reference, the first rows can be one", async () => {
  const learned = layoutOf(profileOf({ age: clean.age! }, 100, createRandomSource(1)));
  const {
    part,
    clock,
    minute: pass,
    data,
  } = subject("drift: { learnRows: 500, windowRows: 500, windows: 1 }", null, learned);
  const world: World = { age: clean.age! };
  assert.match(data().note, /the first 500 rows are to be the reference/);
  pass(world, 600, createRandomSource(2));
  for (let i = 0; i < 20; i++) {
    clock.advance(1);
    await Promise.resolve();
  }
  assert.match(data().reference, /^first rows, 500 rows/);
  pass(world, 600, createRandomSource(3));
  pass(world, 600, createRandomSource(4));
  assert.equal(data().drifted_signals, 0);
  pass({ age: moved.age! }, 1200, createRandomSource(5));
  assert.equal(data().drifted_signals, 1);
  part.close?.();
});

test("a name that no signal has is refused with the nearest, and so are too many series", () => {
  const refused = (yaml: string, message: RegExp) =>
    assert.throws(
      () => subject(yaml),
      (error) => error instanceof InferenceError && error.reason === "refused" && message.test(error.message),
    );
  refused("drift: { ignore: [color] }", /'color'.*did you mean 'colour'/);
  const wide = profileOf(
    Object.fromEntries(Array.from({ length: 700 }, (_, i) => [`f${i}`, () => i])),
    20,
    createRandomSource(1),
  );
  assert.throws(() => subject("data: { exportSignals: 2000 }", wide), /700 signals make 2100 series/);
});

test("the signals of a list are compared, others are not", () => {
  assert.deepEqual(
    subject("drift: { signals: [age] }")
      .data()
      .signals.map(({ name }) => name),
    ["age"],
  );
  assert.deepEqual(
    subject("drift: { ignore: [age] }")
      .data()
      .signals.map(({ name }) => name),
    ["colour"],
  );
});

test("a closed part works nothing out any more", () => {
  const { part, clock, minute: pass, data } = subject("");
  const rows = sampledRows(layoutOf(profileOf(clean, 100, createRandomSource(1))), [], 0);
  part.onRows?.(rows);
  part.close?.();
  clock.advance(minute);
  pass(clean, 2000, createRandomSource(1));
  assert.equal(data().windows, 0);
});

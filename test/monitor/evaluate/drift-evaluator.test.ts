import assert from "node:assert/strict";
import { test } from "node:test";
import type { ReferenceProfile } from "../../../src/model/package-messages.ts";
import { type DriftConfig, readDriftConfig } from "../../../src/monitor/config/drift.ts";
import { Section } from "../../../src/monitor/config/section.ts";
import { DriftEvaluator } from "../../../src/monitor/evaluate/drift-evaluator.ts";
import { createSignalReference } from "../../../src/monitor/evaluate/drift-reference.ts";
import { clearWindowCounts, createWindowCounts, recordRows } from "../../../src/monitor/evaluate/drift-window.ts";
import { createRandomSource, type RandomSource, randomNormal } from "../../../src/statistics/random.ts";
import { drawRow, layoutOf, profileOf, sampledRows, type World } from "../../support/drift-subject.ts";

const clean: World = {
  normal: (random) => Math.fround(20 + 5 * randomNormal(random)),
  skewed: (random) => Math.exp(randomNormal(random)),
  zeros: (random) => (random() < 0.4 ? 0 : random()),
  grade: (random) => Math.floor(6 * random()),
  constant: () => 7,
  colour: (random) => ["red", "green", "green", "blue"][Math.floor(4 * random())],
};

const config = (yaml = ""): DriftConfig => readDriftConfig(Section.parse(yaml));

/** An evaluator with its laws worked out, and what makes windows for it. */
function subject(profile: ReferenceProfile, settings: DriftConfig) {
  const references = profile.signals.map((signal) => createSignalReference(signal, 500)!);
  const evaluator = new DriftEvaluator(settings, references);
  while (!evaluator.prepare());
  const window = createWindowCounts(profile.signals);
  const layout = layoutOf(profile);
  const places = Int32Array.from(profile.signals, (_, i) => i);
  const names = profile.signals.map(({ name }) => name);
  return {
    evaluator,
    compare(world: World, rows: number, random: RandomSource) {
      clearWindowCounts(window);
      const drawn = Array.from({ length: rows }, () => drawRow(world, random));
      recordRows(window, sampledRows(layout, drawn, 0), places);
      return evaluator.compare(window.signals);
    },
    scores: (name: string) => evaluator.scores(names.indexOf(name)),
    drifted: () => names.filter((_, i) => evaluator.isDrifted(i)),
  };
}

for (const correction of ["bonferroni", "holm", "benjamini_hochberg"]) {
  test(`at most the promised share of clean windows has any score above its critical value: ${correction}`, (t) => {
    const random = createRandomSource(41);
    const alpha = 0.05;
    let windows = 0;
    let alarms = 0;
    // Several references, because the alarms of one depend on how well it happens to be drawn.
    for (let i = 0; i < 25; i++) {
      const { evaluator, compare } = subject(
        profileOf(clean, 2000, random),
        config(`alpha: ${alpha}\ncorrection: ${correction}`),
      );
      for (let k = 0; k < 40; k++, windows++) {
        compare(clean, 500, random);
        const scores = Object.keys(clean).flatMap((_, signal) => evaluator.scores(signal));
        if (scores.some(({ value, critical }) => value > critical)) alarms++;
      }
    }
    t.diagnostic(`${alarms} of ${windows} windows at ${alpha}`);
    assert.equal(windows, 1000);
    assert.ok(alarms <= alpha * windows + 3 * Math.sqrt(alpha * windows), `${alarms} of ${windows}`);
  });
}

test("with the defaults a thousand clean windows begin no drift", () => {
  const random = createRandomSource(4);
  const { compare } = subject(profileOf(clean, 2000, random), config());
  for (let i = 0; i < 1000; i++) assert.deepEqual(compare(clean, 500, random), [], `window ${i}`);
});

const faults: readonly (readonly [name: string, signal: string, world: World])[] = [
  [
    "a mean that moves by half a deviation",
    "normal",
    { ...clean, normal: (random) => 22.5 + 5 * randomNormal(random) },
  ],
  [
    "a scale that is off by a thousand",
    "skewed",
    { ...clean, skewed: (random) => 1000 * Math.exp(randomNormal(random)) },
  ],
  ["a sensor that is stuck", "normal", { ...clean, normal: () => 21 }],
  ["a sensor that is stuck at a value it never had", "zeros", { ...clean, zeros: () => -1 }],
  [
    "a number that was always the same and is not any more",
    "constant",
    { ...clean, constant: (random) => (random() < 0.2 ? 8 : 7) },
  ],
  ["a new category", "colour", { ...clean, colour: (random) => (random() < 0.1 ? "violet" : clean.colour!(random)) }],
  [
    "grades that are given more often",
    "grade",
    { ...clean, grade: (random) => Math.min(5, Math.floor(7.5 * random())) },
  ],
];

for (const [name, signal, world] of faults) {
  test(`found: ${name}`, (t) => {
    const random = createRandomSource(6);
    const { compare, drifted, scores } = subject(profileOf(clean, 2000, random), config());
    for (let i = 0; i < 5; i++) compare(clean, 500, random);
    let windows = 0;
    while (drifted().length === 0 && windows < 20) {
      compare(world, 500, random);
      windows++;
    }
    const told = scores(signal)
      .filter(({ above }) => above)
      .map(({ method }) => method);
    t.diagnostic(`${name}: after ${windows} windows of 500 rows, by ${told.join(", ")}`);
    assert.equal(windows, 3);
    assert.deepEqual(drifted(), [signal]);
    assert.deepEqual(
      compare(clean, 500, random).filter(({ hasBegun }) => hasBegun),
      [],
    );
    assert.deepEqual(drifted(), [], "it ends with the first window that is as it was");
  });
}

test("a shift of a third of a deviation is above its thresholds in nine of ten windows of 1,000 rows", (t) => {
  const random = createRandomSource(10);
  const shifted: World = { ...clean, normal: (source) => 20 + 5 / 3 + 5 * randomNormal(source) };
  const { compare, scores } = subject(profileOf(clean, 5000, random), config());
  let found = 0;
  for (let i = 0; i < 200; i++) {
    compare(shifted, 1000, random);
    if (scores("normal").some(({ above }) => above)) found++;
  }
  t.diagnostic(`${found} of 200`);
  assert.ok(found >= 180, `${found} of 200`);
});

test("against the window before: a change shows once, and a slow one not at all", () => {
  const random = createRandomSource(3);
  const { compare, scores, evaluator } = subject(
    profileOf(clean, 2000, random),
    config("against: previous\nwindows: 1"),
  );
  compare(clean, 500, random);
  assert.deepEqual(scores("normal"), [], "there is nothing to compare the first window with");
  assert.deepEqual(compare(clean, 500, random), []);
  const moved: World = { ...clean, normal: (source) => 25 + 5 * randomNormal(source) };
  const begun = compare(moved, 500, random);
  assert.ok(begun.length > 0 && begun.every(({ hasBegun, signal }) => hasBegun && signal === 0));
  assert.ok(compare(moved, 500, random).every(({ hasBegun }) => !hasBegun));
  assert.equal(evaluator.driftedSignals, 0);
});

test("a signal with too few values in a window has no score, and the others have theirs", () => {
  const random = createRandomSource(3);
  const { compare, scores } = subject(profileOf(clean, 2000, random), config());
  compare({ ...clean, normal: (source) => (source() < 0.5 ? Number.NaN : 20) }, 800, random);
  assert.deepEqual(scores("normal"), []);
  assert.equal(scores("skewed").length, 5);
});

test("a score keeps the values of the last sixty windows", () => {
  const random = createRandomSource(3);
  const { compare, scores } = subject(profileOf(clean, 1000, random), config("methods: [ks]"));
  for (let i = 0; i < 70; i++) compare(clean, 500, random);
  const [score] = scores("normal");
  assert.equal(score?.history.length, 60);
  assert.equal(score?.history.at(-1), score?.value);
});

test("a drift of a signal whose values stay away ends, and is told to end", () => {
  const random = createRandomSource(6);
  const { compare, drifted } = subject(profileOf(clean, 2000, random), config("windows: 1"));
  const moved: World = { ...clean, normal: (source) => 40 + 5 * randomNormal(source) };
  const begun = compare(moved, 1000, random);
  assert.ok(begun.length > 0 && begun.every(({ hasBegun }) => hasBegun));
  assert.deepEqual(drifted(), ["normal"]);
  const ended = compare({ ...clean, normal: () => undefined }, 1000, random);
  assert.deepEqual(
    ended.map(({ method }) => method),
    begun.map(({ method }) => method),
  );
  assert.ok(ended.every(({ hasBegun }) => !hasBegun));
  assert.deepEqual(drifted(), []);
});

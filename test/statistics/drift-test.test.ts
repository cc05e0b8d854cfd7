import assert from "node:assert/strict";
import { test } from "node:test";
import { groupCategories, groupOrderedBins, sumGroups } from "../../src/statistics/bin-groups.ts";
import { jensenShannon, populationStability, sumOf } from "../../src/statistics/distribution-distance.ts";
import { type DriftMethod, DriftTest, driftMethods } from "../../src/statistics/drift-test.ts";
import { chiSquareQuantile } from "../../src/statistics/incomplete-gamma.ts";
import { createRandomSource, drawMultinomial, type RandomSource } from "../../src/statistics/random.ts";

function preparedTest(...args: ConstructorParameters<typeof DriftTest>): DriftTest {
  const drift = new DriftTest(...args);
  assert.ok(drift.prepare());
  return drift;
}

const equal = (bins: number) => new Float64Array(bins).fill(1 / bins);

/** The value that a share `tail` of all values exceeds. */
function upperQuantile(values: readonly number[], tail: number): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length * (1 - tail)) - 1]!;
}

test("noise floors of PSI and Jensen-Shannon without drift are the laws' within the error of the simulation", () => {
  const random = createRandomSource(12);
  const cases = [
    { n: 10_000, m: 200, bins: 10, psi: 0.0886, js: 0.128 },
    { n: 10_000, m: 1000, bins: 20, psi: 0.0334, js: 0.0774 },
    { n: 100_000, m: 10_000, bins: 10, psi: 0.00188, js: undefined },
  ];
  for (const { n, m, bins, psi, js } of cases) {
    const [reference, current] = [new Float64Array(bins), new Float64Array(bins)];
    const scores = Array.from({ length: 2000 }, () => {
      drawMultinomial(n, equal(bins), reference, random);
      drawMultinomial(m, equal(bins), current, random);
      return { psi: populationStability(reference, current), js: jensenShannon(reference, current) };
    });
    const law = chiSquareQuantile(0.05, bins - 1) * (1 / n + 1 / m);
    const simulated = upperQuantile(
      scores.map((score) => score.psi),
      0.05,
    );
    assert.ok(Math.abs(simulated / psi - 1) < 0.05, `PSI, n ${n}, m ${m}: ${simulated}`);
    assert.ok(Math.abs(law / psi - 1) < 0.04, `law of PSI, n ${n}, m ${m}: ${law}`);
    if (js === undefined) continue;
    const distance = upperQuantile(
      scores.map((score) => score.js),
      0.05,
    );
    assert.ok(Math.abs(distance / js - 1) < 0.04, `JS, n ${n}, m ${m}: ${distance}`);
  }
});

test("a fixed threshold of 0.1 for PSI goes off by chance: in 2.8 % of windows of 200 rows", () => {
  const random = createRandomSource(5);
  const [reference, current] = [new Float64Array(10), new Float64Array(10)];
  let alarms = 0;
  for (let i = 0; i < 4000; i++) {
    drawMultinomial(10_000, equal(10), reference, random);
    drawMultinomial(200, equal(10), current, random);
    if (populationStability(reference, current) > 0.1) alarms++;
  }
  assert.ok(Math.abs(alarms / 4000 - 0.028) < 0.008, `${alarms} of 4000`);
});

/** A reference as it lies in a profile, and the size of the windows that are compared with it. */
interface World {
  readonly name: string;
  readonly counts: Float64Array;
  readonly windowRows: number;
}

const worlds: readonly World[] = [
  { name: "few reference rows", counts: new Float64Array(10).fill(17), windowRows: 500 },
  { name: "many reference rows", counts: new Float64Array(10).fill(1000), windowRows: 500 },
  { name: "twenty bins, larger windows", counts: new Float64Array(20).fill(500), windowRows: 2000 },
  { name: "one large bin, the others small", counts: Float64Array.of(11, 486, 11, 16, 16), windowRows: 500 },
];

/**
 * The true shares of bins whose edges are order statistics of a sample of any continuous distribution: gaps between order statistics of uniform
 * numbers. So they lie around the reference's shares in the way that every profile's do.
 */
function drawTruth(counts: Float64Array, random: RandomSource, into: Float64Array): void {
  const rows = sumOf(counts);
  const sorted = Float64Array.from({ length: rows }, random).sort();
  let end = 0;
  let last = 0;
  counts.forEach((count, i) => {
    end += count;
    const edge = i === counts.length - 1 ? 1 : sorted[end]!;
    into[i] = edge - last;
    last = edge;
  });
}

for (const { name, counts, windowRows } of worlds) {
  test(`clean windows exceed the critical value no more often than promised: ${name}`, (t) => {
    const windows = 1500;
    const alpha = 0.01;
    const random = createRandomSource(windowRows + counts.length);
    const positions = Float64Array.from(counts, (_, i) => i);
    const drift = preparedTest({ counts, positions }, driftMethods, 500, 1);
    const criticals = driftMethods.map((method) => drift.critical(method, alpha, windowRows));
    const alarms = driftMethods.map(() => 0);
    const [truth, current] = [new Float64Array(counts.length), new Float64Array(counts.length)];
    for (let i = 0; i < windows; i++) {
      drawTruth(counts, random, truth);
      drawMultinomial(windowRows, truth, current, random);
      driftMethods.forEach((method, k) => {
        if (drift.score(method, current) > criticals[k]!) alarms[k]!++;
      });
    }
    t.diagnostic(`at ${alpha}: ${driftMethods.map((method, k) => `${method} ${(alarms[k]! / windows).toFixed(4)}`)}`);
    // Three standard deviations of the count, and of the simulated quantile, which rests on 100 values.
    const most = alpha * windows + 3 * Math.sqrt(alpha * windows) + 0.1 * alpha * windows;
    driftMethods.forEach((method, k) => {
      assert.ok(alarms[k]! <= most, `${method}: ${alarms[k]} of ${windows}`);
    });
  });
}

for (const others of [0, 3]) {
  test(`a category that nearly never comes is no drift when it does: ${others} rows of 100,000`, (t) => {
    const [rows, windowRows, windows] = [100_000, 1000, 20_000];
    const counts = Float64Array.of(rows / 2, rows / 2 - others, others);
    const methods = ["psi", "js", "chi_square", "l_infinity"] as const;
    const drift = preparedTest({ counts }, methods, 500, 1);
    const alpha = 0.001 / 15;
    const criticals = methods.map((method) => drift.critical(method, alpha, windowRows));
    const share = (others + 0.5) / rows;
    const random = createRandomSource(3);
    const alarms = methods.map(() => 0);
    const current = new Float64Array(3);
    for (let i = 0; i < windows; i++) {
      drawMultinomial(windowRows, [0.5, 0.5 - share, share], current, random);
      methods.forEach((method, k) => {
        if (drift.score(method, current) > criticals[k]!) alarms[k]!++;
      });
    }
    t.diagnostic(`${methods.map((method, k) => `${method} ${alarms[k]}`)} of ${windows}`);
    const most = alpha * windows + 3 * Math.sqrt(alpha * windows);
    methods.forEach((method, k) => {
      assert.ok(alarms[k]! <= most, `${method}: ${alarms[k]} of ${windows}`);
    });
    const frequent = Float64Array.of(490, 490, 20);
    assert.ok(drift.score("psi", frequent) > drift.critical("psi", alpha, windowRows), "one in fifty is found");
  });
}

test("one window for each of many references drawn anew: no more alarms than promised", (t) => {
  const alpha = 0.05;
  const shares = Float64Array.of(0.05, 0.3, 0.25, 0.2, 0.1, 0.1);
  const random = createRandomSource(77);
  const methods = ["psi", "js", "wasserstein"] as const;
  const alarms = methods.map(() => 0);
  const [counts, current] = [new Float64Array(6), new Float64Array(6)];
  for (let i = 0; i < 200; i++) {
    drawMultinomial(300, shares, counts, random);
    drawMultinomial(500, shares, current, random);
    const drift = preparedTest(
      { counts: counts.slice(), positions: Float64Array.from(counts, (_, k) => k) },
      methods,
      500,
      i,
    );
    methods.forEach((method, k) => {
      if (drift.score(method, current) > drift.critical(method, alpha, 500)) alarms[k]!++;
    });
  }
  t.diagnostic(`of 200: ${methods.map((method, k) => `${method} ${alarms[k]}`)}`);
  for (const count of alarms) assert.ok(count <= 10 + 3 * Math.sqrt(10));
});

test("critical value and p-value are each other's inverse", () => {
  const drift = preparedTest(
    { counts: Float64Array.of(90, 100, 110, 60), positions: Float64Array.of(0, 1, 2, 5) },
    driftMethods,
    500,
    1,
  );
  for (const method of driftMethods) {
    for (const alpha of [0.01, 0.001, 1e-5]) {
      const critical = drift.critical(method, alpha, 700);
      const p = drift.pValue(method, critical, 700);
      assert.ok(Math.abs(p / alpha - 1) < 0.01, `${method} at ${alpha}: ${p}`);
      assert.ok(drift.pValue(method, critical * 1.05, 700) < alpha, method);
    }
    assert.ok(drift.critical(method, 1e-5, 700) > drift.critical(method, 1e-5, 7000) || method === "chi_square");
  }
});

test("a planted shift of a third of a standard deviation is found in nine of ten windows and more", (t) => {
  // Deciles of a normal number; shares of the shifted one between the same edges.
  const shifted = Float64Array.of(0.0527, 0.0712, 0.0804, 0.0865, 0.0931, 0.0991, 0.1062, 0.115, 0.1283, 0.1675);
  const random = createRandomSource(8);
  const counts = new Float64Array(10).fill(1000);
  const drift = preparedTest(
    { counts, positions: Float64Array.from({ length: 10 }, (_, i) => i) },
    driftMethods,
    500,
    2,
  );
  const current = new Float64Array(10);
  const found = new Map<DriftMethod, number>(driftMethods.map((method) => [method, 0]));
  for (let i = 0; i < 300; i++) {
    drawMultinomial(1000, shifted, current, random);
    for (const method of driftMethods) {
      if (drift.score(method, current) > drift.critical(method, 0.001, 1000)) found.set(method, found.get(method)! + 1);
    }
  }
  t.diagnostic([...found].map(([method, count]) => `${method} ${(count / 300).toFixed(3)}`).join(", "));
  for (const method of ["psi", "js", "ks", "wasserstein", "chi_square", "hellinger"] as const) {
    assert.ok(found.get(method)! >= 0.9 * 300, `${method}: ${found.get(method)} of 300`);
  }
});

test("groups of ordered bins have enough rows, and the outer ones are open", () => {
  // below, three bins, above
  const groups = groupOrderedBins([0, 30, 2, 40, 0], { referenceRows: 72, windowRows: 500 });
  assert.deepEqual([...groups.groupOf], [0, 0, 1, 1, 1]);
  assert.equal(groups.groupCount, 2);
  const small = groupOrderedBins([0, 3, 0], { referenceRows: 3, windowRows: 500 });
  assert.deepEqual([[...small.groupOf], small.groupCount], [[0, 0, 0], 1]);
});

test("rare categories are counted with the unknown ones, which stay apart from the others", () => {
  const groups = groupCategories([50, 2, 48, 0], { referenceRows: 100, windowRows: 500 });
  assert.deepEqual([...groups.groupOf], [0, 2, 1, 2]);
  const sums = new Float64Array(groups.groupCount);
  sumGroups(groups, [1, 2, 3, 4], sums);
  assert.deepEqual([...sums], [1, 3, 6]);
});

test("the laws are simulated in slices, and are the same however they were", () => {
  const make = () => new DriftTest({ counts: Float64Array.of(90, 100, 110) }, ["psi", "js"], 500, 9);
  const sliced = make();
  assert.throws(() => sliced.critical("psi", 0.01, 500));
  let slices = 1;
  while (!sliced.prepare(150)) slices++;
  assert.equal(slices, 14);
  const whole = make();
  whole.prepare();
  assert.equal(sliced.critical("js", 1e-4, 800), whole.critical("js", 1e-4, 800));
});

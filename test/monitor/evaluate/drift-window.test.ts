import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  markAbsent,
  markInfinite,
  markNan,
  markNull,
  markOk,
  markUnseen,
} from "../../../src/monitor/collect/sampled-rows.ts";
import { readDriftConfig } from "../../../src/monitor/config/drift.ts";
import { Section } from "../../../src/monitor/config/section.ts";
import {
  clearWindowCounts,
  createWindowCounts,
  isWindowComplete,
  mergeWindowCounts,
  recordRows,
  type WindowCounts,
} from "../../../src/monitor/evaluate/drift-window.ts";
import { comparedBins, referenceShares, toSignalProfile } from "../../../src/monitor/evaluate/signal-counts.ts";
import { createRandomSource } from "../../../src/statistics/random.ts";
import { profileOf } from "../../support/drift-subject.ts";

const { signals } = profileOf(
  { age: (random) => Math.floor(100 * random()), colour: (random) => (random() < 0.5 ? "red" : "green") },
  500,
  createRandomSource(1),
);
const places = Int32Array.of(1, 0); // the rows have them the other way round

type Cell = readonly [value: number, mark: number];

const colour: fc.Arbitrary<Cell> = fc.oneof(
  fc.constantFrom<Cell>([0, markOk], [1, markOk], [0, markUnseen], [Number.NaN, markNull], [Number.NaN, markAbsent]),
);
const age: fc.Arbitrary<Cell> = fc.oneof(
  fc.double({ min: -50, max: 150, noNaN: true }).map((value): Cell => [value, markOk]),
  fc.constantFrom<Cell>(
    [Number.NaN, markNan],
    [Number.POSITIVE_INFINITY, markInfinite],
    [0, markNull],
    [0, markAbsent],
  ),
);
const rowsOf = fc.array(fc.tuple(colour, age), { maxLength: 40 });

function counted(
  rows: readonly (readonly [Cell, Cell])[],
  atMs: number,
  into = createWindowCounts(signals),
): WindowCounts {
  const cells = rows.flat();
  recordRows(
    into,
    {
      count: rows.length,
      width: 2,
      values: Float64Array.from(cells, ([value]) => value),
      marks: Uint8Array.from(cells, ([, mark]) => mark),
      atMs,
    },
    places,
  );
  return into;
}

const profiles = ({ signals: counts }: WindowCounts) => counts.map((signal, i) => toSignalProfile(signals[i]!, signal));

test("merged blocks are the whole, and nothing that is no number reaches a sum", () => {
  fc.assert(
    fc.property(rowsOf, rowsOf, (first, second) => {
      const merged = counted(first, 5);
      mergeWindowCounts(merged, counted(second, 3));
      const whole = counted(second, 3, counted(first, 5));
      assert.deepEqual([merged.rows, merged.fromMs, merged.toMs], [whole.rows, whole.fromMs, whole.toMs]);
      const [a, b] = [profiles(merged), profiles(whole)];
      assert.deepEqual(a[1], b[1]);
      const [{ mean, m2, ...counts }, { mean: wholeMean, m2: wholeM2, ...wholeCounts }] = [
        a[0]!.numeric!,
        b[0]!.numeric!,
      ];
      assert.deepEqual(counts, wholeCounts);
      assert.ok(Number.isFinite(mean) && Math.abs(mean - wholeMean) < 1e-9 && Math.abs(m2 - wholeM2) < 1e-6);
    }),
    { numRuns: 200 },
  );
});

test("a value that is absent is none, everything else has its place", () => {
  const window = counted(
    [
      [
        [0, markOk],
        [-1, markOk],
      ],
      [
        [1, markOk],
        [1e6, markOk],
      ],
      [
        [0, markUnseen],
        [Number.NaN, markNan],
      ],
      [
        [0, markNull],
        [0, markNull],
      ],
      [
        [0, markAbsent],
        [0, markAbsent],
      ],
    ],
    0,
  );
  const [numbers, categories] = profiles(window);
  const { underflow_count: under, overflow_count: over, null_count: nulls, count } = numbers!.numeric!;
  assert.deepEqual([under, over, nulls, count], [1, 1, 2, 2]);
  assert.deepEqual(comparedBins(window.signals[1]!), Float64Array.of(1, 1, 1));
  assert.equal(categories!.categorical!.null_count, 1);
  clearWindowCounts(window);
  assert.deepEqual(profiles(window), profiles(createWindowCounts(signals)));
});

test("a window is complete with its rows and its length", () => {
  const config = readDriftConfig(Section.parse("windowRows: 500\nwindowSeconds: 60"));
  const window = { signals: [], rows: 500, fromMs: 1000, toMs: 2000 };
  assert.ok(isWindowComplete(window, 61_000, config));
  assert.ok(!isWindowComplete(window, 60_999, config));
  assert.ok(!isWindowComplete({ ...window, rows: 499 }, 1e9, config));
  assert.ok(!isWindowComplete(createWindowCounts([]), 1e9, config));
});

test("shares of what should not be in a reference", () => {
  const [numbers] = signals;
  const spoilt = { ...numbers!.numeric!, count: 70, null_count: 20, infinite_count: 10, overflow_count: 7 };
  assert.deepEqual(
    [...referenceShares({ ...numbers!, numeric: spoilt })],
    [
      ["nan", 0.2],
      ["inf", 0.1],
      ["out_of_range", 0.07],
    ],
  );
});

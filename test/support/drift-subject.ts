import type { ReferenceProfile, SignalProfile } from "../../src/model/package-messages.ts";
import {
  markInfinite,
  markNan,
  markNull,
  markOk,
  markUnseen,
  type SampledRows,
  type SignalLayout,
} from "../../src/monitor/collect/sampled-rows.ts";
import type { RandomSource } from "../../src/statistics/random.ts";
import { CategorySketch, NumberSketch } from "../../src/statistics/signal-sketch.ts";

/** A value of a row: a number, or a category; undefined is a missing one. */
export type CellValue = number | string | undefined;

/** How the values of each signal come, by its name. */
export type World = Readonly<Record<string, (random: RandomSource) => CellValue>>;

/** One row of a world. */
export function drawRow(world: World, random: RandomSource): readonly CellValue[] {
  return Object.values(world).map((draw) => draw(random));
}

/** The profile of so many rows of a world, as `sluice profile` makes it. */
export function profileOf(world: World, rows: number, random: RandomSource): ReferenceProfile {
  const names = Object.keys(world);
  const drawn = Array.from({ length: rows }, () => drawRow(world, random));
  const signals = names.map((name, column): SignalProfile => {
    const values = drawn.map((row) => row[column]);
    const identity = { name, tensor: "features", column, role: "SIGNAL_ROLE_INPUT" } as const;
    if (values.some((value) => typeof value === "string")) {
      const sketch = new CategorySketch();
      for (const value of values) sketch.add(value);
      return { ...identity, datatype: "BYTES", categorical: sketch.summarize()! };
    }
    const sketch = new NumberSketch();
    for (const value of values) sketch.add(Number(value));
    return { ...identity, datatype: "FP32", numeric: sketch.summarize(10)! };
  });
  const empty = { calibrations: [], expected: [], labels: [] };
  return { format_version: 1, model_name: "m", model_version: 0, row_count: rows, signals, ...empty };
}

/** The layout in which the collector hands the signals of a profile over. */
export function layoutOf({ signals }: ReferenceProfile): SignalLayout {
  return {
    signals: signals.map(({ categorical, numeric, ...identity }) => ({
      ...identity,
      kind: categorical === undefined ? "numeric" : "categorical",
      categories: categorical?.categories.map(({ text, code }) => text ?? String(code)) ?? [],
      minimum: numeric?.minimum ?? 0,
      maximum: numeric?.maximum ?? 0,
    })) as SignalLayout["signals"],
    inputCount: signals.length,
    note: "",
  };
}

/** Rows as the collector hands them over. */
export function sampledRows(layout: SignalLayout, rows: readonly (readonly CellValue[])[], atMs: number): SampledRows {
  const width = layout.signals.length;
  const cells = rows.flatMap((row) => row.map((value, i) => cellOf(layout.signals[i]!.categories, value)));
  return {
    count: rows.length,
    width,
    values: Float64Array.from(cells, ([value]) => value),
    marks: Uint8Array.from(cells, ([, mark]) => mark),
    atMs,
  };
}

function cellOf(categories: readonly string[], value: CellValue): readonly [value: number, mark: number] {
  if (value === undefined) return [0, markNull];
  if (typeof value === "string") {
    const index = categories.indexOf(value);
    return index === -1 ? [0, markUnseen] : [index, markOk];
  }
  if (Number.isNaN(value)) return [0, markNan];
  return Number.isFinite(value) ? [value, markOk] : [0, markInfinite];
}

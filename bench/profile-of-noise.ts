import type { ReferenceProfile, SignalProfile } from "../src/model/package-messages.ts";
import { NumberSketch } from "../src/statistics/signal-sketch.ts";
import { createRandom } from "./random.ts";

/** Rows that a profile rests on. */
const rows = 2000;

/** Bins of a signal. */
const bins = 20;

/** The reference profile of an FP32 input whose columns are noise. @param draw one value; default: normally distributed */
export function profileOf(
  tensor: string,
  columns: number,
  labels: readonly string[],
  draw: (random: () => number) => number = normal,
): ReferenceProfile {
  const random = createRandom(2);
  const signals = Array.from({ length: columns }, (_, column): SignalProfile => {
    const sketch = new NumberSketch();
    for (let i = 0; i < rows; i++) sketch.add(draw(random));
    const numeric = sketch.summarize(bins);
    if (numeric === undefined) throw new Error("a sketch of values has no profile");
    return { name: `f${column}`, tensor, column, datatype: "FP32", role: "SIGNAL_ROLE_INPUT", numeric };
  });
  const empty = { calibrations: [], expected: [] };
  return { format_version: 1, model_name: "", model_version: 0, row_count: rows, signals, labels, ...empty };
}

/** Box and Muller's way to a normally distributed number. */
export function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

import type { BenchOptions, Line } from "./bench-case.ts";
import { type Budget, estimate, median } from "./estimate.ts";

/** A piece of work, done once a turn. */
export type Turn = (index: number) => void;

/** CPU time of one turn in nanoseconds, from as many turns as take about `seconds`. */
export function nanosecondsPerTurn(turn: Turn, seconds: number): number {
  let turns = 0;
  const before = process.cpuUsage();
  const endMs = performance.now() + seconds * 1000;
  do {
    for (let i = 0; i < turnsPerLook; i++) turn(turns + i);
    turns += turnsPerLook;
  } while (performance.now() < endMs);
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1000) / turns;
}

const turnsPerLook = 256;

/** Share of `--seconds` that one measurement of a primitive takes: it needs no more. */
const secondsShare = 0.1;

/** How much longer both sides run before the first pair: compilers take their time. */
const warmUpFactor = 8;

export interface PrimitiveOptions {
  readonly what: string;
  readonly turn: Turn;
  /** The same work as somebody else, or nobody, would do it. */
  readonly limit?: { readonly name: string; readonly turn: Turn };
  /** Operations that one turn stands for, such as the messages of a batch. */
  readonly operations?: number;
  /** In nanoseconds an operation. */
  readonly budget?: Budget;
  readonly note?: string;
}

/** Measures a synchronous piece of work, alternating with its limit. */
export function measurePrimitive(options: PrimitiveOptions, { pairs, seconds }: BenchOptions): Line {
  const { what, turn, limit, operations = 1, budget, note } = options;
  const time = (work: Turn) => nanosecondsPerTurn(work, seconds * secondsShare) / operations;
  nanosecondsPerTurn(turn, seconds * secondsShare * warmUpFactor);
  if (limit !== undefined) nanosecondsPerTurn(limit.turn, seconds * secondsShare * warmUpFactor);
  const tested: number[] = [];
  const limits: number[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    tested.push(time(turn));
    limits.push(limit === undefined ? Number.NaN : time(limit.turn));
  }
  const isCompared = limit !== undefined && budget === undefined;
  return {
    what,
    measured: median(tested),
    unit: "ns",
    ...(limit === undefined ? {} : { limit: { name: limit.name, value: median(limits) } }),
    estimate: estimate(isCompared ? tested.map((value, index) => value / limits[index]!) : tested),
    estimateUnit: isCompared ? "x" : "ns",
    ...(budget === undefined ? {} : { budget }),
    ...(note === undefined ? {} : { note }),
  };
}

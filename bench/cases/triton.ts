import type { BenchCase, Line } from "../bench-case.ts";
import { type Budget, estimate, median } from "../estimate.ts";
import type { LoadResult } from "../load.ts";
import { seed } from "../models.ts";
import { alternate, combine } from "../pairs.ts";
import { type LoadOptions, Stage } from "../stage.ts";
import { TritonProcess } from "../triton-process.ts";

interface Comparison {
  readonly what: string;
  readonly load: Omit<LoadOptions, "seconds">;
  readonly unit: string;
  readonly of: (result: LoadResult) => number;
  readonly budget: Budget;
}

const cpuOfAll = (result: LoadResult): number => result.cpuPerCall.all;

const comparisons: readonly Comparison[] = [
  {
    what: "CPU of all processes per unary call, 64 in flight",
    load: { kind: "unary" },
    unit: "us",
    of: cpuOfAll,
    budget: { bound: "at most", value: 1 },
  },
  {
    what: "CPU of all processes per stream message, window 64",
    load: { kind: "stream", connections: 1 },
    unit: "us",
    of: cpuOfAll,
    budget: { bound: "at most", value: 0.5 },
  },
  {
    what: "p50 at one in flight",
    load: { kind: "unary", inFlight: 1, connections: 1 },
    unit: "ms",
    of: ({ p50Ms }) => p50Ms,
    budget: { bound: "at most", value: 1 },
  },
];

/** The peer that callers would otherwise use. */
export const tritonCase: BenchCase = {
  name: "serve/triton",
  summary: "CPU time and latency of small calls beside Triton, where it is installed",
  async run({ pairs, seconds }) {
    await using stage = Stage.create(seed);
    await using triton = await TritonProcess.start(stage.models, seed);
    const server = await stage.serve();
    const lines: Line[] = [];
    for (const { what, load, unit, of, budget } of comparisons) {
      const options = { ...load, seconds };
      const found = await alternate(
        pairs,
        async () => of(await server.load(options)),
        async () => of(await stage.load(triton.address, triton.pid, true, options)),
      );
      lines.push({
        what,
        measured: median(found.tested),
        unit,
        limit: { name: "Triton, Python backend", value: median(found.limit) },
        estimate: estimate(combine(found, (tested, limit) => tested / limit)),
        estimateUnit: "x",
        budget,
      });
    }
    return lines;
  },
};

import type { BenchCase, BenchOptions, Line } from "../bench-case.ts";
import { estimate, median } from "../estimate.ts";
import { seed } from "../models.ts";
import { alternate, combine } from "../pairs.ts";
import { Stage } from "../stage.ts";

/** Two servers side by side, of which one measures nothing. */
export const monitorOverheadCase: BenchCase = {
  name: "monitor/overhead",
  summary: "CPU time that the monitor adds to a unary call and to a stream message, beside --no-metrics",
  async run(options) {
    await using stage = Stage.create(seed);
    return [await measure(stage, options, "unary", 3), await measure(stage, options, "stream", 1)];
  },
};

async function measure(
  stage: Stage,
  { pairs, seconds }: BenchOptions,
  kind: "unary" | "stream",
  budget: number,
): Promise<Line> {
  const on = await stage.serve();
  const off = await stage.serve({ args: ["--no-metrics"] });
  const load = kind === "unary" ? { kind, seconds } : { kind, seconds, connections: 1 };
  const found = await alternate(
    pairs,
    async () => (await on.load(load)).cpuPerCall.own,
    async () => (await off.load(load)).cpuPerCall.own,
  );
  return {
    what: kind === "unary" ? "CPU of the front per unary call" : "CPU of the front per stream message",
    measured: median(found.tested),
    unit: "us",
    limit: { name: "--no-metrics", value: median(found.limit) },
    estimate: estimate(combine(found, (tested, limit) => tested - limit)),
    estimateUnit: "us more",
    budget: { bound: "at most", value: budget },
  };
}

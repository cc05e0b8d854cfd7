import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BenchCase, BenchOptions, Line } from "../bench-case.ts";
import { estimate, median } from "../estimate.ts";
import { seed } from "../models.ts";
import { alternate, combine } from "../pairs.ts";
import { type LoadOptions, Stage } from "../stage.ts";

/** Far more than the ten a second that are written by default. */
const monitorYaml = "payloadLog: { share: 0.2 }\n";

/** Two servers side by side over a model that asks for a payload log: one that may write it, and one without its folder. */
export const monitorPayloadLogCase: BenchCase = {
  name: "monitor/payload-log",
  summary:
    "CPU time that a payload log of ten requests a second adds to a call, beside the same server without its folder",
  async run(options) {
    const folder = await mkdtemp(join(tmpdir(), "sluice-bench-"));
    try {
      await using stage = Stage.create(seed);
      stage.models.addMonitor(seed.name, monitorYaml);
      const on = await stage.serve({ args: ["--payload-log-folder", folder] });
      const off = await stage.serve({});
      const unary = { kind: "unary", seconds: options.seconds } as const;
      const stream = { kind: "stream", seconds: options.seconds, connections: 1 } as const;
      const measure = (what: string, load: LoadOptions) => compare(options, { what, load, on, off });
      return [await measure("unary call", unary), await measure("stream message", stream)];
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

type Target = Awaited<ReturnType<Stage["serve"]>>;

interface Comparison {
  readonly what: string;
  readonly load: LoadOptions;
  readonly on: Target;
  readonly off: Target;
}

async function compare({ pairs }: BenchOptions, { what, load, on, off }: Comparison): Promise<Line> {
  const found = await alternate(
    pairs,
    async () => (await on.load(load)).cpuPerCall.own,
    async () => (await off.load(load)).cpuPerCall.own,
  );
  return {
    what: `CPU of the front per ${what}`,
    measured: median(found.tested),
    unit: "us",
    limit: { name: "no folder", value: median(found.limit) },
    estimate: estimate(combine(found, (tested, limit) => tested - limit)),
    estimateUnit: "us more",
  };
}

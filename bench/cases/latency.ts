import type { BareRunRequest, BareRunResult } from "../bare-runtime.ts";
import type { BenchCase } from "../bench-case.ts";
import { estimate, median } from "../estimate.ts";
import { seed } from "../models.ts";
import { alternate, combine } from "../pairs.ts";
import { Stage } from "../stage.ts";

const one = { kind: "unary", inFlight: 1, connections: 1 } as const;

/** What one caller alone waits for, beyond the network and the model. */
export const latencyCase: BenchCase = {
  name: "serve/latency",
  summary: "median latency of one request in flight, beside the bare echo's plus the model's own run",
  async run({ pairs, seconds, profileFolder }) {
    await using stage = Stage.create(seed);
    const server = await stage.serve({ profileFolder });
    const echo = await stage.echo({ profileFolder });
    const runtime = stage.child("bare-runtime.ts");
    const bareRun: BareRunRequest = {
      modelPath: stage.models.modelPath(seed.name),
      samplesPath: stage.models.samplesPath(seed.name),
      rows: 1,
      threads: 1,
      seconds: seconds / 4,
    };
    const found = await alternate(
      pairs,
      async () => (await server.load({ ...one, seconds })).p50Ms,
      async () => {
        const { p50Ms } = await echo.load({ ...one, seconds });
        return p50Ms + (await runtime.ask<BareRunRequest, BareRunResult>(bareRun)).p50Ms;
      },
    );
    return [
      {
        what: "p50 at one in flight",
        measured: median(found.tested),
        unit: "ms",
        limit: { name: "bare echo plus the model's run", value: median(found.limit) },
        estimate: estimate(combine(found, (tested, limit) => tested - limit)),
        estimateUnit: "ms more",
        budget: { bound: "at most", value: 0.25 },
      },
    ];
  },
};

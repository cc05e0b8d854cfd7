import { availableParallelism } from "node:os";
import type { BareRunRequest, BareRunResult } from "../bare-runtime.ts";
import type { BenchCase } from "../bench-case.ts";
import { estimate, median } from "../estimate.ts";
import { heavy } from "../models.ts";
import { alternate, combine } from "../pairs.ts";
import { Stage } from "../stage.ts";

/** Where compute decides: how much of what ONNX Runtime can do alone reaches the callers. */
export const heavyCase: BenchCase = {
  name: "serve/heavy",
  summary: "rows per second of a 54 MB model, 96 in flight, beside onnxruntime-node alone at batch 32",
  async run({ pairs, seconds, profileFolder }) {
    const threads = Math.max(1, availableParallelism() - 1); // the server's default
    await using stage = Stage.create(heavy);
    const server = await stage.serve({ profileFolder, args: [`--intra-op-threads=${threads}`] });
    const runtime = stage.child("bare-runtime.ts");
    const bareRun: BareRunRequest = {
      modelPath: stage.models.modelPath(heavy.name),
      samplesPath: stage.models.samplesPath(heavy.name),
      rows: heavy.maxBatchSize,
      threads,
      seconds,
    };
    const found = await alternate(
      pairs,
      () => server.load({ kind: "unary", inFlight: 96, seconds }),
      () => runtime.ask<BareRunRequest, BareRunResult>(bareRun),
    );
    return [
      {
        what: "rows per second",
        measured: median(found.tested.map(({ callsPerSecond }) => callsPerSecond)),
        unit: "/s",
        limit: { name: "onnxruntime-node alone", value: median(found.limit.map((result) => result.rowsPerSecond)) },
        estimate: estimate(combine(found, (tested, limit) => tested.callsPerSecond / limit.rowsPerSecond)),
        estimateUnit: "x",
        budget: { bound: "at least", value: 0.95 },
        note: `${threads} thread${threads === 1 ? "" : "s"} each`,
      },
    ];
  },
};

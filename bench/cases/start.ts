import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { BenchCase } from "../bench-case.ts";
import { estimate, median } from "../estimate.ts";
import { alternate } from "../pairs.ts";
import { ServerProcess } from "../server-process.ts";

const repository = join(import.meta.dirname, "..", "..", "examples", "repository");

/** Starts of one case: each takes about a second, and they vary little. */
const maxPairs = 5;

/** How long after its start the demo repository is served. */
export const startCase: BenchCase = {
  name: "serve/start",
  summary: "time from the start of the process to ready, demo repository, beside Node's own start",
  async run({ pairs, profileFolder }) {
    const found = await alternate(
      Math.min(pairs, maxPairs),
      async () => {
        await using server = await ServerProcess.start(repository, { profileFolder });
        return server.startMs / 1000;
      },
      async () => {
        const startMs = performance.now();
        execFileSync(process.execPath, ["-e", ""]);
        return (performance.now() - startMs) / 1000;
      },
    );
    return [
      {
        what: "start to ready",
        measured: median(found.tested),
        unit: "s",
        limit: { name: "node -e ''", value: median(found.limit) },
        estimate: estimate(found.tested),
        estimateUnit: "s",
        budget: { bound: "at most", value: 3 },
      },
    ];
  },
};

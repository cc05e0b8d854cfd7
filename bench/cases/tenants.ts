import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BenchCase, BenchOptions, Line } from "../bench-case.ts";
import { estimate, median } from "../estimate.ts";
import { heavy } from "../models.ts";
import { alternate, combine } from "../pairs.ts";
import { Stage, type Target } from "../stage.ts";

/** Small batches, so that what one tenant has in the server is many of them. */
const model = { ...heavy, name: "heavy8", maxBatchSize: 8 };

const tenantsFile = `tenants:
  quiet: { weight: 1 }
  busy: { weight: 1 }
  three: { weight: 3 }
  one: { weight: 1 }
`;

/** The length over which shares are told, as a multiple of one measurement. */
const shareLength = 10;
const shareRuns = 3;

/** Enough to keep batches of 8 full by oneself. */
const backlog = { kind: "unary", inFlight: 100, connections: 2 } as const;
const few = { kind: "unary", inFlight: 2, connections: 1, tenants: ["quiet"] } as const;

/** Two tenants on one model. */
export const tenantsCase: BenchCase = {
  name: "serve/tenants",
  summary: "p99 of a tenant with 2 in flight beside one with 200, shares by weight, and what made up names gain",
  async run(options) {
    await using stage = Stage.create(model);
    const path = join(stage.models.path, "tenants.yaml");
    writeFileSync(path, tenantsFile);
    const server = await stage.serve({ profileFolder: options.profileFolder, args: ["--tenants", path] });
    const filling = await stage.serve({ args: ["--tenants", path, "--batch-stretch", "1000"] });
    return [
      ...(await quietBesideBusy(server, options, "")),
      ...(await quietBesideBusy(filling, options, ", every batch filled")),
      await ratio(server, options, "rows of weight 3 to rows of weight 1", ["three"], ["one"], 3),
      await ratio(server, options, "rows of 100 made up names to rows of a listed one", madeUp, ["one"], 1),
    ];
  },
};

const madeUp = Array.from({ length: 100 }, (_, index) => `made-up-${index}`);

/** The 99th percentile, which has a budget where the server has its defaults, and the median. */
async function quietBesideBusy(server: Target, { pairs, seconds }: BenchOptions, how: string): Promise<Line[]> {
  const warmUpSeconds = 0.3;
  const medians: { tested: number[]; limit: number[] } = { tested: [], limit: [] };
  const found = await alternate(
    pairs,
    async () => {
      const busy = { kind: "unary", inFlight: 200, connections: 4, tenants: ["busy"] } as const;
      const [quiet] = await Promise.all([
        server.load({ ...few, seconds, warmUpSeconds }),
        server.loadBeside({ ...busy, seconds: seconds + 2 * warmUpSeconds, warmUpSeconds: 0 }),
      ]);
      medians.tested.push(quiet.p50Ms);
      return quiet.p99Ms;
    },
    async () => {
      const alone = await server.load({ ...few, seconds, warmUpSeconds });
      medians.limit.push(alone.p50Ms);
      return alone.p99Ms;
    },
  );
  const line = (what: string, times: typeof found): Line => ({
    what: `${what} of 2 in flight beside another tenant's 200${how}`,
    measured: median(times.tested),
    unit: "ms",
    limit: { name: "alone", value: median(times.limit) },
    estimate: estimate(combine(times, (tested, limit) => tested / limit)),
    estimateUnit: "x",
  });
  const budget = { bound: "at most", value: 2 } as const;
  const withoutWarmUp = { tested: medians.tested.slice(-pairs), limit: medians.limit.slice(-pairs) };
  return [how === "" ? { ...line("p99", found), budget } : line("p99", found), line("p50", withoutWarmUp)];
}

/** Both with more than enough to do. The estimate is how far the ratio of what was answered lies from the one that is due. */
async function ratio(
  server: Target,
  { seconds }: BenchOptions,
  what: string,
  first: readonly string[],
  second: readonly string[],
  due: number,
): Promise<Line> {
  const ratios: number[] = [];
  const load = { ...backlog, seconds: seconds * shareLength, warmUpSeconds: 0.5 };
  for (let run = 0; run < shareRuns; run++) {
    const [a, b] = await Promise.all([
      server.load({ ...load, tenants: first }),
      server.loadBeside({ ...load, tenants: second }),
    ]);
    ratios.push(a.calls / b.calls);
  }
  return {
    what,
    measured: median(ratios),
    unit: "x",
    limit: { name: "due", value: due },
    estimate: estimate(ratios.map((value) => Math.abs(value / due - 1) * 100)),
    estimateUnit: "% off",
    budget: { bound: "at most", value: 5 },
  };
}

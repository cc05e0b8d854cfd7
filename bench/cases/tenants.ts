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
    return [
      await quietBesideBusy(server, options),
      await ratio(server, options, "rows of weight 3 to rows of weight 1", ["three"], ["one"], 3),
      await ratio(server, options, "rows of 100 made up names to rows of a listed one", madeUp, ["one"], 1),
    ];
  },
};

const madeUp = Array.from({ length: 100 }, (_, index) => `made-up-${index}`);

async function quietBesideBusy(server: Target, { pairs, seconds }: BenchOptions): Promise<Line> {
  const warmUpSeconds = 0.3;
  const found = await alternate(
    pairs,
    async () => {
      const busy = { kind: "unary", inFlight: 200, connections: 4, tenants: ["busy"] } as const;
      const [quiet] = await Promise.all([
        server.load({ ...few, seconds, warmUpSeconds }),
        server.loadBeside({ ...busy, seconds: seconds + 2 * warmUpSeconds, warmUpSeconds: 0 }),
      ]);
      return quiet.p99Ms;
    },
    async () => (await server.load({ ...few, seconds, warmUpSeconds })).p99Ms,
  );
  return {
    what: "p99 of 2 in flight beside another tenant's 200",
    measured: median(found.tested),
    unit: "ms",
    limit: { name: "alone", value: median(found.limit) },
    estimate: estimate(combine(found, (tested, limit) => tested / limit)),
    estimateUnit: "x",
    budget: { bound: "at most", value: 2 },
  };
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

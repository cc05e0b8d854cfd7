import type { BenchCase, Line } from "../bench-case.ts";
import { estimate, median } from "../estimate.ts";
import type { LoadResult } from "../load.ts";
import { bulk } from "../models.ts";
import { alternate, combine, type Pairs } from "../pairs.ts";
import { type LoadOptions, Stage } from "../stage.ts";
import { cpuLine } from "./calls.ts";

/** What sluice lets a connection's windows grow to by itself. */
const windows = { stream: 4 * 1024 * 1024, connection: 16 * 1024 * 1024 };

const rowsPerMessage = 256;

/** Messages of 1 MB on one stream, so that copies and windows decide, not calls. */
const load = { kind: "stream", connections: 1, inFlight: 16, rowsPerMessage } as const satisfies Partial<LoadOptions>;

export const bulkCase: BenchCase = {
  name: "serve/bulk",
  summary:
    "CPU time and rows per second of one stream of 1 MB messages, beside the bare echo with the same receive windows",
  async run({ pairs, seconds, profileFolder }) {
    await using stage = Stage.create(bulk);
    const server = await stage.serve({ profileFolder });
    const echo = await stage.echo({ profileFolder, windows });
    const found = await alternate(
      pairs,
      () => server.load({ ...load, seconds }),
      () => echo.load({ ...load, seconds }),
    );
    return [
      cpuLine("CPU of the front process per message", found, (result) => result.cpuPerCall.own, 1.3),
      cpuLine("CPU of all processes per message", found, (result) => result.cpuPerCall.all, undefined),
      rowsLine(found),
    ];
  },
};

function rowsLine(found: Pairs<LoadResult, LoadResult>): Line {
  const rows = (result: LoadResult) => result.callsPerSecond * rowsPerMessage;
  return {
    what: "rows per second, cores shared with the load",
    measured: median(found.tested.map(rows)),
    unit: "/s",
    limit: { name: "bare echo, same windows", value: median(found.limit.map(rows)) },
    estimate: estimate(combine(found, (tested, limit) => rows(tested) / rows(limit))),
    estimateUnit: "x",
    budget: { bound: "at least", value: 0.62 },
  };
}

import type { BenchCase, BenchOptions, Line } from "../bench-case.ts";
import { estimate, median } from "../estimate.ts";
import type { LoadResult } from "../load.ts";
import { meanBatchRows } from "../metrics.ts";
import { seed } from "../models.ts";
import { alternate, combine, type Pairs } from "../pairs.ts";
import { Stage } from "../stage.ts";

/** CPU time of small calls beside a bare grpc-js echo with the same messages: what sluice itself costs on top of gRPC in Node. */

export const unaryCase: BenchCase = {
  name: "serve/unary",
  summary: "CPU time per unary call of 4 KB, 64 in flight, beside a bare grpc-js echo",
  run: (options) => run("unary", options),
};

export const streamCase: BenchCase = {
  name: "serve/stream",
  summary: "CPU time per stream message of 4 KB, window 64, beside the bare echo on a bidirectional stream",
  run: (options) => run("stream", options),
};

async function run(kind: "unary" | "stream", { pairs, seconds, profileFolder }: BenchOptions): Promise<Line[]> {
  await using stage = Stage.create(seed);
  const server = await stage.serve({ profileFolder });
  const echo = await stage.echo({ profileFolder });
  const load = kind === "unary" ? { kind, seconds } : { kind, seconds, connections: 1 };
  const found = await alternate(
    pairs,
    () => server.load(load),
    () => echo.load(load),
  );
  const isUnary = kind === "unary";
  return [
    cpuLine("CPU of the front process per call", found, (result) => result.cpuPerCall.own, isUnary ? 1.25 : 1.4),
    // For streams the budget of all processes is half of Triton's: serve/triton.
    cpuLine("CPU of all processes per call", found, (result) => result.cpuPerCall.all, isUnary ? 1.5 : undefined),
    { ...rateLine(found), note: `batches of ${(await meanBatchRows(server.server)).toFixed(1)} rows` },
  ];
}

/** CPU time beside that of the echo. */
export function cpuLine(
  what: string,
  found: Pairs<LoadResult, LoadResult>,
  cpu: (result: LoadResult) => number,
  budget: number | undefined,
): Line {
  return {
    what,
    measured: median(found.tested.map(cpu)),
    unit: "us",
    limit: { name: "bare echo", value: median(found.limit.map(cpu)) },
    estimate: estimate(combine(found, (tested, limit) => cpu(tested) / cpu(limit))),
    estimateUnit: "x",
    ...(budget === undefined ? {} : { budget: { bound: "at most", value: budget } }),
  };
}

function rateLine(found: Pairs<LoadResult, LoadResult>): Line {
  return {
    what: "calls per second, cores shared with the load",
    measured: median(found.tested.map(({ callsPerSecond }) => callsPerSecond)),
    unit: "/s",
    limit: { name: "bare echo", value: median(found.limit.map(({ callsPerSecond }) => callsPerSecond)) },
    estimate: estimate(combine(found, (tested, limit) => tested.callsPerSecond / limit.callsPerSecond)),
    estimateUnit: "x",
  };
}

import type { BenchCase, Line } from "../bench-case.ts";
import { estimate } from "../estimate.ts";
import type { ManyStreamsRequest, ManyStreamsResult } from "../many-streams-process.ts";
import { seed } from "../models.ts";
import { Stage } from "../stage.ts";

const streams = 10_000;
const connections = 20;
const intervalMs = 1_000;

/** Least time of sending, seconds: each stream several times. */
const leastSeconds = 10;

export const manyStreamsCase: BenchCase = {
  name: "serve/many-streams",
  summary: `memory and latency with ${streams} open streams, one message a second each`,
  async run({ seconds, profileFolder }) {
    await using stage = Stage.create(seed);
    const { server } = await stage.serve({ profileFolder });
    const child = stage.child("many-streams-process.ts");
    const result = await child.ask<ManyStreamsRequest, ManyStreamsResult>({
      address: server.grpcAddress,
      pid: server.pid,
      model: seed.name,
      samplesPath: stage.models.samplesPath(seed.name),
      streams,
      connections,
      intervalMs,
      seconds: Math.max(leastSeconds, seconds),
    });
    const { beforeBytes, openBytes, busyBytes } = result;
    return [
      line("memory of the front per open stream", (openBytes - beforeBytes) / streams / 1024, "KB"),
      line("the same at its highest, in use", (busyBytes - beforeBytes) / streams / 1024, "KB"),
      line("p50 of a message", result.p50Ms, "ms"),
      {
        ...line("p99 of a message", result.p99Ms, "ms"),
        note: `${result.answers} answers, cores shared with the load`,
      },
    ];
  },
};

/** A single measurement without a limit beside it. */
function line(what: string, measured: number, unit: string): Line {
  return { what, measured, unit, estimate: estimate([measured]), estimateUnit: unit };
}

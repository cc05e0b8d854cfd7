import type { BenchCase, BenchOptions, Line } from "../bench-case.ts";
import { Child } from "../child.ts";
import type { ClientRequest, ClientResult } from "../client-process.ts";
import type { EchoAddress, EchoOptions } from "../echo-server.ts";
import { estimate, median } from "../estimate.ts";
import { alternate, combine, type Pairs } from "../pairs.ts";

/** What the client costs on top of gRPC in Node: a program that pushes a million rows pays for it with every message. */
export const clientStreamCase: BenchCase = {
  name: "client/stream",
  summary:
    "CPU time of the client per stream message of 4 KB and of 1 MB, beside a bare grpc-js client, against the bare echo",
  run,
};

/** As the client's own default. */
const receiveWindowBytes = 4 * 1024 * 1024;
const bulkWindows = { stream: 1024 * 1024, connection: receiveWindowBytes };
const shapes = [
  { what: "4 KB", rows: 1, window: 64 },
  { what: "1 MB", rows: 256, window: 16 },
] as const;

async function run({ pairs, seconds, profileFolder }: BenchOptions): Promise<Line[]> {
  await using echo = new Child("echo-server.ts");
  const { address } = await echo.ask<EchoOptions, EchoAddress>({ windows: bulkWindows });
  await using child = new Child("client-process.ts", { profileFolder });
  const lines: Line[] = [];
  for (const { what, rows, window } of shapes) {
    const ask = (kind: ClientRequest["kind"]) =>
      child.ask<ClientRequest, ClientResult>({
        kind,
        address,
        rows,
        window,
        receiveWindowBytes,
        warmUpSeconds: 0.2,
        seconds,
      });
    const found = await alternate(
      pairs,
      () => ask("sluice"),
      () => ask("bare"),
    );
    lines.push(
      line(`CPU of the client per message of ${what}`, "us", found, ({ cpuPerMessage }) => cpuPerMessage),
      line(
        `messages of ${what} per second, cores shared with the echo`,
        "/s",
        found,
        (result) => result.messagesPerSecond,
      ),
    );
  }
  return lines;
}

function line(
  what: string,
  unit: string,
  found: Pairs<ClientResult, ClientResult>,
  of: (result: ClientResult) => number,
): Line {
  return {
    what,
    measured: median(found.tested.map(of)),
    unit,
    limit: { name: "bare grpc-js", value: median(found.limit.map(of)) },
    estimate: estimate(combine(found, (tested, limit) => of(tested) / of(limit))),
    estimateUnit: "x",
  };
}

import { readdirSync, readFileSync } from "node:fs";
import { resolveConfig, type ServeConfig } from "../../src/config.ts";
import { type RunningServer, startServer } from "../../src/serve.ts";

/** A real server on free loopback ports in this process, quiet, on the CPU unless told otherwise. Resolves when its models have loaded or failed. */
export async function startTestServer(path: string, options: Partial<ServeConfig> = {}): Promise<RunningServer> {
  const server = await startServer(
    path,
    resolveConfig({ grpcPort: 0, httpPort: 0, device: "cpu", logLevel: "error", exitTimeoutMs: 10_000, ...options }),
  );
  await server.started;
  return server;
}

/** Process ids of the children of a process: the runtime processes of a server that runs in it. Linux only. */
export function childProcesses(pid = process.pid): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((child) => parentOf(child) === pid);
}

function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return 0; // it has ended meanwhile
  }
}

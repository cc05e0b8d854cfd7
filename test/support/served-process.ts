import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Ending, isAlive } from "./reliability-subject.ts";
import { childProcesses } from "./test-server.ts";

const main = join(import.meta.dirname, "..", "..", "src", "main.ts");

/** `sluice serve` as a process of its own, as an operator runs it. Killed at the end of the test if it still lives. */
export class ServedProcess {
  readonly grpcAddress: string;
  readonly httpAddress: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | string>;

  private constructor(
    child: ChildProcess,
    ended: Promise<number | string>,
    addresses: { grpcAddress: string; httpAddress: string },
  ) {
    this.#child = child;
    this.#ended = ended;
    this.grpcAddress = addresses.grpcAddress;
    this.httpAddress = addresses.httpAddress;
  }

  /** Resolves when the server is ready. @param args may name ports, which are free ones otherwise */
  static async start(ending: Ending, repository: string, args: readonly string[] = []): Promise<ServedProcess> {
    const ports = ["--grpc-port", "--http-port"].filter((port) => !args.includes(port)).flatMap((port) => [port, "0"]);
    const fixed = [...ports, "--device", "cpu", "--log-level", "error", "--json"];
    const child = spawn(process.execPath, [main, "serve", repository, ...fixed, ...args], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    const ended = once(child, "exit").then(([code, signal]) => (code ?? signal) as number | string);
    ending.after(async () => {
      child.kill("SIGKILL");
      await ended;
    });
    const lines = createInterface({ input: child.stdout });
    const line = await Promise.race([once(lines, "line").then(([text]) => String(text)), ended]);
    assert.ok(typeof line === "string" && line.startsWith("{"), `the server ended with ${line}`);
    return new ServedProcess(child, ended, JSON.parse(line));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Its runtime processes. */
  runtimePids(): number[] {
    return childProcesses(this.pid).filter(isAlive);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Resolves to the exit code, or the signal that ended it. */
  ended(): Promise<number | string> {
    return this.#ended;
  }
}

/** Arena files that some process still holds or that have a name. */
export function arenaFiles(pids: readonly number[]): string[] {
  const held = pids.filter(isAlive).flatMap((pid) =>
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
      } catch {
        return []; // closed meanwhile
      }
    }),
  );
  return [...held, ...readdirSync("/dev/shm").map((name) => join("/dev/shm", name))].filter((path) =>
    /\/sluice-[0-9a-f]{32}/.test(path),
  );
}

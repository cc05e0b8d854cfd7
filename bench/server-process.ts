import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { endProcess, profileArguments } from "./child.ts";

/** What `sluice serve --json` prints when it is ready. */
interface ReadyLine {
  readonly grpcAddress: string;
  readonly httpAddress: string;
  readonly failed: readonly { readonly name: string; readonly reason: string }[];
}

export interface ServerOptions {
  /** Further arguments of `serve`. */
  readonly args?: readonly string[];
  /** Where it leaves a CPU profile of the front process when it ends. */
  readonly profileFolder?: string | undefined;
}

/** The server under test as a user starts it: `node src/main.ts serve`, on free ports, on the CPU, with its defaults. */
export class ServerProcess {
  readonly #process: ChildProcess;
  readonly grpcAddress: string;
  readonly httpAddress: string;
  /** From the start of the process until it was ready. */
  readonly startMs: number;

  private constructor(process: ChildProcess, ready: ReadyLine, startMs: number) {
    this.#process = process;
    this.grpcAddress = ready.grpcAddress;
    this.httpAddress = ready.httpAddress;
    this.startMs = startMs;
  }

  /** @throws Error when it does not get ready, or a model failed */
  static async start(path: string, { args = [], profileFolder }: ServerOptions = {}): Promise<ServerProcess> {
    const entry = join(import.meta.dirname, "..", "src", "main.ts");
    const options = ["--grpc-port=0", "--http-port=0", "--json", "--device=cpu", "--log-level=warn", ...args];
    const startedMs = performance.now();
    const child = spawn(
      process.execPath,
      [...profileArguments(profileFolder, "front"), entry, "serve", path, ...options],
      { stdio: ["ignore", "pipe", "pipe"], env: plainEnvironment() },
    );
    createInterface(child.stderr).on("line", (text) => {
      if (!text.startsWith("SIGTERM")) console.error(text); // what it logs when all is well
    });
    const lines = createInterface(child.stdout);
    const line = await Promise.race([once(lines, "line").then(([text]) => String(text)), once(child, "exit")]);
    if (typeof line !== "string") throw new Error(`the server ended before it was ready (exit code ${line[0]})`);
    const ready = JSON.parse(line) as ReadyLine; // the contract of --json
    const server = new ServerProcess(child, ready, performance.now() - startedMs);
    const [failed] = ready.failed;
    if (failed === undefined) return server;
    await server[Symbol.asyncDispose]();
    throw new Error(`model '${failed.name}' did not load: ${failed.reason}`);
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endProcess(this.#process, () => this.#process.kill("SIGTERM"));
  }
}

/** Options that the user's environment sets must not slip into a comparison. */
function plainEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("SLUICE_")));
}

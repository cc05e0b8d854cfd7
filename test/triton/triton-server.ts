import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { Client, credentials } from "@grpc/grpc-js";
import { type ComparedModel, writeRepository } from "./models.ts";

const root = join(process.env.TEST_TOOLS ?? join(homedir(), ".cache", "sluice-ci"), "triton");

/** Whether `.ci/install-triton` has run on this machine. */
export const isTritonInstalled = existsSync(join(root, "ready"));

const startLimitMs = 180_000;
const stopLimitMs = 30_000;

export interface RunningTriton {
  readonly address: string;
  /** Where its metrics are. */
  readonly metricsUrl: string;
  stop(): Promise<void>;
}

/** Starts the installed Triton over models that `script` runs, all loaded, under explicit model control. */
export async function startTriton(models: readonly ComparedModel[], script: string): Promise<RunningTriton> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-triton-"));
  writeRepository(folder, "python", models, (version) => cpSync(script, join(version, "model.py")));
  const [grpc, http, metrics] = await freePorts(3);
  const options = {
    "model-repository": folder,
    "backend-directory": join(root, "server", "backends"),
    "cache-directory": join(root, "server", "caches"),
    "model-control-mode": "explicit",
    "load-model": "*",
    "grpc-address": "127.0.0.1",
    "grpc-port": grpc,
    "http-address": "127.0.0.1",
    "http-port": http,
    "metrics-address": "127.0.0.1",
    "metrics-port": metrics,
  };
  const site = join(root, "site-packages");
  const child = spawn(
    join(root, "server", "bin", "tritonserver"),
    Object.entries(options).map(([key, option]) => `--${key}=${option}`),
    {
      stdio: ["ignore", "ignore", "pipe"],
      detached: true, // a group of its own, with the processes of the Python backend
      env: {
        ...process.env,
        LD_LIBRARY_PATH: join(site, "nvidia_pytriton.libs"),
        PATH: `${join(root, "venv", "bin")}:${process.env.PATH}`,
        PYTHONPATH: site,
      },
    },
  );
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => {
    log = (log + chunk.toString()).slice(-20_000);
  });
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), stopLimitMs);
      await once(child, "exit");
      clearTimeout(timer);
    }
    child.stderr.destroy(); // or processes that outlive a crash hold it open
    endGroup(child.pid);
    rmSync(folder, { recursive: true, force: true });
  };
  const address = `127.0.0.1:${grpc}`;
  const metricsUrl = `http://127.0.0.1:${metrics}/metrics`;
  try {
    await Promise.race([
      untilReady(address).then(() => untilMetrics(metricsUrl)),
      once(child, "exit").then(() => Promise.reject(new Error(`Triton ended while it started:\n${log}`))),
    ]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { address, metricsUrl, stop };
}

/** Ends what a crashed Triton leaves behind. */
function endGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // nothing was left
  }
}

/** Polls ServerReady, which Triton answers once its models are loaded. */
async function untilReady(address: string): Promise<void> {
  const asIs = (bytes: Buffer) => bytes;
  const deadline = performance.now() + startLimitMs;
  for (;;) {
    const client = new Client(address, credentials.createInsecure());
    const isReady = await new Promise<boolean>((resolve) => {
      const path = "/inference.GRPCInferenceService/ServerReady";
      const options = { deadline: Date.now() + 5_000 };
      client.makeUnaryRequest(path, asIs, asIs, Buffer.alloc(0), options, (_error, answer) =>
        resolve(answer !== undefined && answer.length > 0),
      );
    });
    client.close();
    if (isReady) return;
    if (performance.now() > deadline) throw new Error(`Triton is not ready after ${startLimitMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  const ports = await Promise.all(
    servers.map(async (server) => {
      await once(server, "listening");
      const address = server.address();
      return typeof address === "object" && address !== null ? address.port : 0;
    }),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Polls the page of metrics, whose port Triton opens after the one that says it is ready. */
async function untilMetrics(url: string): Promise<void> {
  const deadline = performance.now() + startLimitMs;
  for (;;) {
    const isThere = await fetch(url).then(
      async (response) => (await response.text()).length > 0,
      () => false,
    );
    if (isThere) return;
    if (performance.now() > deadline) throw new Error(`Triton has no metrics after ${startLimitMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

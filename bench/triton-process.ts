import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SkippedError } from "./bench-case.ts";
import { endProcess } from "./child.ts";
import type { BenchModel, ModelFolder } from "./models.ts";

const cache = process.env.TEST_TOOLS ?? join(homedir(), ".cache", "sluice-ci");
const root = join(cache, "triton");
const startLimitMs = 120_000;

/** A real Triton over one model, which its Python backend runs with onnxruntime: the peer of the speed budget. */
export class TritonProcess {
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly address: string;

  private constructor(process: ChildProcess, folder: string, address: string) {
    this.#process = process;
    this.#folder = folder;
    this.address = address;
  }

  /** @throws SkippedError when Triton is not installed or does not start here */
  static async start(models: ModelFolder, model: BenchModel): Promise<TritonProcess> {
    if (!existsSync(join(root, "ready"))) throw new SkippedError(`no Triton in ${root}: run .ci/install-triton`);
    const folder = mkdtempSync(join(tmpdir(), "sluice-bench-triton-"));
    writeRepository(folder, models, model);
    const [grpc = 0, http = 0, metrics = 0] = await freePorts(3);
    const child = spawn(join(root, "server", "bin", "tritonserver"), argumentsOf(folder, grpc, http, metrics), {
      stdio: "ignore",
      env: environment(),
    });
    const triton = new TritonProcess(child, folder, `127.0.0.1:${grpc}`);
    if (await isReady(child, http)) return triton;
    await triton[Symbol.asyncDispose]();
    throw new SkippedError("the installed Triton does not start");
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endProcess(this.#process, () => this.#process.kill("SIGTERM"));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function writeRepository(folder: string, models: ModelFolder, { name, layers, maxBatchSize }: BenchModel): void {
  const version = join(folder, name, "1");
  mkdirSync(version, { recursive: true });
  copyFileSync(models.modelPath(name), join(version, "model.onnx"));
  copyFileSync(join(dirname(import.meta.dirname), "test", "triton", "onnx_model.py"), join(version, "model.py"));
  const tensor = (of: string, width: number | undefined) => `{ name: "${of}" data_type: TYPE_FP32 dims: [ ${width} ] }`;
  const config = [
    `name: "${name}" backend: "python" max_batch_size: ${maxBatchSize} dynamic_batching { }`,
    `input [ ${tensor("x", layers[0])} ] output [ ${tensor("y", layers.at(-1))} ]`,
  ];
  writeFileSync(join(folder, name, "config.pbtxt"), config.join("\n"));
}

function argumentsOf(folder: string, grpc: number, http: number, metrics: number): string[] {
  const addresses = ["grpc", "http", "metrics"].map((kind) => `--${kind}-address=127.0.0.1`);
  return [
    `--model-repository=${folder}`,
    `--backend-directory=${join(root, "server", "backends")}`,
    `--cache-directory=${join(root, "server", "caches")}`,
    ...addresses,
    `--grpc-port=${grpc}`,
    `--http-port=${http}`,
    `--metrics-port=${metrics}`,
  ];
}

function environment(): NodeJS.ProcessEnv {
  const site = join(root, "site-packages");
  return {
    ...process.env,
    LD_LIBRARY_PATH: join(site, "nvidia_pytriton.libs"),
    PATH: `${join(root, "venv", "bin")}:${process.env.PATH}`,
    PYTHONPATH: site,
  };
}

async function isReady(child: ChildProcess, httpPort: number): Promise<boolean> {
  const deadlineMs = performance.now() + startLimitMs;
  while (child.exitCode === null && child.signalCode === null && performance.now() < deadlineMs) {
    const response = await fetch(`http://127.0.0.1:${httpPort}/v2/health/ready`).catch(() => undefined);
    if (response?.status === 200) return true;
    await sleep(200);
  }
  return false;
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  const ports: number[] = [];
  for (const server of servers) {
    if (!server.listening) await once(server, "listening");
    const address = server.address();
    if (typeof address === "object" && address !== null) ports.push(address.port);
  }
  for (const server of servers) server.close();
  return ports;
}

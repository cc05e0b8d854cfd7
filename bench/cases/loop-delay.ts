import { freemem } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { Client, credentials } from "@grpc/grpc-js";
import { type BenchCase, type Line, SkippedError } from "../bench-case.ts";
import { estimate } from "../estimate.ts";
import { inputWidth, ModelFolder } from "../models.ts";
import { noParameters } from "../../src/inference.ts";
import { inferenceService } from "../../src/protocol/definitions.ts";
import { encodeInferRequest } from "../../src/protocol/infer-request.ts";
import { decodeInferResponse } from "../../src/protocol/decode-response.ts";
import { ServerProcess } from "../server-process.ts";

/** The file, its copy in ONNX Runtime and the one being written. */
const neededBytes = 6 * 2 ** 30;

/** The shortest time between two readings of the server's own figure. */
const settleMs = 1200;

/** Whether long work beside the front process holds it up: its own event loop delay, as /metrics tells it. */
export const loopDelayCase: BenchCase = {
  name: "serve/loop-delay",
  summary: "event loop delay of the front process while a 300 ms batch runs and while a 1 GB model loads, beside idle",
  async run() {
    using models = new ModelFolder();
    if (freemem() < neededBytes) throw new SkippedError(`needs ${neededBytes / 2 ** 30} GB of free memory`);
    models.addSlow();
    models.addHuge();
    const args = ["--model-control=explicit", "--load-model=slow"];
    await using server = await ServerProcess.start(models.repository, { args });
    const client = new Client(server.grpcAddress, credentials.createInsecure());
    const idle = await delayDuring(server, () => sleep(settleMs));
    const batch = await delayDuring(server, () => runBatches(client));
    const load = await delayDuring(server, () => call(client, "RepositoryModelLoad", { model_name: "huge" }));
    client.close();
    return [
      toLine("p99 while batches run", batch, idle),
      toLine("p99 while a 1 GB model loads", load, idle),
    ];
  },
};

interface Delay {
  readonly p99Ms: number;
  readonly note: string;
}

function toLine(what: string, { p99Ms, note }: Delay, idle: Delay): Line {
  return {
    what,
    measured: p99Ms,
    unit: "ms",
    limit: { name: "idle", value: idle.p99Ms },
    estimate: estimate([p99Ms]),
    estimateUnit: "ms",
    budget: { bound: "at most", value: 20 },
    note,
  };
}

/** The figure of the time in between: a scrape begins a new one. */
async function delayDuring(server: ServerProcess, work: () => Promise<unknown>): Promise<Delay> {
  await readDelay(server);
  const startMs = performance.now();
  await work();
  const elapsedMs = performance.now() - startMs;
  await sleep(Math.max(0, settleMs - elapsedMs));
  return { p99Ms: await readDelay(server), note: `over ${(elapsedMs / 1000).toFixed(1)} s` };
}

async function readDelay({ httpAddress }: ServerProcess): Promise<number> {
  const text = await (await fetch(`http://${httpAddress}/metrics`)).text();
  const [, value] = /^nodejs_eventloop_delay_p99_seconds(?:\{[^}]*\})? (\S+)$/m.exec(text) ?? [];
  if (value === undefined) throw new Error("/metrics has no nodejs_eventloop_delay_p99_seconds");
  return Number(value) * 1000;
}

const rows = 32;

/** Enough batches in a row for a 99th percentile. */
async function runBatches(client: Client): Promise<void> {
  const shape = [rows, inputWidth];
  const data = new Uint8Array(new Float32Array(rows * inputWidth).fill(0.5).buffer);
  const request = encodeInferRequest({
    modelName: "slow",
    modelVersion: "",
    id: "",
    parameters: noParameters,
    inputs: [{ name: "x", datatype: "FP32", shape, data }],
    requestedOutputs: [],
    byteLength: 0,
  });
  for (let i = 0; i < 8; i++) {
    const answer = decodeInferResponse((await call(client, "ModelInfer", request)) as Buffer); // bytes, by its definition
    if (answer.outputs[0]?.shape.join() !== `${rows},1`) throw new Error("wrong answer of model 'slow'");
  }
}

function call(client: Client, name: string, request: object): Promise<object> {
  const method = inferenceService()[name];
  if (method === undefined) throw new Error(`no method ${name}`);
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(method.path, method.requestSerialize, method.responseDeserialize, request, (error, answer) =>
      error === null && answer !== undefined ? resolve(answer) : reject(error),
    );
  });
}

import { freemem } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { Client, credentials } from "@grpc/grpc-js";
import { noParameters } from "../../src/inference.ts";
import { decodeInferResponse } from "../../src/protocol/decode-response.ts";
import { inferenceService } from "../../src/protocol/definitions.ts";
import { encodeInferRequest } from "../../src/protocol/infer-request.ts";
import { type BenchCase, type Line, SkippedError } from "../bench-case.ts";
import { Child } from "../child.ts";
import { MetricsPage } from "../metrics.ts";
import { inputWidth, ModelFolder } from "../models.ts";
import { ServerProcess } from "../server-process.ts";

/** The file, its copy in ONNX Runtime and the one being written. */
const neededBytes = 6 * 2 ** 30;

/** The shortest time between two readings of the server's own figure. */
const settleMs = 1200;

/** Whether long work beside the front process holds it up: its own event loop delay, as /metrics tells it. */
export const loopDelayCase: BenchCase = {
  name: "serve/loop-delay",
  summary:
    "event loop delay of the front process while a 300 ms batch runs and while a 1 GB model loads, beside an idle process",
  async run() {
    using models = new ModelFolder();
    if (freemem() < neededBytes) throw new SkippedError(`needs ${neededBytes / 2 ** 30} GB of free memory`);
    models.addSlow();
    models.addHuge();
    const args = ["--model-control=explicit", "--load-model=slow"];
    await using server = await ServerProcess.start(models.repository, { args });
    await using idle = new Child("idle-process.ts");
    const client = new Client(server.grpcAddress, credentials.createInsecure());
    const lines = [
      await measure("p99 with nothing to do", server, idle, () => sleep(settleMs)),
      await measure("p99 while batches run", server, idle, () => runBatches(client)),
      await measure("p99 while a 1 GB model loads", server, idle, () =>
        call(client, "RepositoryModelLoad", { model_name: "huge" }),
      ),
    ];
    client.close();
    return lines;
  },
};

/** The delay of the time in between: both readings begin a new one. */
async function measure(what: string, server: ServerProcess, idle: Child, work: () => Promise<unknown>): Promise<Line> {
  await readDelay(server);
  await idle.ask({});
  const startMs = performance.now();
  await work();
  const elapsedMs = performance.now() - startMs;
  await sleep(Math.max(0, settleMs - elapsedMs));
  const p99Ms = await readDelay(server);
  const { p99Ms: idleMs } = await idle.ask<object, { p99Ms: number }>({});
  return {
    what,
    measured: p99Ms,
    unit: "ms",
    limit: { name: "an idle Node process beside it", value: idleMs },
    // What an idle process suffers is the machine's doing: how much of the figure is ours lies in between.
    estimate: { median: p99Ms, low: Math.max(0, p99Ms - idleMs), high: p99Ms, count: 1 },
    estimateUnit: "ms",
    budget: { bound: "at most", value: 20 },
    note: `over ${(elapsedMs / 1000).toFixed(1)} s`,
  };
}

async function readDelay(server: ServerProcess): Promise<number> {
  return (await MetricsPage.read(server)).value("nodejs_eventloop_delay_p99_seconds") * 1000;
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
    client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      (error, answer) => (error === null && answer !== undefined ? resolve(answer) : reject(error)),
    );
  });
}

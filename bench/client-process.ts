import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { createTensor, InferenceClient, type InferOptions } from "../src/index.ts";
import { noParameters } from "../src/inference.ts";
import { encodeInferRequest } from "../src/protocol/infer-request.ts";
import { answerParent } from "./child.ts";
import { inputWidth } from "./models.ts";

/**
 * A client that pushes messages through one stream as fast as the server answers, a process of its own, so that its CPU time can be told: sluice's
 * own, or grpc-js bare, which writes one finished message again and again and looks at no answer.
 */
export interface ClientRequest {
  readonly kind: "sluice" | "bare";
  readonly address: string;
  /** Rows of a message, 4 KB each. */
  readonly rows: number;
  readonly window: number;
  readonly receiveWindowBytes: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
}

export interface ClientResult {
  readonly messagesPerSecond: number;
  /** CPU time of this process per message, microseconds. */
  readonly cpuPerMessage: number;
}

const model = "seed";

/** Counts the messages between the end of the warm-up and the end. */
class Meter {
  readonly #startMs: number;
  readonly #endMs: number;
  #messages = 0;
  #cpu: NodeJS.CpuUsage | undefined;
  #result: ClientResult | undefined;
  #begunMs = 0;

  constructor({ warmUpSeconds, seconds }: ClientRequest) {
    this.#startMs = performance.now() + warmUpSeconds * 1000;
    this.#endMs = this.#startMs + seconds * 1000;
  }

  /** Whether the time is over. Called with every message. */
  count(): boolean {
    const nowMs = performance.now();
    if (nowMs < this.#startMs) return false;
    if (this.#cpu === undefined) {
      this.#cpu = process.cpuUsage();
      this.#begunMs = nowMs;
      return false;
    }
    this.#messages++;
    if (nowMs < this.#endMs) return false;
    const { user, system } = process.cpuUsage(this.#cpu);
    this.#result ??= {
      messagesPerSecond: (this.#messages / (nowMs - this.#begunMs)) * 1000,
      cpuPerMessage: (user + system) / this.#messages,
    };
    return true;
  }

  get result(): ClientResult {
    if (this.#result === undefined) throw new Error("no message was answered within the measured time");
    return this.#result;
  }
}

async function runSluice(request: ClientRequest): Promise<ClientResult> {
  const { address, window, receiveWindowBytes } = request;
  const values = new Float32Array(request.rows * inputWidth);
  const meter = new Meter(request);
  let isOver = false;
  function* requests(): Generator<InferOptions> {
    for (let id = 0; !isOver; id++) {
      yield { model, id: String(id), inputs: [createTensor("x", "FP32", [request.rows, inputWidth], values)] };
    }
  }
  const client = InferenceClient.connect(address, { streamWindow: window, receiveWindowBytes });
  let next = 0;
  try {
    for await (const { id, response } of client.inferStream(requests())) {
      const [output] = response?.outputs ?? [];
      if (id !== String(next++) || output?.shape[0] !== request.rows)
        throw new Error(`wrong answer to ${next}: '${id}'`);
      isOver ||= meter.count();
    }
  } finally {
    client.close();
  }
  return meter.result;
}

async function runBare(request: ClientRequest): Promise<ClientResult> {
  const client = new Client(request.address, credentials.createInsecure(), {
    "grpc.max_send_message_length": -1,
    "grpc.enable_retries": 0, // a stream of ours has none either
    "grpc-node.flow_control_window": request.receiveWindowBytes,
  });
  const message = encodeInferRequest({
    modelName: model,
    modelVersion: "",
    id: "0",
    parameters: noParameters,
    inputs: [createTensor("x", "FP32", [request.rows, inputWidth], new Float32Array(request.rows * inputWidth))],
    requestedOutputs: [],
    byteLength: 0,
  });
  const meter = new Meter(request);
  const bytes = (buffer: Buffer) => buffer;
  const call = client.makeBidiStreamRequest(
    "/inference.GRPCInferenceService/ModelStreamInfer",
    bytes,
    bytes,
    new Metadata(),
    {},
  );
  try {
    await new Promise<void>((resolve, reject) => {
      let isOver = false;
      call.on("data", () => {
        if (isOver) return;
        isOver = meter.count();
        if (isOver) call.end();
        else call.write(message);
      });
      call.on("error", reject);
      call.on("end", resolve);
      for (let i = 0; i < request.window; i++) call.write(message);
    });
  } finally {
    client.close();
  }
  return meter.result;
}

answerParent((request: ClientRequest) => (request.kind === "sluice" ? runSluice(request) : runBare(request)));

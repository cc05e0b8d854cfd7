import { setTimeout as sleep } from "node:timers/promises";
import { noParameters } from "../src/inference.ts";
import { decodeInferResponse } from "../src/protocol/decode-response.ts";
import { encodeInferRequest } from "../src/protocol/infer-request.ts";
import { answerParent } from "./child.ts";
import { Connection } from "./connection.ts";
import { createRandom } from "./random.ts";
import { tolerance } from "./samples.ts";

/** Rows of random lengths for a model of length-model.ts, kept in flight for so long. */
export interface LengthLoadRequest {
  readonly address: string;
  readonly model: string;
  /** The same model, asked once for each row beforehand: what the answers have to be. */
  readonly reference: string;
  readonly vocabulary: number;
  readonly maxLength: number;
  readonly inFlight: number;
  readonly seconds: number;
}

export interface LengthLoadResult {
  readonly rowsPerSecond: number;
  readonly p99Ms: number;
}

interface Row {
  readonly message: Buffer;
  readonly length: number;
  readonly expected: Float32Array;
}

const rowCount = 256;
const connectionCount = 4;
const warmUpMs = 200;

/** @param hasMask the model takes its mask from its callers */
function encodeRow(model: string, ids: BigInt64Array, hasMask: boolean): Buffer {
  const shape = [1, ids.length];
  const mask = new Float32Array(ids.length).fill(1);
  return encodeInferRequest({
    modelName: model,
    modelVersion: "",
    id: "",
    parameters: noParameters,
    inputs: [
      { name: "ids", datatype: "INT64", shape, data: new Uint8Array(ids.buffer) },
      ...(hasMask ? [{ name: "mask", datatype: "FP32" as const, shape, data: new Uint8Array(mask.buffer) }] : []),
    ],
    requestedOutputs: [{ name: "pooled", classificationCount: 0 }],
    byteLength: 0,
  });
}

function answerOf(bytes: Buffer): Float32Array {
  const [output] = decodeInferResponse(bytes).outputs;
  return new Float32Array(Uint8Array.from(output?.data ?? []).buffer);
}

async function createRows(request: LengthLoadRequest, connection: Connection): Promise<readonly Row[]> {
  const { model, reference, vocabulary, maxLength } = request;
  const random = createRandom(23);
  const rows: Row[] = [];
  for (let i = 0; i < rowCount; i++) {
    const length = 1 + Math.floor(random() * maxLength);
    const ids = BigInt64Array.from({ length }, () => BigInt(Math.floor(random() * vocabulary)));
    const expected = answerOf(await connection.call("ModelInfer", encodeRow(reference, ids, true)));
    rows.push({ message: encodeRow(model, ids, !model.startsWith("padded")), length, expected });
  }
  return rows;
}

/** @throws Error when an answer is not the one that the row gets alone */
function check(row: Row, answer: Float32Array): void {
  const isRight =
    answer.length === row.expected.length &&
    row.expected.every((value, i) => Math.abs(value - (answer[i] ?? Number.NaN)) <= tolerance);
  if (!isRight) throw new Error(`wrong answer to a row of length ${row.length}`);
}

async function measure(request: LengthLoadRequest): Promise<LengthLoadResult> {
  const { address, inFlight, seconds } = request;
  const connections = Array.from({ length: connectionCount }, () => new Connection(address));
  try {
    const rows = await createRows(request, connections[0]!);
    const latencies: number[] = [];
    let [next, isMeasuring, isStopping] = [0, false, false];
    const caller = async (_: unknown, index: number): Promise<void> => {
      while (!isStopping) {
        const row = rows[next++ % rows.length]!;
        const sentMs = performance.now();
        check(row, answerOf(await connections[index % connectionCount]!.call("ModelInfer", row.message)));
        if (isMeasuring) latencies.push(performance.now() - sentMs);
      }
    };
    const work = Promise.all(Array.from({ length: inFlight }, caller));
    const failed = work.then(() => new Promise<never>(() => {}));
    await Promise.race([sleep(warmUpMs), failed]);
    isMeasuring = true;
    const startMs = performance.now();
    await Promise.race([sleep(seconds * 1000), failed]);
    isMeasuring = false;
    const elapsedMs = performance.now() - startMs;
    isStopping = true;
    await work;
    const sorted = latencies.toSorted((a, b) => a - b);
    const p99Ms = sorted[Math.floor((sorted.length - 1) * 0.99)] ?? Number.NaN;
    return { rowsPerSecond: (latencies.length / elapsedMs) * 1000, p99Ms };
  } finally {
    for (const connection of connections) connection.close();
  }
}

answerParent(measure);

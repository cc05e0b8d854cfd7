import { writeSync } from "node:fs";
import { InferenceError } from "../../src/errors.ts";
import {
  type InferenceRequest,
  noParameters,
  type Reply,
  type RequestContext,
  type Signature,
} from "../../src/inference.ts";
import { splitBatch, writeBatch } from "../../src/runtime/batching/batch.ts";
import { batchPolicy, decideBatch } from "../../src/runtime/batching/batcher.ts";
import { Arena } from "../../src/runtime/process/arena.ts";
import type { RanFrame } from "../../src/runtime/process/frames.ts";
import { QueueEntry } from "../../src/runtime/queue/queue-entry.ts";
import { queuePolicy } from "../../src/runtime/queue/queue-policy.ts";
import { RequestQueue } from "../../src/runtime/queue/request-queue.ts";
import type { BenchCase } from "../bench-case.ts";
import { measurePrimitive } from "../primitive.ts";

/** The way of one batch: 32 requests of one row, 1000 FP32 in and one out. */
const requests = 32;
const rowBytes = 4000;

const signature: Signature = {
  inputs: [{ name: "x", datatype: "FP32", dims: [1000] }],
  outputs: [{ name: "y", datatype: "FP32", dims: [1] }],
  maxBatchSize: 64,
};

const context: RequestContext = {
  arrivalTimeMs: 0,
  deadlineMs: Number.POSITIVE_INFINITY,
  isCancelled: false,
  signal: new AbortController().signal,
  tenant: "default",
  traceParent: undefined,
  traceState: undefined,
};

const silentReply: Reply = { respond() {}, fail() {} };

function createEntry(_: unknown, index: number): QueueEntry {
  const data = new Uint8Array(rowBytes).fill(index);
  const inputs = [{ name: "x", datatype: "FP32", shape: [1, 1000], data }] as const;
  const request: InferenceRequest = {
    modelName: "seed",
    modelVersion: "",
    id: String(index),
    parameters: noParameters,
    inputs,
    requestedOutputs: [],
    byteLength: rowBytes,
  };
  const valid = { inputs, rows: 1, shapeKey: "", outputs: [] };
  return new QueueEntry(request, context, silentReply, valid, Number.POSITIVE_INFINITY);
}

const entries = Array.from({ length: requests }, createEntry);

export const concatCase: BenchCase = {
  name: "batch/concat",
  summary: "32 requests of 4 KB written to their rows in the arena, per request, beside one write of the same bytes",
  async run(options) {
    const arena = Arena.create("", 2 ** 20, 1);
    const whole = Buffer.alloc(requests * rowBytes);
    try {
      writeBatch(arena, 0, 1, entries, signature, requests);
      const rows = arena.read(arena.inputOffset(0), whole.length);
      if (!entries.every((_, row) => rows[row * rowBytes] === row)) throw new Error("a row lies in the wrong place");
      const line = measurePrimitive(
        {
          what: "concatenation",
          turn: () => void writeBatch(arena, 0, 1, entries, signature, requests),
          limit: { name: "one write", turn: () => void writeSync(arena.fd, whole, 0, whole.length, 0) },
          operations: requests,
        },
        options,
      );
      return [line];
    } finally {
      arena.close();
    }
  },
};

export const splitCase: BenchCase = {
  name: "batch/split",
  summary:
    "outputs of 32 requests read from the arena and cut into answers, per request, beside one read of the same bytes",
  async run(options) {
    const arena = Arena.create("", 2 ** 20, 1);
    const outputs = Float32Array.from({ length: requests }, (_, row) => row);
    const offset = arena.outputOffset(0);
    const read = (from: number, length: number) => arena.read(from, length);
    const ran: RanFrame = {
      readMs: 0,
      inferMs: 0,
      writeMs: 0,
      residentBytes: 0,
      isFinal: true,
      stateShapes: [],
      inlined: Buffer.alloc(0),
      outputs: [{ index: 0, datatype: "FP32", shape: [requests, 1], offset, length: outputs.byteLength }],
    };
    try {
      arena.write([new Uint8Array(outputs.buffer)], offset);
      splitBatch(ran, read, entries, signature, requests).forEach(([answer], row) => {
        if (Buffer.from(answer?.data ?? []).readFloatLE() !== row) throw new Error("an answer is not its request's");
      });
      const line = measurePrimitive(
        {
          what: "split",
          turn: () => void splitBatch(ran, read, entries, signature, requests),
          limit: { name: "one read", turn: () => void arena.read(offset, outputs.byteLength) },
          operations: requests,
        },
        options,
      );
      return [line];
    } finally {
      arena.close();
    }
  },
};

export const takeBatchCase: BenchCase = {
  name: "queue/takeBatch",
  summary: "32 requests queued, the decision for a batch and their removal, per request, beside an array",
  async run(options) {
    const config = { name: "seed", max_batch_size: 64, dynamic_batching: {} };
    const policy = batchPolicy(config);
    const queue = new RequestQueue(queuePolicy(config), (_, reason) => {
      throw new InferenceError("internal", `an entry was dropped: ${reason}`);
    });
    const plain: QueueEntry[] = [];
    const line = measurePrimitive(
      {
        what: "queue and take",
        turn: () => {
          for (const entry of entries) queue.push(entry, 1);
          const decision = decideBatch(queue, policy, 1, 2 ** 20, 0);
          if (decision.kind !== "batch" || queue.take(decision.count).length !== requests) {
            throw new Error(`the batch is not whole: ${JSON.stringify(decision)}`);
          }
        },
        limit: {
          name: "an array",
          turn: () => {
            for (const entry of entries) plain.push(entry);
            plain.splice(0, requests);
          },
        },
        operations: requests,
      },
      options,
    );
    return [line];
  },
};

import assert from "node:assert/strict";
import { InferenceClient } from "../../src/client/inference-client.ts";
import { createTensor } from "../../src/client/tensor-values.ts";

/** What a client counted of its own requests to `identity_fp32`. */
export interface Counted {
  /** Requests with an answer, unary and streamed. */
  readonly answered: number;
  readonly unaryAnswered: number;
  /** Messages of streams, each answered. */
  readonly streamed: number;
  /** Rows in all answers. */
  readonly rows: number;
  /** Unary requests refused with INVALID_ARGUMENT. */
  readonly invalid: number;
  /** The slowest unary call as the client saw it, rounded up to the next bucket bound of the server's histogram. */
  readonly longestSeconds: number;
}

const unaryRequests = 40;
const streamedRequests = 60;
const invalidRequests = 7;

/** Every call continues this trace, sampled, and names this span as its parent. */
export const traceId = "0af7651916cd43dd8448eb211c80319c";
export const parentSpanId = "b7ad6b7169203331";

/** Sends unary and streamed requests, good and bad, of one to three rows. */
export async function sendTraffic(address: string): Promise<Counted> {
  const metadata = { traceparent: `00-${traceId}-${parentSpanId}-01` };
  const client = InferenceClient.connect(address, { maxAttempts: 1, metadata });
  let rows = 0;
  const request = (i: number, columns = 4) => {
    const height = (i % 3) + 1;
    if (columns === 4) rows += height;
    return {
      model: "identity_fp32",
      id: `${i}`,
      inputs: [createTensor("X", "FP32", [height, columns], new Float32Array(height * columns))],
    };
  };
  const began = performance.now();
  await Promise.all(Array.from({ length: unaryRequests }, (_, i) => client.infer(request(i))));
  for (let i = 0; i < invalidRequests; i++) await assert.rejects(client.infer(request(i, 3)));
  let streamed = 0;
  const requests = Array.from({ length: streamedRequests }, (_, i) => request(i));
  for await (const { error } of client.inferStream(requests)) {
    assert.equal(error, undefined);
    streamed += 1;
  }
  client.close();
  assert.equal(streamed, streamedRequests);
  const elapsedSeconds = (performance.now() - began) / 1000;
  return {
    answered: unaryRequests + streamedRequests,
    unaryAnswered: unaryRequests,
    streamed: streamedRequests,
    rows,
    invalid: invalidRequests,
    longestSeconds: Math.max(0.00001, elapsedSeconds * 2),
  };
}

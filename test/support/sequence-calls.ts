import assert from "node:assert/strict";
import type { InferOptions } from "../../src/client/infer-options.ts";
import type { InferenceClient } from "../../src/client/inference-client.ts";
import { createTensor, readTensor } from "../../src/client/tensor-values.ts";
import type { InferenceResponse, ParameterValue } from "../../src/inference.ts";

/** Whether a request begins its sequence, ends it, or both. */
export type SequenceEdge = "start" | "end" | "both" | "";

export function sequenceParameters(id: ParameterValue, edge: SequenceEdge = ""): Record<string, ParameterValue> {
  return {
    sequence_id: id,
    sequence_start: edge === "start" || edge === "both",
    sequence_end: edge === "end" || edge === "both",
  };
}

/** A request of one number for the models `sum` and `history` of sequence-models.ts. */
export function addRequest(model: string, value: number, id: ParameterValue, edge: SequenceEdge = ""): InferOptions {
  return {
    model,
    inputs: [createTensor("X", "FP32", [1, 1], [value])],
    parameters: sequenceParameters(id, edge),
  };
}

/** Sends it and reads the answer. */
export async function add(
  client: InferenceClient,
  model: string,
  value: number,
  id: ParameterValue,
  edge: SequenceEdge = "",
): Promise<unknown[]> {
  return outputValues(await client.infer(addRequest(model, value, id, edge)));
}

export function outputValues(response: InferenceResponse, name = "Y"): unknown[] {
  const output = response.outputs.find((tensor) => tensor.name === name);
  assert.ok(output, `no output ${name}`);
  return [...(readTensor(output) as Iterable<unknown>)];
}

/** Requests that are handed to a stream one by one. */
export class RequestFeed implements AsyncIterable<InferOptions> {
  readonly #waiting: InferOptions[] = [];
  #isEnded = false;
  #wake: () => void = () => {};

  send(request: InferOptions): void {
    this.#waiting.push(request);
    this.#wake();
  }

  end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<InferOptions> {
    for (;;) {
      const next = this.#waiting.shift();
      if (next !== undefined) yield next;
      else if (this.#isEnded) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

import assert from "node:assert/strict";
import type { InferOptions } from "../../src/client/infer-options.ts";
import type { InferenceClient } from "../../src/client/inference-client.ts";
import { createTensor, readTensor } from "../../src/client/tensor-values.ts";
import type { InferenceResponse } from "../../src/inference.ts";

/** Zeros for a model of constant-model.ts. */
export function askConstant(model: string, id: string): InferOptions {
  return { model, id, inputs: [createTensor("X", "FP32", [1, 4], new Float32Array(4))] };
}

/** The constant that an answer holds; fails when its four elements differ. */
export function constantOf({ outputs }: InferenceResponse): number {
  const [output] = outputs;
  assert.ok(output);
  const values = readTensor(output) as Float32Array; // constant-model.ts answers FP32
  assert.deepEqual(values, new Float32Array(4).fill(values[0] ?? Number.NaN));
  return values[0] ?? Number.NaN;
}

/** Calls that go on until they are stopped: one after another, and on a stream. */
export class ConstantCalls {
  readonly latenciesMs: number[] = [];
  readonly #check: (answer: InferenceResponse) => void;
  readonly #running: Promise<void>[] = [];
  #isStopped = false;
  answered = 0;

  /** @param check hears every answer; what it throws fails {@link stop} */
  constructor(check: (answer: InferenceResponse) => void) {
    this.#check = check;
  }

  /** So many callers, each of which asks again as soon as it has its answer. */
  unary(client: InferenceClient, model: string, callers: number): this {
    for (let i = 0; i < callers; i++) this.#running.push(this.#callOn(client, model, `caller ${i}`));
    return this;
  }

  stream(client: InferenceClient, model: string, window: number): this {
    this.#running.push(this.#streamOn(client, model, window));
    return this;
  }

  /** Resolves when every call has its answer. @throws the first failure of a call or a check */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#running);
  }

  async #callOn(client: InferenceClient, model: string, id: string): Promise<void> {
    while (!this.#isStopped) {
      const begin = performance.now();
      const answer = await client.infer(askConstant(model, id));
      this.latenciesMs.push(performance.now() - begin);
      this.#heard(answer, id);
    }
  }

  async #streamOn(client: InferenceClient, model: string, window: number): Promise<void> {
    let next = 0;
    for await (const { response, error } of client.inferStream(this.#questions(model), { window })) {
      assert.ok(response, error?.message);
      this.#heard(response, String(next++));
    }
  }

  *#questions(model: string): Generator<InferOptions> {
    for (let i = 0; !this.#isStopped; i++) yield askConstant(model, String(i));
  }

  #heard(answer: InferenceResponse, id: string): void {
    assert.equal(answer.id, id);
    this.#check(answer);
    this.answered++;
  }
}

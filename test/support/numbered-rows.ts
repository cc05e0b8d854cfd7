import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { InferOptions } from "../../src/client/infer-options.ts";
import type { StreamResult } from "../../src/client/stream-result.ts";
import { createTensor, readTensor } from "../../src/client/tensor-values.ts";
import { INT64, modelBytes, node, value } from "../model/build-model.ts";

/** The name of the model that {@link writeNumberedModel} writes. */
export const numberedModel = "numbered";

/**
 * Writes a repository of one model that answers the first two numbers of each row, X FP32 [N, width] to Y FP32 [N, 2]: a row carries who it is,
 * so that each answer proves which row it belongs to.
 */
export function writeNumberedModel(repository: string, width: number, maxBatchSize: number): void {
  const folder = join(repository, numberedModel);
  mkdirSync(join(folder, "1"), { recursive: true });
  const graph = {
    node: [node("Gather", ["X", "first"], ["Y"], { attribute: [{ name: "axis", type: 2, i: 1 }] })],
    input: [value("X", 1, ["N", width])],
    output: [value("Y", 1, ["N", 2])],
    initializer: [{ name: "first", dims: [2], data_type: INT64, int64_data: [0, 1] }],
  };
  writeFileSync(join(folder, "1", "model.onnx"), modelBytes(graph));
  const config = `backend: "onnxruntime"\nmax_batch_size: ${maxBatchSize}\ndynamic_batching { }\n`;
  writeFileSync(join(folder, "config.pbtxt"), config);
}

/** The rows of one stream, a message at a time; numbers up to 2^24 are exact in FP32. */
export class NumberedRows {
  readonly #stream: number;
  readonly #width: number;
  #sent = 0;
  #answered = 0;

  constructor(stream: number, width: number) {
    this.#stream = stream;
    this.#width = width;
  }

  /** Rows whose answers came, each the next one in order. */
  get answered(): number {
    return this.#answered;
  }

  get sent(): number {
    return this.#sent;
  }

  /** The next so many rows. */
  message(rows: number): InferOptions {
    const data = new Float32Array(rows * this.#width);
    for (let row = 0; row < rows; row++) {
      data[row * this.#width] = this.#sent + row;
      data[row * this.#width + 1] = this.#stream;
    }
    this.#sent += rows;
    const inputs = [createTensor("X", "FP32", [rows, this.#width], data)];
    return { model: numberedModel, id: String(this.#sent), inputs };
  }

  /** @throws AssertionError unless these are the answers to the next rows, and to rows of this stream */
  check(result: StreamResult): void {
    assert.ok(result.error === undefined, result.error?.message);
    const output = result.response.outputs[0];
    assert.ok(output !== undefined);
    const values = readTensor(output) as Float32Array; // FP32
    for (let i = 0; i < values.length; i += 2) {
      if (values[i] !== this.#answered || values[i + 1] !== this.#stream) {
        assert.fail(`row ${values[i]} of stream ${values[i + 1]} instead of ${this.#answered} of ${this.#stream}`);
      }
      this.#answered++;
    }
  }
}

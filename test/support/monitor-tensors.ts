import { type InferenceResponse, noParameters, type Signature, type TensorSpec } from "../../src/inference.ts";
import type { Datatype, Tensor } from "../../src/tensor.ts";
import { arrayClasses } from "../../src/typed-arrays.ts";

/** A tensor of numbers or texts as it travels; its data lies unaligned in a larger buffer. */
export function tensorOf(
  name: string,
  datatype: Datatype,
  shape: readonly number[],
  values: readonly (number | bigint | string)[],
): Tensor {
  const raw = datatype === "BYTES" ? textBytes(values.map(String)) : numberBytes(datatype, values);
  const holder = new Uint8Array(raw.length + 3);
  holder.set(raw, 3);
  return { name, datatype, shape, data: holder.subarray(3) };
}

function textBytes(texts: readonly string[]): Uint8Array {
  return Buffer.concat(
    texts.map((text) => {
      const bytes = Buffer.from(text, "utf8");
      const length = Buffer.alloc(4);
      length.writeUInt32LE(bytes.length);
      return Buffer.concat([length, bytes]);
    }),
  );
}

function numberBytes(datatype: Exclude<Datatype, "BYTES">, values: readonly (number | bigint | string)[]): Uint8Array {
  const Class = arrayClasses[datatype === "BOOL" ? "UINT8" : datatype];
  const isBig = datatype === "INT64" || datatype === "UINT64";
  const array = (Class as any).from(values.map((value) => (isBig ? BigInt(value) : Number(value)))) as Uint8Array;
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

export function specOf(
  name: string,
  datatype: Datatype,
  dims: readonly number[],
  labels?: readonly string[],
): TensorSpec {
  return { name, datatype, dims, ...(labels && { labels }) };
}

/** A model that batches, unless told otherwise. */
export function signatureOf(
  outputs: readonly TensorSpec[],
  inputs: readonly TensorSpec[] = [specOf("x", "FP32", [4])],
  maxBatchSize = 64,
): Signature {
  return { inputs, outputs, maxBatchSize };
}

export function responseOf(...outputs: Tensor[]): InferenceResponse {
  return { modelName: "m", modelVersion: "1", id: "", parameters: noParameters, outputs };
}

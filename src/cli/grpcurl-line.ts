import type { Signature, TensorSpec } from "../inference.ts";
import { type Datatype, elementCount } from "../tensor.ts";

/** Most elements of a line that is meant to be pasted. */
const maxElements = 256;

/** Which field of InferTensorContents holds the elements of a datatype, and an element that any model takes. */
const contents: Readonly<Record<Datatype, { readonly field: string; readonly element: unknown }>> = {
  BOOL: { field: "bool_contents", element: true },
  INT8: { field: "int_contents", element: 1 },
  INT16: { field: "int_contents", element: 1 },
  INT32: { field: "int_contents", element: 1 },
  INT64: { field: "int64_contents", element: 1 },
  UINT8: { field: "uint_contents", element: 1 },
  UINT16: { field: "uint_contents", element: 1 },
  UINT32: { field: "uint_contents", element: 1 },
  UINT64: { field: "uint64_contents", element: 1 },
  FP16: { field: "", element: 0 },
  FP32: { field: "fp32_contents", element: 1 },
  FP64: { field: "fp64_contents", element: 1 },
  BYTES: { field: "bytes_contents", element: Buffer.from("text").toString("base64") },
};

/** A model as far as the line needs it. */
export interface CallableModel {
  readonly name: string;
  readonly signature: Signature;
}

/**
 * A command that asks a model with one row of placeholder values and shows numbers in the answer; ready to be pasted into a POSIX shell. A model
 * whose input is too large for a line, or FP16, which has no written form, is asked for its metadata instead.
 */
export function grpcurlLine(grpcAddress: string, model: CallableModel): string {
  const address = reachable(grpcAddress);
  const inputs = model.signature.inputs
    .filter((input) => input.isOptional !== true)
    .map((input) => ({ input, shape: requestShape(input, model.signature) }));
  const elements = inputs.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const isWritable = elements <= maxElements && inputs.every(({ input }) => contents[input.datatype].field !== "");
  if (!isWritable) return line(address, "ModelMetadata", { name: model.name });
  return line(address, "ModelInfer", {
    model_name: model.name,
    parameters: { sluice_output_contents: { string_param: "typed" } },
    inputs: inputs.map(({ input, shape }) => ({
      name: input.name,
      datatype: input.datatype,
      shape,
      contents: { [contents[input.datatype].field]: Array(elementCount(shape)).fill(contents[input.datatype].element) },
    })),
  });
}

/** An address to call, for one that stands for all interfaces. */
function reachable(grpcAddress: string): string {
  return grpcAddress.replace(/^0\.0\.0\.0:/, "127.0.0.1:").replace(/^\[::\]:/, "[::1]:");
}

function requestShape(input: TensorSpec, signature: Signature): readonly number[] {
  const dims = input.dims.map((dimension) => (dimension === -1 ? 1 : dimension));
  return signature.maxBatchSize > 0 ? [1, ...dims] : dims;
}

function line(address: string, method: string, message: object): string {
  const json = JSON.stringify(message).replaceAll("'", "'\\''");
  return `grpcurl -plaintext -d '${json}' ${address} inference.GRPCInferenceService/${method}`;
}

import Long from "long";
import { messageType } from "../../src/model/definitions.ts";
import { decodeModel } from "../../src/model/onnx-file.ts";
import type { OnnxModel } from "../../src/model/onnx-proto.ts";

/** Element types by their number in TensorProto.DataType. */
export const FLOAT = 1;
export const INT64 = 7;

type Dim = number | string;

/** An input or output: a tensor of a type and a shape, null for no shape at all. */
export function value(name: string, elemType: number = FLOAT, shape: readonly Dim[] | null = ["N", 2]): object {
  const dim = (shape ?? undefined)?.map((length) =>
    typeof length === "number" ? { dim_value: length } : { dim_param: length },
  );
  return { name, type: { tensor_type: { elem_type: elemType, ...(dim === undefined ? {} : { shape: { dim } }) } } };
}

export function node(opType: string, input: string[], output: string[], more: object = {}): object {
  return { op_type: opType, input, output, ...more };
}

/** An FP32 tensor of ones. */
export function tensor(name: string, dims: number[], more: object = {}): object {
  const count = dims.reduce((product, dim) => product * dim, 1);
  return { name, dims, data_type: FLOAT, raw_data: Buffer.from(new Float32Array(count).fill(1).buffer), ...more };
}

/** An attribute that holds a subgraph. */
export function subgraph(name: string, nodes: object[], outputs: string[], more: object = {}): object {
  return { name, type: 5, g: { name, node: nodes, output: outputs.map((output) => value(output)), ...more } };
}

/** `Y = Relu(X)` unless said otherwise; bytes as an exporter would write them. */
export function modelBytes(graph: object = {}, model: object = {}): Buffer {
  const plain = {
    ir_version: 10,
    opset_import: [{ domain: "", version: 21 }],
    graph: { name: "test", node: [node("Relu", ["X"], ["Y"])], input: [value("X")], output: [value("Y")], ...graph },
    ...model,
  };
  const type = messageType("onnx.ModelProto");
  return Buffer.from(type.encode(type.fromObject(plain)).finish());
}

export function buildModel(graph: object = {}, model: object = {}): OnnxModel {
  return decodeModel(modelBytes(graph, model));
}

export const long = (number: number): Long => Long.fromNumber(number);

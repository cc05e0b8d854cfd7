import type Long from "long";
import { InferenceError } from "../errors.ts";
import type { Tensor } from "../tensor.ts";
import { type OnnxDatatype, onnxDatatype } from "./onnx-datatype.ts";
import { overridableInputs } from "./onnx-interface.ts";
import type { OnnxModel, OnnxTensor } from "./onnx-proto.ts";
import { tensorShape } from "./onnx-tensor.ts";

/**
 * Makes plain inputs of the named inputs that have an initializer, and returns those initializers as the tensors to feed where a request leaves
 * them out. ONNX Runtime's Node.js binding takes no value for an input with an initializer: it would answer with the default whatever was sent.
 *
 * @param names Inputs of any kind; those without an initializer are left as they are.
 * @throws InferenceError "refused" for a default that is sparse or of a datatype that is not served.
 */
export function takeOutDefaults(model: OnnxModel, names: readonly string[]): Tensor[] {
  const { graph } = model;
  if (graph === undefined || graph === null || names.length === 0) return [];
  const wanted = new Set(
    overridableInputs(model, graph)
      .map(({ name }) => name ?? "")
      .filter((name) => names.includes(name)),
  );
  if (wanted.size === 0) return [];
  const isWanted = ({ name }: OnnxTensor) => wanted.has(name ?? "");
  const defaults = graph.initializer.filter(isWanted).map(toTensor);
  if (defaults.length < wanted.size) {
    throw new InferenceError("refused", `a sparse default of an optional input cannot be served (${[...wanted]})`);
  }
  graph.initializer = graph.initializer.filter((tensor) => !isWanted(tensor));
  return defaults;
}

function toTensor(stored: OnnxTensor): Tensor {
  const name = stored.name ?? "";
  const datatype = onnxDatatype(stored.data_type);
  if (datatype?.served === undefined) {
    throw new InferenceError("refused", `the default of input '${name}' has a datatype that is not served`);
  }
  const isRaw = datatype.served !== "BYTES" && Object.hasOwn(stored, "raw_data");
  const data = isRaw ? Buffer.from(stored.raw_data ?? []) : typedData(stored, datatype.field, datatype.bits / 8);
  return { name, datatype: datatype.served, shape: tensorShape(stored.dims), data };
}

/** The elements of a tensor that is not stored as raw bytes, in raw layout. @param size bytes of one element */
function typedData(stored: OnnxTensor, field: OnnxDatatype["field"], size: number): Buffer {
  if (field === "string_data") return Buffer.concat(stored.string_data.map(withLength));
  if (field === "float_data") return Buffer.from(new Float32Array(stored.float_data).buffer);
  if (field === "double_data") return Buffer.from(new Float64Array(stored.double_data).buffer);
  const items: readonly (number | Long)[] = stored[field];
  return Buffer.concat(
    items.map((item) => {
      const word = Buffer.alloc(8);
      word.writeBigUInt64LE(BigInt.asUintN(64, BigInt(item.toString())));
      return word.subarray(0, size);
    }),
  );
}

function withLength(text: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  return Buffer.concat([length, text]);
}

import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageType } from "../../src/model/definitions.ts";

/** Adds a zero out of the padding to `sum`; which one depends on the input's shape, so that nothing of it is computed in advance. */
const reading: readonly object[] = [
  { op_type: "Shape", input: ["X"], output: ["shape"] },
  { op_type: "Gather", input: ["padding", "shape"], output: ["zeros"] },
  { op_type: "ReduceMax", input: ["zeros"], output: ["zero"] },
  { op_type: "Add", input: ["sum", "zero"], output: ["Y"] },
];

/**
 * A model `Y = X + constant`, FP32 [N, 4] to [N, 4], so that an answer to zeros tells which file gave it.
 * @param padding bytes of a weight of zeros that every run reads from, so that the session keeps them
 */
export function constantModel(constant: number, padding = 0): Uint8Array {
  const rows = { tensor_type: { elem_type: 1, shape: { dim: [{ dim_param: "N" }, { dim_value: 4 }] } } };
  const floats = (name: string, values: Float32Array) => ({
    name,
    dims: [values.length],
    data_type: 1,
    raw_data: Buffer.from(values.buffer),
  });
  const type = messageType("onnx.ModelProto");
  const model = type.fromObject({
    ir_version: 10,
    opset_import: [{ domain: "", version: 21 }],
    graph: {
      name: "constant",
      node: [
        { op_type: "Add", input: ["X", "C"], output: [padding > 0 ? "sum" : "Y"] },
        ...(padding > 0 ? reading : []),
      ],
      initializer: [
        floats("C", Float32Array.of(constant)),
        ...(padding > 0 ? [floats("padding", new Float32Array(padding / 4))] : []),
      ],
      input: [{ name: "X", type: rows }],
      output: [{ name: "Y", type: rows }],
    },
  });
  return type.encode(model).finish();
}

/** Puts `<root>/<name>/<version>/model.onnx` in place in one step, as a careful deployment does. */
export function writeVersion(root: string, name: string, version: string, bytes: Uint8Array): void {
  const folder = join(root, name, version);
  mkdirSync(folder, { recursive: true });
  const draft = join(root, `.${name}-${version}.draft`);
  writeFileSync(draft, bytes);
  renameSync(draft, join(folder, "model.onnx"));
}

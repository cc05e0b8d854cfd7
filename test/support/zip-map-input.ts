import { readFileSync, writeFileSync } from "node:fs";
import { decodeModel, encodeModel } from "../../src/model/onnx-file.ts";

/**
 * Writes a copy of a model in which the tensor that enters a ZipMap is an output, with everything else as it was, because onnxruntime-node
 * cannot hand out the maps themselves. The map of a row is that row of the tensor.
 * @returns the tensor's name
 */
export function writeWithZipMapInput(file: string, copy: string): string {
  const model = decodeModel(readFileSync(file));
  const zipMap = model.graph?.node.find((node) => node.op_type === "ZipMap");
  const [scores] = zipMap?.input ?? [];
  if (!model.graph || scores === undefined) throw new Error(`${file} has no ZipMap`);
  model.graph.output = [...model.graph.output, { name: scores, type: { tensor_type: { elem_type: 1 } } }];
  writeFileSync(copy, encodeModel(model));
  return scores;
}

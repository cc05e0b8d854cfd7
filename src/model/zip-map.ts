import Long from "long";
import { messageType } from "./definitions.ts";
import { onnxDatatypeNumber } from "./onnx-datatype.ts";
import { domainOf, subgraphsOf } from "./onnx-graph.ts";
import type { OnnxAttribute, OnnxDimension, OnnxGraph, OnnxModel, OnnxNode, OnnxValueInfo } from "./onnx-proto.ts";

/** Class names of an output in column order, by the output's name. Pairs, because they travel between processes as JSON. */
export type ClassNames = readonly (readonly [output: string, names: readonly string[]])[];

/** Imported when a model has no ai.onnx opset at all; Identity means the same in every version. */
const opsetOfIdentity = 13;

/**
 * Takes off every ZipMap whose result is an output of the model: what it did, turning rows of scores into maps from class to score, no
 * client of ours can receive. An Identity takes its place, so that no name has to change wherever the scores are used, and the output becomes
 * the tensor of scores; ONNX Runtime removes the Identity. A ZipMap that another node reads stays, and is refused with its sequence type later.
 *
 * @returns The class names that the ZipMaps held; empty when the model is unchanged.
 */
export function takeOffZipMaps(model: OnnxModel): ClassNames {
  const graph = model.graph;
  if (!graph) return [];
  const zipMaps = graph.node.filter((node) => isZipMap(node) && isResultOnly(graph, node));
  if (zipMaps.length === 0) return [];

  const outputs = new Map(graph.output.map((output) => [output.name, output]));
  const types = scoreTypes(graph);
  const classNames = zipMaps.map((node): readonly [string, readonly string[]] => {
    const scores = node.input[0] ?? "";
    const result = node.output[0] ?? "";
    const names = classNamesOf(node);
    const output = outputs.get(result);
    if (output) output.type = createScoresType(scoreType(types.get(scores), output), names.length);
    return [result, names];
  });
  const replaced = new Set(zipMaps);
  graph.node = graph.node.map((node) => (replaced.has(node) ? createIdentity(node) : node));
  importIdentity(model);
  return classNames;
}

function isZipMap(node: OnnxNode): boolean {
  return (
    node.op_type === "ZipMap" && domainOf(node) === "ai.onnx.ml" && node.input.length === 1 && node.output.length === 1
  );
}

function isResultOnly(graph: OnnxGraph, zipMap: OnnxNode): boolean {
  const result = zipMap.output[0];
  return graph.output.some(({ name }) => name === result) && !graph.node.some((node) => uses(node, result));
}

function uses(node: OnnxNode, name: string | undefined): boolean {
  if (node.input.some((input) => input === name)) return true;
  return subgraphsOf(node).some(
    (graph) => graph.node.some((inner) => uses(inner, name)) || graph.output.some((output) => output.name === name),
  );
}

/** Labels that a ZipMap or a classifier holds, as text: strings as they are, integers in decimal. */
export function classNamesOf(node: OnnxNode): string[] {
  const attribute = (name: string): OnnxAttribute | undefined => node.attribute.find((item) => item.name === name);
  const strings = attribute("classlabels_strings")?.strings ?? [];
  if (strings.length > 0) return strings.map((bytes) => Buffer.from(bytes).toString("utf8"));
  const integers = attribute("classlabels_int64s") ?? attribute("classlabels_ints");
  return (integers?.ints ?? []).map((label) => label.toString());
}

/** What the file says about the values of the main graph, by name. */
function scoreTypes(graph: OnnxGraph): Map<string, OnnxValueInfo> {
  return new Map([...graph.value_info, ...graph.output, ...graph.input].map((info) => [info.name ?? "", info]));
}

/** Element type of the scores: what the file says about them or, else, about the values of the maps. FP32 when it says nothing. */
function scoreType(scores: OnnxValueInfo | undefined, maps: OnnxValueInfo): number {
  const ofMaps = maps.type?.sequence_type?.elem_type?.map_type?.value_type?.tensor_type?.elem_type;
  return scores?.type?.tensor_type?.elem_type || ofMaps || onnxDatatypeNumber("FP32");
}

/** A tensor [rows, classes]. */
function createScoresType(elementType: number, classes: number): NonNullable<OnnxValueInfo["type"]> {
  const rows: OnnxDimension = {};
  const columns: OnnxDimension = classes > 0 ? { dim_value: Long.fromNumber(classes) } : {};
  return { tensor_type: { elem_type: elementType, shape: { dim: [rows, columns] } } };
}

function createIdentity({ input, output, name }: OnnxNode): OnnxNode {
  const identity = messageType("onnx.NodeProto").create({
    input,
    output,
    name: name ?? "",
    op_type: "Identity",
    attribute: [],
  });
  return identity as unknown as OnnxNode; // the protobuf edge
}

function importIdentity(model: OnnxModel): void {
  if (model.opset_import.some((item) => domainOf(item) === "ai.onnx")) return;
  model.opset_import = [...model.opset_import, { domain: "", version: Long.fromNumber(opsetOfIdentity) }];
}

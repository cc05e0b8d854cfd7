import type { Datatype } from "../tensor.ts";
import { elementCount } from "../tensor.ts";
import { onnxDatatype } from "./onnx-datatype.ts";
import { domainOf, graphsOf } from "./onnx-graph.ts";
import { type Dimension, graphInputs, overridableInputs, valueShape } from "./onnx-interface.ts";
import type { OnnxGraph, OnnxModel, OnnxNode, OnnxStringEntry, OnnxValueInfo } from "./onnx-proto.ts";
import { tensorBytes, tensorShape } from "./onnx-tensor.ts";

/** An input or output of a model as its file declares it. */
export interface TensorSummary {
  readonly name: string;
  /** Undefined where the element type is none that KServe has. */
  readonly datatype: Datatype | undefined;
  /** ONNX's own name of the type: `FLOAT`, or `sequence`, `map` and so on. */
  readonly type: string;
  /** Undefined: the file does not even say how many dimensions there are. */
  readonly shape: readonly Dimension[] | undefined;
}

export interface OperatorCount {
  readonly domain: string;
  readonly operator: string;
  readonly count: number;
}

/** What a model file tells about itself, as plain data: it travels between processes, and `sluice inspect` prints it. */
export interface ModelSummary {
  readonly irVersion: number;
  readonly opsets: readonly { readonly domain: string; readonly version: number }[];
  readonly producer: string;
  readonly graphName: string;
  readonly inputs: readonly TensorSummary[];
  /** Inputs with a default: initializers that a caller may replace (IR version 4 and later). */
  readonly overridableInputs: readonly TensorSummary[];
  readonly outputs: readonly TensorSummary[];
  /** By domain, then by name. Nodes of subgraphs and of functions count once each. */
  readonly operators: readonly OperatorCount[];
  readonly nodeCount: number;
  /** Names of the functions that the model defines itself, as `domain.name`. */
  readonly functions: readonly string[];
  /** Elements and bytes of the initializers, subgraphs included. */
  readonly parameterCount: number;
  readonly parameterBytes: number;
  /** Files that the weights come from beside the model's own. */
  readonly externalFiles: readonly string[];
  readonly metadata: readonly (readonly [key: string, value: string])[];
}

/** Summarizes a model. Reads anything that decodes, also what {@link checkModel} would refuse, since people inspect such files. */
export function summarizeModel(model: OnnxModel): ModelSummary {
  const graph: OnnxGraph | undefined = model.graph ?? undefined;
  const nodes = [...allNodes(model)];
  const initializers = [...graphsOf(model)].flatMap((each) => each.initializer);
  return {
    irVersion: model.ir_version?.toNumber() ?? 0,
    opsets: model.opset_import.map((item) => ({ domain: domainOf(item), version: item.version?.toNumber() ?? 0 })),
    producer: [model.producer_name, model.producer_version]
      .filter((part) => part !== undefined && part !== "")
      .join(" "),
    graphName: graph?.name ?? "",
    inputs: graph ? graphInputs(graph).map(summarizeValue) : [],
    overridableInputs: graph ? overridableInputs(model, graph).map(summarizeValue) : [],
    outputs: graph ? graph.output.map(summarizeValue) : [],
    operators: countOperators(nodes),
    nodeCount: nodes.length,
    functions: model.functions.map((item) => `${domainOf(item)}.${item.name ?? ""}`),
    parameterCount: sum(initializers.map(({ dims }) => elementCount(tensorShape(dims)))),
    parameterBytes: sum(initializers.map(tensorBytes)),
    externalFiles: externalFiles(initializers),
    metadata: model.metadata_props.map(({ key = "", value = "" }) => [key, value] as const),
  };
}

function* allNodes(model: OnnxModel): Generator<OnnxNode> {
  for (const graph of graphsOf(model)) yield* graph.node;
  for (const item of model.functions) yield* item.node;
}

function summarizeValue(info: OnnxValueInfo): TensorSummary {
  const datatype = onnxDatatype(info.type?.tensor_type?.elem_type);
  return {
    name: info.name ?? "",
    datatype: datatype?.served,
    type: datatype?.name ?? describeKind(info),
    shape: valueShape(info),
  };
}

function describeKind({ type }: OnnxValueInfo): string {
  const kind = Object.entries({
    sequence: type?.sequence_type,
    map: type?.map_type,
    optional: type?.optional_type,
    "sparse tensor": type?.sparse_tensor_type,
    opaque: type?.opaque_type,
  }).find(([, value]) => value);
  return kind?.[0] ?? "unknown";
}

function countOperators(nodes: readonly OnnxNode[]): OperatorCount[] {
  const counts = new Map<string, OperatorCount>();
  for (const node of nodes) {
    const domain = domainOf(node);
    const operator = node.op_type ?? "";
    const key = `${domain} ${operator}`;
    counts.set(key, { domain, operator, count: (counts.get(key)?.count ?? 0) + 1 });
  }
  return [...counts.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, count]) => count);
}

function externalFiles(tensors: readonly { external_data: OnnxStringEntry[] }[]): string[] {
  const locations = tensors.flatMap(
    ({ external_data }) => external_data.find(({ key }) => key === "location")?.value ?? [],
  );
  return [...new Set(locations)];
}

/** NaN, which crafted dimensions give, counts as nothing. */
function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + (Number.isNaN(value) ? 0 : value), 0);
}

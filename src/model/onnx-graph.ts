import type { OnnxAttribute, OnnxGraph, OnnxModel, OnnxNode, OnnxTensor } from "./onnx-proto.ts";

/** The operator domain by which nodes and opset imports are compared: "ai.onnx" and "" are the same. */
export function domainOf(item: { domain?: string }): string {
  return item.domain === undefined || item.domain === "" ? "ai.onnx" : item.domain;
}

/** The key under which a node finds the model-local function that defines it. */
export function functionKey(item: { domain?: string; overload?: string }, name: string | undefined): string {
  return JSON.stringify([domainOf(item), name ?? "", item.overload ?? ""]);
}

/** `node 'fc1' (Gemm)`, for messages. */
export function describeNode(node: OnnxNode): string {
  const name = node.name === undefined || node.name === "" ? node.output.find((output) => output !== "") : node.name;
  return name === undefined ? `a node (${node.op_type})` : `node '${name}' (${node.op_type})`;
}

/** The graphs that a node carries in its attributes: branches of If, bodies of Loop and Scan. */
export function subgraphsOf(node: OnnxNode): OnnxGraph[] {
  const graphs: OnnxGraph[] = [];
  for (const attribute of node.attribute) {
    if (attribute.g) graphs.push(attribute.g);
    for (const graph of attribute.graphs) graphs.push(graph);
  }
  return graphs;
}

/** Every graph of a model: the main graph, subgraphs at any depth, those inside functions and of the training information. */
export function* graphsOf(model: OnnxModel): Generator<OnnxGraph> {
  if (model.graph) yield* graphAndBelow(model.graph);
  for (const { node } of model.functions) yield* graphsBelow(node);
  for (const { initialization, algorithm } of model.training_info) {
    if (initialization) yield* graphAndBelow(initialization);
    if (algorithm) yield* graphAndBelow(algorithm);
  }
}

function* graphAndBelow(graph: OnnxGraph): Generator<OnnxGraph> {
  yield graph;
  yield* graphsBelow(graph.node);
}

function* graphsBelow(nodes: readonly OnnxNode[]): Generator<OnnxGraph> {
  for (const node of nodes) for (const graph of subgraphsOf(node)) yield* graphAndBelow(graph);
}

/** Every tensor that a model stores: initializers, dense and sparse, and tensors in attributes, wherever they stand. */
export function* tensorsOf(model: OnnxModel): Generator<OnnxTensor> {
  for (const { node } of model.functions) yield* tensorsOfNodes(node);
  for (const graph of graphsOf(model)) {
    yield* graph.initializer;
    for (const { values, indices } of graph.sparse_initializer) {
      if (values) yield values;
      if (indices) yield indices;
    }
    yield* tensorsOfNodes(graph.node);
  }
}

function* tensorsOfNodes(nodes: readonly OnnxNode[]): Generator<OnnxTensor> {
  for (const node of nodes) for (const attribute of node.attribute) yield* tensorsOfAttribute(attribute);
}

function* tensorsOfAttribute(attribute: OnnxAttribute): Generator<OnnxTensor> {
  if (attribute.t) yield attribute.t;
  yield* attribute.tensors;
  const single = attribute.sparse_tensor ? [attribute.sparse_tensor] : [];
  for (const sparse of [...single, ...attribute.sparse_tensors]) {
    if (sparse.values) yield sparse.values;
    if (sparse.indices) yield sparse.indices;
  }
}

import { InferenceError } from "../errors.ts";
import { describeNode, domainOf, functionKey, subgraphsOf } from "./onnx-graph.ts";
import type { OnnxFunction, OnnxGraph, OnnxModel, OnnxNode, OnnxOpset } from "./onnx-proto.ts";

/** The operator domains whose operators ONNX Runtime 1.30 brings along. Any other needs a library of native code. */
const shippedDomains: ReadonlySet<string> = new Set([
  "ai.onnx",
  "ai.onnx.ml",
  "ai.onnx.preview",
  "ai.onnx.preview.training",
  "ai.onnx.training",
  "com.microsoft",
  "com.microsoft.experimental",
  "com.microsoft.nchwc",
  "com.ms.internal.nhwc",
  "org.pytorch.aten",
]);

/** How deep subgraphs and calls of model-local functions may be nested within each other. */
export const maxNestingDepth = 64;

/**
 * Checks what a model computes with: every operator is one that ONNX Runtime ships or a function of the model itself, from a domain that
 * the model imports, and the number of nodes, subgraphs included and functions counted as often as they are called, stays within bounds.
 * Functions are spread out by ONNX Runtime, so a few of them calling each other twice could otherwise grow without limit.
 *
 * @throws InferenceError "refused", naming the operator and its domain, or the count and the limit.
 */
export function checkOperators(model: OnnxModel, maxNodes: number): void {
  const count = new NodeCount(model, maxNodes).ofModel();
  if (count > maxNodes) throw tooManyNodes(maxNodes);
}

function tooManyNodes(maxNodes: number): InferenceError {
  return new InferenceError(
    "refused",
    `the model has more than ${maxNodes} nodes, functions spread out (--max-model-nodes)`,
  );
}

/** Counts nodes; checks every node on the way, each function once. */
class NodeCount {
  readonly #model: OnnxModel;
  readonly #maxNodes: number;
  readonly #functions: ReadonlyMap<string, OnnxFunction>;
  /** Nodes of a function, those of the functions it calls included; "open" while it is being counted. */
  readonly #counts = new Map<string, number | "open">();

  constructor(model: OnnxModel, maxNodes: number) {
    this.#model = model;
    this.#maxNodes = maxNodes;
    this.#functions = new Map(model.functions.map((item) => [functionKey(item, item.name), item]));
  }

  ofModel(): number {
    const imports = importedDomains(this.#model.opset_import);
    for (const item of this.#model.functions) this.#ofFunction(functionKey(item, item.name), item, 0);
    return this.#model.graph ? this.#ofNodes(this.#model.graph.node, imports, 0) : 0;
  }

  #ofNodes(nodes: readonly OnnxNode[], imports: ReadonlySet<string>, depth: number): number {
    if (depth > maxNestingDepth) {
      throw new InferenceError("refused", `subgraphs and functions are nested more than ${maxNestingDepth} deep`);
    }
    let count = 0;
    for (const node of nodes) {
      count += this.#ofNode(node, imports, depth);
      if (count > this.#maxNodes) throw tooManyNodes(this.#maxNodes);
    }
    return count;
  }

  #ofNode(node: OnnxNode, imports: ReadonlySet<string>, depth: number): number {
    if (node.op_type === undefined || node.op_type === "") {
      throw new InferenceError("refused", `${describeNode(node)} names no operator`);
    }
    const key = functionKey(node, node.op_type);
    const called = this.#functions.get(key);
    if (called !== undefined) return this.#ofFunction(key, called, depth + 1);

    checkDomain(node, imports);
    const below = subgraphsOf(node).map((graph: OnnxGraph) => this.#ofNodes(graph.node, imports, depth + 1));
    return below.reduce((sum, count) => sum + count, 1);
  }

  #ofFunction(key: string, item: OnnxFunction, depth: number): number {
    const known = this.#counts.get(key);
    if (known === "open")
      throw new InferenceError("refused", `function '${item.name}' (${domainOf(item)}) calls itself`);
    if (known !== undefined) return known;
    this.#counts.set(key, "open");
    const count = this.#ofNodes(item.node, importedDomains(item.opset_import), depth);
    this.#counts.set(key, count);
    return count;
  }
}

function importedDomains(imports: readonly OnnxOpset[]): ReadonlySet<string> {
  return new Set(imports.map(domainOf));
}

function checkDomain(node: OnnxNode, imports: ReadonlySet<string>): void {
  const domain = domainOf(node);
  if (!shippedDomains.has(domain)) {
    throw new InferenceError(
      "refused",
      `${describeNode(node)} is the custom operator '${node.op_type}' of domain '${domain}': ONNX Runtime ships no such operator, and libraries of custom operators are not loaded`,
    );
  }
  if (!imports.has(domain)) {
    throw new InferenceError(
      "refused",
      `${describeNode(node)} is of domain '${domain}', of which the model imports no opset`,
    );
  }
}

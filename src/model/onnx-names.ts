import { InferenceError } from "../errors.ts";
import { describeNode, subgraphsOf } from "./onnx-graph.ts";
import type { OnnxGraph, OnnxModel, OnnxNode } from "./onnx-proto.ts";

/** A graph or a function body: nodes, the names that exist before them, and the names that must exist after them. */
interface Scope {
  readonly nodes: readonly OnnxNode[];
  readonly given: readonly string[];
  readonly results: readonly string[];
  /** For messages: "the graph", "a subgraph of node 'x' (If)". */
  readonly label: string;
}

/**
 * Checks how values flow in a model: every name that a node, a subgraph or a result uses is made somewhere, none is made twice, and no
 * node waits for its own result. Nodes may stand in any order, as ONNX Runtime sorts them itself and some exporters do not.
 *
 * @throws InferenceError "refused", naming the value and the node.
 */
export function checkNames(model: OnnxModel): void {
  const scopes: Scope[] = model.functions.map((item) => ({
    nodes: item.node,
    given: item.input,
    results: item.output,
    label: `function '${item.name}'`,
  }));
  if (model.graph) scopes.push(scopeOf(model.graph, "the graph"));
  for (const scope of scopes) {
    for (const [name, user] of freeNames(scope)) {
      throw new InferenceError("refused", `${user} '${name}', which nothing in ${scope.label} makes`);
    }
  }
}

function scopeOf(graph: OnnxGraph, label: string): Scope {
  return { nodes: graph.node, given: givenNames(graph), results: graph.output.map(({ name }) => name ?? ""), label };
}

/** Inputs and initializers; a name in both lists is an input with a default, but neither list may hold it twice. */
function givenNames(graph: OnnxGraph): string[] {
  const inputs = graph.input.map(({ name }) => name ?? "");
  const seen = new Set<string>();
  const repeated = inputs.find((name) => seen.size === seen.add(name).size);
  if (repeated !== undefined) throw new InferenceError("refused", `the graph has two inputs named '${repeated}'`);
  const dense = graph.initializer.map(({ name }) => name ?? "");
  const sparse = graph.sparse_initializer.map(({ values }) => values?.name ?? "");
  return [...inputs, ...dense, ...sparse];
}

/** The names that a scope takes from outside, each with who uses it. Checks the scope and everything inside it. */
function freeNames(scope: Scope): Map<string, string> {
  const given = new Set(scope.given);
  const makers = new Map<string, number>();
  scope.nodes.forEach((node, index) => {
    for (const output of node.output) {
      if (output === "") continue;
      if (given.has(output) || makers.has(output)) {
        throw new InferenceError(
          "refused",
          `${describeNode(node)} makes '${output}', which ${scope.label} already has`,
        );
      }
      makers.set(output, index);
    }
  });

  const free = new Map<string, string>();
  /** For each node, the nodes that make what it uses. */
  const sources = scope.nodes.map((node) => {
    const found = new Set<number>();
    for (const [name, user] of usedNames(node)) {
      const maker = makers.get(name);
      if (maker !== undefined) found.add(maker);
      else if (!given.has(name)) free.set(name, user);
    }
    return found;
  });
  const results = new Set<string>();
  for (const name of scope.results) {
    if (name === "" || results.has(name)) {
      throw new InferenceError(
        "refused",
        `${scope.label} has ${name === "" ? "an output without a name" : `two outputs named '${name}'`}`,
      );
    }
    results.add(name);
    if (!given.has(name) && !makers.has(name)) free.set(name, "the list of outputs has");
  }
  checkAcyclic(scope, sources);
  return free;
}

/** The names that a node uses, its subgraphs included, each with who uses it. */
function usedNames(node: OnnxNode): Map<string, string> {
  const used = new Map<string, string>();
  for (const name of node.input) if (name !== "") used.set(name, `${describeNode(node)} uses`);
  for (const graph of subgraphsOf(node)) {
    for (const [name, user] of freeNames(scopeOf(graph, `a subgraph of ${describeNode(node)}`))) used.set(name, user);
  }
  return used;
}

/** Kahn's algorithm: takes away nodes whose sources are all gone; what remains waits in a circle. */
function checkAcyclic({ nodes, label }: Scope, sources: readonly ReadonlySet<number>[]): void {
  const users: number[][] = nodes.map(() => []);
  const waiting = sources.map((found) => found.size);
  sources.forEach((found, user) => {
    for (const maker of found) users[maker]?.push(user);
  });
  const ready = waiting.flatMap((count, index) => (count === 0 ? [index] : []));
  let done = 0;
  for (let maker = ready.pop(); maker !== undefined; maker = ready.pop()) {
    done++;
    for (const user of users[maker] ?? []) {
      const left = (waiting[user] ?? 0) - 1;
      waiting[user] = left;
      if (left === 0) ready.push(user);
    }
  }
  if (done === nodes.length) return;
  const stuck = nodes[waiting.findIndex((count) => count > 0)];
  throw new InferenceError(
    "refused",
    `${label} has a cycle: ${stuck === undefined ? "a node" : describeNode(stuck)} waits for its own result`,
  );
}

import { domainOf } from "./onnx-graph.ts";
import { valueShape } from "./onnx-interface.ts";
import type { OnnxGraph, OnnxModel, OnnxNode } from "./onnx-proto.ts";
import { type ClassNames, classNamesOf } from "./zip-map.ts";

/** Operators of ai.onnx.ml that choose a class and give the scores of all of them as their second output. */
const classifiers: ReadonlySet<string> = new Set(["LinearClassifier", "SVMClassifier", "TreeEnsembleClassifier"]);

/** What exporters put behind the scores of a classifier and leaves their columns where they are. */
const columnKeepers: ReadonlySet<string> = new Set([
  "ai.onnx Identity",
  "ai.onnx Cast",
  "ai.onnx Softmax",
  "ai.onnx.ml Normalizer",
]);

/**
 * Class names of outputs that are the scores of a classifier of ai.onnx.ml, which lists them in the order of its columns. Only what is sure: an
 * output that anything else has a part in has no names.
 */
export function classifierLabels({ graph }: Pick<OnnxModel, "graph">): ClassNames {
  if (!graph) return [];
  const makers = new Map(graph.node.flatMap((node) => node.output.map((name) => [name, node] as const)));
  return graph.output.flatMap((output): ClassNames => {
    const name = output.name ?? "";
    const names = namesOfScores(name, makers, graph);
    const columns = valueShape(output)?.at(-1);
    const isOther = typeof columns === "number" && columns !== names.length;
    return names.length < 2 || isOther ? [] : [[name, names]];
  });
}

/** Follows an output up to its classifier; empty: it comes from none. */
function namesOfScores(output: string, makers: ReadonlyMap<string, OnnxNode>, graph: OnnxGraph): readonly string[] {
  let name = output;
  // A graph that goes round in circles ends it too: it is refused elsewhere.
  for (let step = 0; step <= graph.node.length; step++) {
    const maker = makers.get(name);
    if (maker === undefined) return [];
    if (domainOf(maker) === "ai.onnx.ml" && classifiers.has(maker.op_type ?? "")) {
      return maker.output[1] === name ? classNamesOf(maker) : [];
    }
    if (!columnKeepers.has(`${domainOf(maker)} ${maker.op_type}`)) return [];
    name = maker.input[0] ?? "";
  }
  return [];
}

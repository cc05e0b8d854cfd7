import type { OnnxDimension, OnnxGraph, OnnxModel, OnnxValueInfo } from "./onnx-proto.ts";

/** From this IR version on, an input that is also an initializer is one that a caller may set; before, every initializer had to be listed as an input. */
const firstIrVersionWithOverridable = 4;

/** A dimension: its length, its symbolic name, or null when the file leaves it open without a name. */
export type Dimension = number | string | null;

/** The inputs that a caller must give: those without an initializer of the same name. */
export function graphInputs(graph: OnnxGraph): OnnxValueInfo[] {
  const initializers = initializerNames(graph);
  return graph.input.filter(({ name }) => !initializers.has(name ?? ""));
}

/** The inputs that a caller may give: their initializer is a default. */
export function overridableInputs(model: OnnxModel, graph: OnnxGraph): OnnxValueInfo[] {
  if ((model.ir_version?.toNumber() ?? 0) < firstIrVersionWithOverridable) return [];
  const initializers = initializerNames(graph);
  return graph.input.filter(({ name }) => initializers.has(name ?? ""));
}

function initializerNames(graph: OnnxGraph): ReadonlySet<string> {
  return new Set([
    ...graph.initializer.map(({ name }) => name ?? ""),
    ...graph.sparse_initializer.map(({ values }) => values?.name ?? ""),
  ]);
}

/** The shape that the file states for a value; undefined when it states none, not even a number of dimensions. */
export function valueShape({ type }: OnnxValueInfo): Dimension[] | undefined {
  return type?.tensor_type?.shape?.dim.map(toDimension);
}

/** Some exporters write an open dimension as -1. */
function toDimension(dim: OnnxDimension): Dimension {
  if (Object.hasOwn(dim, "dim_value")) {
    const length = dim.dim_value?.toNumber() ?? -1;
    return length >= 0 ? length : null;
  }
  return dim.dim_param === undefined || dim.dim_param === "" ? null : dim.dim_param;
}

import type { ModelMetadata, TensorMetadata } from "../client/model-metadata.ts";
import { createTensor, readTensor } from "../client/tensor-values.ts";
import { type Datatype, elementCount, formatShape, type Tensor } from "../tensor.ts";
import type { Table } from "../training/table.ts";
import { UsageError } from "./arguments.ts";
import type { InputData } from "./input-data.ts";
import { datatypeOf, describeInputs, planInputs } from "./input-plan.ts";
import { flattenArray, leafValue } from "./nested-array.ts";
import { joinRows, type ModelInputs } from "./rows.ts";

/** Data that do not name their own tensors. */
export type UnnamedData = Exclude<InputData, { readonly kind: "requests" }>;

/**
 * Fits data to the inputs of a model. A table gives each input the column of its name; where the names differ and the model has one input,
 * that takes all columns in order. Arrays are taken by input name or, for a model with one input, as they are; one row without its batch
 * dimension gets it.
 * @param ignored columns to leave out.
 * @throws UsageError that names what does not fit and what the model takes; InferenceError for values outside their datatype.
 */
export async function fitInputs(
  data: UnnamedData,
  metadata: ModelMetadata,
  ignored: readonly string[],
): Promise<ModelInputs> {
  switch (data.kind) {
    case "table":
      return await fitTable(data.table, metadata, ignored);
    case "arrays": {
      const unknown = [...data.arrays.keys()].find((name) => !metadata.inputs.some((input) => input.name === name));
      if (unknown !== undefined) throw new UsageError(`no input '${unknown}'; ${describeInputs(metadata)}`);
      const given = metadata.inputs.filter(({ name }) => data.arrays.has(name));
      return fitTensors(given.map((input) => [arrayTensor(data.arrays.get(input.name), input), input]));
    }
    case "array": {
      const input = onlyInput(metadata, "a list without input names");
      return fitTensors([[arrayTensor(data.array, input), input]]);
    }
    case "tensor": {
      const input = onlyInput(metadata, "an NPY file");
      return fitTensors([[convert(data.tensor, input), input]]);
    }
  }
}

function onlyInput(metadata: ModelMetadata, what: string): TensorMetadata {
  const [input, second] = metadata.inputs;
  if (input === undefined || second !== undefined) {
    throw new UsageError(
      `${what} fits a model with one input, but ${describeInputs(metadata)}; give {"input name": values, ...} as JSON`,
    );
  }
  return input;
}

/** Rows that are read at a time. */
const rowsPerBatch = 4096;

async function fitTable(table: Table, metadata: ModelMetadata, ignored: readonly string[]): Promise<ModelInputs> {
  const { inputs, cut } = planInputs(table.columns, metadata, ignored);
  const parts: (readonly Tensor[])[] = [];
  for await (const { rowCount, groups } of table.read({ groups: inputs.map(({ group }) => group), rowsPerBatch })) {
    parts.push(
      inputs.map(({ name, group, rowShape }, i) =>
        createTensor(name, group.datatype, [rowCount, ...rowShape], groups[i] ?? []),
      ),
    );
  }
  const empty = inputs.map(({ name, group, rowShape }) => createTensor(name, group.datatype, [0, ...rowShape], []));
  return { tensors: joinRows(parts.length === 0 ? [empty] : parts, "batch") ?? empty, cut };
}

function arrayTensor(array: unknown, input: TensorMetadata): Tensor {
  const datatype = datatypeOf(input);
  const { shape, leaves } = flattenArray(array, `input '${input.name}'`);
  const values = leaves.map((leaf, i) => leafValue(leaf, datatype, `element ${i} of input '${input.name}'`));
  return createTensor(input.name, datatype, shape, values);
}

/** A file's own numbers become the model's: NumPy makes float64 and int64 of everything. Fractions never become integers. */
function convert(tensor: Tensor, input: TensorMetadata): Tensor {
  const datatype = datatypeOf(input);
  if (tensor.datatype === datatype) return { ...tensor, name: input.name };
  const from = numberKind(tensor.datatype);
  const to = numberKind(datatype);
  if (from === undefined || to === undefined || (from === "float" && to === "integer")) {
    throw new UsageError(
      `the NPY file holds ${tensor.datatype} ${formatShape(tensor.shape)}, input '${input.name}' takes ${datatype} ${formatShape(input.shape)}`,
    );
  }
  const values = Array.from(readTensor(tensor) as ArrayLike<number | bigint>); // both kinds are numbers
  return createTensor(input.name, datatype, tensor.shape, to === "float" ? values.map(Number) : values);
}

function numberKind(datatype: Datatype): "float" | "integer" | undefined {
  if (datatype === "BOOL" || datatype === "BYTES") return undefined;
  return datatype.startsWith("FP") ? "float" : "integer";
}

/** Gives every tensor the rank of its input, and finds out how they may be cut. */
function fitTensors(pairs: readonly (readonly [Tensor, TensorMetadata])[]): ModelInputs {
  const tensors = pairs.map(([tensor, input]) => fitRank(tensor, input.shape));
  const rows = tensors[0]?.shape[0];
  const hasRows = rows !== undefined && tensors.every(({ shape }) => shape[0] === rows);
  const has = (check: (rank: number, shape: readonly number[]) => boolean) =>
    hasRows && pairs.every(([, { shape }], i) => check(tensors[i]?.shape.length ?? 0, shape));
  if (has((rank, shape) => rank === shape.length && shape[0] === -1)) return { tensors, cut: "batch" };
  if (has((rank, shape) => rank === shape.length + 1)) return { tensors, cut: "each" };
  return { tensors, cut: "whole" };
}

function fitRank(tensor: Tensor, expected: readonly number[]): Tensor {
  const { shape } = tensor;
  if (shape.length !== expected.length - 1 || expected[0] !== -1) return tensor;
  const isColumn = expected.slice(1).every((dimension) => dimension === 1) && elementCount(shape) === shape[0];
  return { ...tensor, shape: isColumn ? [...shape, 1] : [1, ...shape] };
}

import type { ModelMetadata, TensorMetadata } from "../client/model-metadata.ts";
import { createTensor, readTensor, type TensorElement } from "../client/tensor-values.ts";
import { type Datatype, elementCount, formatShape, isDatatype, type Tensor } from "../tensor.ts";
import { UsageError } from "./arguments.ts";
import type { InputData } from "./input-data.ts";
import { flattenArray, leafValue, textValue } from "./nested-array.ts";

/** Input tensors for a whole file, and how they may be cut into requests. */
export interface ModelInputs {
  readonly tensors: readonly Tensor[];
  /**
   * `batch`: the first dimension of every tensor is the model's batch dimension and may be cut anywhere. `each`: the model has no batch
   * dimension, the first one is ours, and every row is a request without it. `whole`: one request.
   */
  readonly cut: "batch" | "each" | "whole";
}

/** Data that do not name their own tensors. */
export type UnnamedData = Exclude<InputData, { readonly kind: "requests" }>;

/**
 * Fits data to the inputs of a model. A table gives each input the column of its name; where the names differ and the model has one input,
 * that takes all columns in order. Arrays are taken by input name or, for a model with one input, as they are; one row without its batch
 * dimension gets it.
 * @param ignored columns to leave out.
 * @throws UsageError that names what does not fit and what the model takes; InferenceError for values outside their datatype.
 */
export function fitInputs(data: UnnamedData, metadata: ModelMetadata, ignored: readonly string[]): ModelInputs {
  switch (data.kind) {
    case "table":
      return fitTable(data, metadata, ignored);
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

/** The inputs of a model in a sentence, for messages. */
export function describeInputs({ name, inputs }: ModelMetadata): string {
  return `model '${name}' takes ${inputs.map((input) => `'${input.name}' ${input.datatype} ${formatShape(input.shape)}`).join(", ")}`;
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

function datatypeOf(input: TensorMetadata): Datatype {
  if (isDatatype(input.datatype)) return input.datatype;
  throw new UsageError(`input '${input.name}' has datatype ${input.datatype}, which this client cannot write`);
}

type Table = Extract<InputData, { readonly kind: "table" }>;

function fitTable(table: Table, metadata: ModelMetadata, ignored: readonly string[]): ModelInputs {
  const unknown = ignored.find((name) => !table.columns.includes(name));
  if (unknown !== undefined) {
    throw new UsageError(`--ignore '${unknown}': no such column, the input has ${table.columns.join(", ")}`);
  }
  const used = table.columns.flatMap((name, index) => (ignored.includes(name) ? [] : [{ name, index }]));
  const byName = new Map(used.map(({ name, index }) => [name, index]));
  if (metadata.inputs.every(({ name }) => byName.has(name))) {
    const surplus = used.filter(({ name }) => !metadata.inputs.some((input) => input.name === name));
    if (surplus.length > 0) refuseColumns(surplus, metadata);
    return fitTensors(metadata.inputs.map((input) => [columnTensor(table, byName.get(input.name) ?? 0, input), input]));
  }
  const [input, second] = metadata.inputs;
  if (input === undefined || second !== undefined) {
    const missing = metadata.inputs.filter(({ name }) => !byName.has(name)).map(({ name }) => `'${name}'`);
    throw new UsageError(
      `no column for input ${missing.join(", ")}: ${describeInputs(metadata)}, the columns are ${[...byName.keys()].join(", ")}`,
    );
  }
  return fitTensors([[rowsTensor(table, used, input, metadata), input]]);
}

function refuseColumns(surplus: readonly { readonly name: string }[], metadata: ModelMetadata): never {
  const names = surplus.map(({ name }) => `'${name}'`).join(", ");
  throw new UsageError(
    `column ${names} fits no input: ${describeInputs(metadata)}; leave it out with ${surplus.map(({ name }) => `--ignore '${name}'`).join(" ")}`,
  );
}

/** One column as an input of shape [rows, …]; JSON cells may themselves be lists. */
function columnTensor(table: Table, index: number, input: TensorMetadata): Tensor {
  const column = table.rows.map((row) => row[index]);
  if (!table.isText) return arrayTensor(column, input);
  const datatype = datatypeOf(input);
  const values = column.map((cell, i) => textValue(String(cell), datatype, place(table, i, index)));
  return createTensor(input.name, datatype, [values.length], values);
}

/** All columns as one input of shape [rows, …] whose rows take as many values as there are columns. */
function rowsTensor(
  table: Table,
  used: readonly { readonly name: string; readonly index: number }[],
  input: TensorMetadata,
  metadata: ModelMetadata,
): Tensor {
  const datatype = datatypeOf(input);
  const isBatched = input.shape[0] === -1 && (input.shape.length > 1 || used.length === 1);
  const rowShape = isBatched ? input.shape.slice(1) : input.shape;
  const unknowns = rowShape.filter((dimension) => dimension === -1).length;
  const known = rowShape.reduce((product, dimension) => product * (dimension === -1 ? 1 : dimension), 1);
  const isFit = unknowns === 0 ? known === used.length : unknowns === 1 && used.length % known === 0;
  if (!isFit) {
    const surplus = used.slice(known).map(({ name }) => `--ignore '${name}'`);
    const hint = unknowns === 0 && surplus.length > 0 && surplus.length <= 3 ? `; perhaps ${surplus.join(" ")}` : "";
    throw new UsageError(
      `${used.length} columns do not make a row of input '${input.name}', which takes ${unknowns > 0 ? "a multiple of " : ""}${known}: ${describeInputs(metadata)}${hint}`,
    );
  }
  const values: TensorElement[] = [];
  table.rows.forEach((row, i) => {
    for (const { index } of used) {
      const where = place(table, i, index);
      const cell = row[index];
      values.push(table.isText ? textValue(String(cell), datatype, where) : leafValue(cell, datatype, where));
    }
  });
  const filled = rowShape.map((dimension) => (dimension === -1 ? used.length / known : dimension));
  return createTensor(input.name, datatype, [table.rows.length, ...filled], values);
}

function place(table: Table, row: number, column: number): string {
  return `column '${table.columns[column]}' in ${table.places[row]}`;
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

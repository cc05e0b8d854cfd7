import type { ModelMetadata, TensorMetadata } from "../client/model-metadata.ts";
import { type Datatype, formatShape, isDatatype } from "../tensor.ts";
import type { ColumnGroup, TableColumn } from "../training/table.ts";
import { UsageError } from "./arguments.ts";

/** An input of a model and the columns of a table that it takes. */
export interface PlannedInput {
  readonly name: string;
  readonly group: ColumnGroup;
  /** Shape of one row of the tensor. */
  readonly rowShape: readonly number[];
}

/** How the rows of a table become requests. */
export interface InputPlan {
  readonly inputs: readonly PlannedInput[];
  /**
   * `batch`: the first dimension of every tensor is the model's batch dimension, any number of rows makes a request. `each`: the model has no
   * batch dimension, every row is a request.
   */
  readonly cut: "batch" | "each";
}

/**
 * Fits the columns of a table to the inputs of a model. Each input takes the column of its name; where the names differ and the model has one
 * input, that takes all columns in order.
 * @param ignored columns to leave out.
 * @throws UsageError that names what does not fit and what the model takes.
 */
export function planInputs(
  columns: readonly TableColumn[],
  metadata: ModelMetadata,
  ignored: readonly string[],
): InputPlan {
  const unknown = ignored.find((name) => !columns.some((column) => column.name === name));
  if (unknown !== undefined) {
    throw new UsageError(`--ignore '${unknown}': no such column, the input has ${namesOf(columns)}`);
  }
  const used = columns.flatMap((column, index) => (ignored.includes(column.name) ? [] : [{ ...column, index }]));
  const byName = new Map(used.map((column) => [column.name, column]));
  if (metadata.inputs.every(({ name }) => byName.has(name))) {
    const surplus = used.filter(({ name }) => !metadata.inputs.some((input) => input.name === name));
    if (surplus.length > 0) refuseColumns(surplus, metadata);
    return samePlan(
      metadata.inputs.map((input) => planColumn(byName.get(input.name) as UsedColumn, input, metadata)), // every name has one
      metadata,
    );
  }
  const [input, second] = metadata.inputs;
  if (input === undefined || second !== undefined) {
    const missing = metadata.inputs.filter(({ name }) => !byName.has(name)).map(({ name }) => `'${name}'`);
    throw new UsageError(
      `no column for input ${missing.join(", ")}: ${describeInputs(metadata)}, the columns are ${namesOf(used)}`,
    );
  }
  const [column] = used;
  const isOne = used.length === 1 && column !== undefined && column.shape.length > 0;
  return samePlan([isOne ? planColumn(column, input, metadata) : planRow(used, input, metadata)], metadata);
}

/** The inputs of a model in a sentence, for messages. */
export function describeInputs({ name, inputs }: ModelMetadata): string {
  return `model '${name}' takes ${inputs.map((input) => `'${input.name}' ${input.datatype} ${formatShape(input.shape)}`).join(", ")}`;
}

/** The datatype of an input, as one that can be written. @throws UsageError for BF16 */
export function datatypeOf(input: TensorMetadata): Datatype {
  if (isDatatype(input.datatype)) return input.datatype;
  throw new UsageError(`input '${input.name}' has datatype ${input.datatype}, which this client cannot write`);
}

interface UsedColumn extends TableColumn {
  readonly index: number;
}

type Planned = PlannedInput & { readonly cut: InputPlan["cut"] };

function samePlan(inputs: readonly Planned[], metadata: ModelMetadata): InputPlan {
  const cut = inputs[0]?.cut ?? "batch";
  if (inputs.some((input) => input.cut !== cut)) {
    throw new UsageError(`not all inputs have a batch dimension: ${describeInputs(metadata)}`);
  }
  return { inputs, cut };
}

/** One column as an input: a row is a value, or a list where the column holds lists. */
function planColumn(column: UsedColumn, input: TensorMetadata, metadata: ModelMetadata): Planned {
  const { shape } = column;
  const expected = input.shape;
  const group = { columns: [column.index], datatype: datatypeOf(input) };
  const rest = expected.slice(1);
  const { name } = input;
  if (expected[0] === -1 && fits(shape, rest)) return { name, group, rowShape: shape, cut: "batch" };
  const isSingle = shape.length === 0 && rest.every((dimension) => dimension === 1);
  if (expected[0] === -1 && isSingle) return { name, group, rowShape: rest, cut: "batch" };
  if (fits(shape, expected)) return { name, group, rowShape: shape, cut: "each" };
  const what = column.name === "" ? "a row" : `a row of column '${column.name}'`;
  throw new UsageError(
    `${what} has shape ${formatShape(shape)}, which does not fit input '${name}': ${describeInputs(metadata)}`,
  );
}

function fits(shape: readonly number[], expected: readonly number[]): boolean {
  return (
    shape.length === expected.length && expected.every((dimension, i) => dimension === -1 || dimension === shape[i])
  );
}

/** All columns as one input whose rows take as many values as there are columns. */
function planRow(used: readonly UsedColumn[], input: TensorMetadata, metadata: ModelMetadata): Planned {
  const isBatched = input.shape[0] === -1 && (input.shape.length > 1 || used.length === 1);
  const dims = isBatched ? input.shape.slice(1) : input.shape;
  const unknowns = dims.filter((dimension) => dimension === -1).length;
  const known = dims.reduce((product, dimension) => product * (dimension === -1 ? 1 : dimension), 1);
  const nested = used.find(({ shape }) => shape.length > 0);
  if (nested !== undefined) {
    throw new UsageError(
      `column '${nested.name}' holds lists beside ${used.length - 1} other columns: ${describeInputs(metadata)}; leave the others out with --ignore, or give each input a column of its name`,
    );
  }
  const isFit = unknowns === 0 ? known === used.length : unknowns === 1 && used.length % known === 0;
  if (!isFit) {
    const surplus = used.slice(known).map(({ name }) => `--ignore '${name}'`);
    const hint = unknowns === 0 && surplus.length > 0 && surplus.length <= 3 ? `; perhaps ${surplus.join(" ")}` : "";
    throw new UsageError(
      `${used.length} columns do not make a row of input '${input.name}', which takes ${unknowns > 0 ? "a multiple of " : ""}${known}: ${describeInputs(metadata)}${hint}`,
    );
  }
  return {
    name: input.name,
    group: { columns: used.map(({ index }) => index), datatype: datatypeOf(input) },
    rowShape: dims.map((dimension) => (dimension === -1 ? used.length / known : dimension)),
    cut: isBatched ? "batch" : "each",
  };
}

function refuseColumns(surplus: readonly TableColumn[], metadata: ModelMetadata): never {
  const names = surplus.map(({ name }) => `'${name}'`).join(", ");
  throw new UsageError(
    `column ${names} fits no input: ${describeInputs(metadata)}; leave it out with ${surplus.map(({ name }) => `--ignore '${name}'`).join(" ")}`,
  );
}

function namesOf(columns: readonly TableColumn[]): string {
  return columns.map(({ name }) => name).join(", ");
}

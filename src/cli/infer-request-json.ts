import { createTensor, type TensorElement } from "../client/tensor-values.ts";
import type { ParameterValue, RequestedOutput } from "../inference.ts";
import { type Datatype, datatypes, isDatatype, type Tensor } from "../tensor.ts";
import { asObject } from "../training/json-values.ts";
import { UsageError } from "./arguments.ts";
import { flattenArray, leafValue } from "./nested-array.ts";

/** A KServe v2 JSON request: every tensor with its own name, datatype and shape. */
export interface ExplicitRequest {
  readonly id: string;
  readonly parameters: ReadonlyMap<string, ParameterValue>;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly RequestedOutput[];
}

/** Whether a JSON value has the form of a KServe v2 request: an object whose `inputs` is a list of objects. */
export function isExplicitRequest(value: unknown): boolean {
  const inputs = asObject(value)?.inputs;
  return Array.isArray(inputs) && inputs.length > 0 && inputs.every((input) => asObject(input)?.data !== undefined);
}

/** Reads a KServe v2 JSON request. @throws UsageError naming the tensor and what is wrong with it; InferenceError for values that do not fit. */
export function readExplicitRequest(value: unknown): ExplicitRequest {
  const request = asObject(value) ?? {};
  const inputs = Array.isArray(request.inputs) ? request.inputs : [];
  const outputs = Array.isArray(request.outputs) ? request.outputs : [];
  return {
    id: typeof request.id === "string" ? request.id : "",
    parameters: readParameters(request.parameters, "the request"),
    inputs: inputs.map(readInput),
    outputs: outputs.map(readOutput),
  };
}

function readInput(value: unknown, index: number): Tensor {
  const input = asObject(value) ?? {};
  const name = readName(input.name, `input ${index}`);
  const datatype = readDatatype(input.datatype, name);
  const { shape } = input;
  if (!Array.isArray(shape) || !shape.every((dimension) => Number.isSafeInteger(dimension) && dimension >= 0)) {
    throw new UsageError(`input '${name}' has shape ${JSON.stringify(shape)}, expected a list of sizes such as [1,4]`);
  }
  const leaves = flattenArray(input.data, `input '${name}'`).leaves;
  const elements: TensorElement[] = leaves.map((leaf, i) =>
    leafValue(leaf, datatype, `element ${i} of input '${name}'`),
  );
  return createTensor(name, datatype, shape, elements);
}

function readOutput(value: unknown, index: number): RequestedOutput {
  const output = asObject(value) ?? {};
  const name = readName(output.name, `output ${index}`);
  const count = readParameters(output.parameters, `output '${name}'`).get("classification") ?? 0;
  if (typeof count !== "number") throw new UsageError(`classification of output '${name}' is no number`);
  return { name, classificationCount: count };
}

function readName(name: unknown, where: string): string {
  if (typeof name === "string" && name !== "") return name;
  throw new UsageError(`${where} has no name`);
}

function readDatatype(datatype: unknown, name: string): Datatype {
  if (typeof datatype === "string" && isDatatype(datatype)) return datatype;
  throw new UsageError(
    `input '${name}' has datatype ${JSON.stringify(datatype)}, expected one of ${datatypes.join(", ")}`,
  );
}

function readParameters(value: unknown, where: string): ReadonlyMap<string, ParameterValue> {
  const parameters = new Map<string, ParameterValue>();
  for (const [key, parameter] of Object.entries(asObject(value) ?? {})) {
    const isValue = ["boolean", "number", "bigint", "string"].includes(typeof parameter);
    if (!isValue) throw new UsageError(`parameter '${key}' of ${where} is no number, text or truth value`);
    parameters.set(key, parameter as ParameterValue); // one of the four kinds just checked
  }
  return parameters;
}

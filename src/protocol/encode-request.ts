import { InferenceError } from "../errors.ts";
import { type InferenceRequest, noParameters, type Parameters, type RequestedOutput } from "../inference.ts";
import { elementCount, formatShape, itemBytes, type Tensor } from "../tensor.ts";
import { validateElements } from "./bytes-elements.ts";
import { inputTags, outputTags, requestTags } from "./message-tags.ts";
import { parametersSize, writeParameters } from "./parameters.ts";
import { shapeSize, writeShape } from "./shape.ts";
import { checkBytes, fieldSize, stringFieldSize, WireWriter } from "./wire-writer.ts";

/** Memory for so many bytes, with any content. */
export type Allocate = (bytes: number) => Buffer;

/**
 * A request for the wire, with raw contents; what a client sends. `extraParameters` are written beside those of the request. The bytes lie in
 * what `allocate` gives, all of it.
 * @throws InferenceError "invalid" when the data of an input is no Uint8Array or does not fit its datatype and shape.
 */
export function encodeInferRequest(
  request: InferenceRequest,
  extraParameters: Parameters = noParameters,
  allocate: Allocate = Buffer.allocUnsafe,
): Buffer {
  const { modelName, modelVersion, id, parameters, inputs, requestedOutputs } = request;
  const inputSizes = inputs.map(inputSize);
  const outputSizes = requestedOutputs.map(outputSize);
  let size = stringFieldSize(modelName) + stringFieldSize(modelVersion) + stringFieldSize(id);
  size += parametersSize(parameters) + parametersSize(extraParameters);
  for (const part of inputSizes) size += fieldSize(part);
  for (const part of outputSizes) size += fieldSize(part);
  for (const input of inputs) size += fieldSize(checkInput(input, modelName).length);

  const writer = new WireWriter(size, allocate);
  writer.optionalString(requestTags.modelName, modelName);
  writer.optionalString(requestTags.modelVersion, modelVersion);
  writer.optionalString(requestTags.id, id);
  writeParameters(writer, requestTags.parameters, parameters);
  writeParameters(writer, requestTags.parameters, extraParameters);
  inputs.forEach((input, i) => {
    writeInput(writer, input, inputSizes[i] ?? 0);
  });
  requestedOutputs.forEach((output, i) => {
    writeOutput(writer, output, outputSizes[i] ?? 0);
  });
  for (const { data } of inputs) {
    writer.field(requestTags.rawContents, data.length);
    writer.raw(data);
  }
  return writer.bytes;
}

function checkInput(input: Tensor, modelName: string): Uint8Array {
  const { name, datatype, shape } = input;
  const data = checkBytes(input.data, name);
  const where = `input '${name}' for model '${modelName}'`;
  const count = elementCount(shape);
  if (Number.isNaN(count)) {
    throw new InferenceError("invalid", `unexpected shape for ${where}, got ${formatShape(shape)}`);
  }
  if (datatype === "BYTES") validateElements(data, count, where, "");
  else if (data.length !== count * itemBytes(datatype)) {
    const expected = count * itemBytes(datatype);
    throw new InferenceError(
      "invalid",
      `input byte size mismatch for ${where}. Expected ${expected}, got ${data.length}`,
    );
  }
  return data;
}

function inputSize({ name, datatype, shape }: Tensor): number {
  return stringFieldSize(name) + stringFieldSize(datatype) + shapeSize(shape);
}

function writeInput(writer: WireWriter, { name, datatype, shape }: Tensor, size: number): void {
  writer.field(requestTags.input, size);
  writer.optionalString(inputTags.name, name);
  writer.optionalString(inputTags.datatype, datatype);
  writeShape(writer, inputTags.shape, shape);
}

function outputParameters({ classificationCount }: RequestedOutput): Parameters {
  return classificationCount > 0 ? new Map([["classification", classificationCount]]) : noParameters;
}

function outputSize(output: RequestedOutput): number {
  return stringFieldSize(output.name) + parametersSize(outputParameters(output));
}

function writeOutput(writer: WireWriter, output: RequestedOutput, size: number): void {
  writer.field(requestTags.output, size);
  writer.optionalString(outputTags.name, output.name);
  writeParameters(writer, outputTags.parameters, outputParameters(output));
}

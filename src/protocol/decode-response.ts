import { InferenceError } from "../errors.ts";
import { type InferenceResponse, noParameters, type Parameters } from "../inference.ts";
import { elementCount, formatShape, isDatatype, itemBytes, type Tensor } from "../tensor.ts";
import { countBytesElements } from "./bytes-elements.ts";
import { outputTensorTags, responseTags, streamTags } from "./message-tags.ts";
import { parameterValues, readParameter, type WireParameter } from "./parameters.ts";
import { readShape } from "./shape.ts";
import { type ContentsRange, countElements, findMismatch, toRaw, type WireContents } from "./tensor-contents.ts";
import { WireReader } from "./wire-reader.ts";

/** One message of a stream's answer: a result, or an error beside the id of its request. */
export interface StreamResponse {
  /** Empty for a result. */
  readonly errorMessage: string;
  /** Beside an error: id, parameters, no outputs. */
  readonly response: InferenceResponse;
}

const message = "ModelInferResponse";

/**
 * The answer of any server of the protocol, raw or typed. Raw data are views into the message.
 * @throws InferenceError "internal" when the bytes are no ModelInferResponse or an output does not fit its own datatype and shape: the
 *   server is at fault, not the caller.
 */
export function decodeInferResponse(bytes: Buffer): InferenceResponse {
  return readResponse(new WireReader(bytes, message, "internal"));
}

/** One message of ModelStreamInfer; otherwise as {@link decodeInferResponse}. */
export function decodeStreamResponse(bytes: Buffer): StreamResponse {
  const reader = new WireReader(bytes, "ModelStreamInferResponse", "internal");
  let errorMessage = "";
  let response: InferenceResponse = { modelName: "", modelVersion: "", id: "", parameters: noParameters, outputs: [] };
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === streamTags.errorMessage) errorMessage = reader.string();
    else if (tag === streamTags.response) {
      const outer = reader.enter();
      response = readResponse(reader);
      reader.leave(outer);
    } else reader.skip(tag, 2);
  }
  return { errorMessage, response };
}

interface WireOutput {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly (number | bigint)[];
  readonly contents: WireContents | undefined;
}

function readResponse(reader: WireReader): InferenceResponse {
  let modelName = "";
  let modelVersion = "";
  let id = "";
  let parameters: Map<string, WireParameter> | undefined;
  const outputs: WireOutput[] = [];
  const raw: Uint8Array[] = [];
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === responseTags.modelName) modelName = reader.name();
    else if (tag === responseTags.modelVersion) modelVersion = reader.name();
    else if (tag === responseTags.id) id = reader.string();
    else if (tag === responseTags.output) outputs.push(readOutput(reader));
    else if (tag === responseTags.rawContents) raw.push(reader.bytesField());
    else if (tag === responseTags.parameters) parameters = readParameter(reader, parameters);
    else reader.skip(tag, 6);
  }
  const values: Parameters = parameters === undefined ? noParameters : parameterValues(parameters);
  return { modelName, modelVersion, id, parameters: values, outputs: joinData(outputs, raw) };
}

function readOutput(reader: WireReader): WireOutput {
  const outer = reader.enter();
  let name = "";
  let datatype = "";
  const shape: (number | bigint)[] = [];
  let ranges: ContentsRange[] | undefined;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === outputTensorTags.name) name = reader.name();
    else if (tag === outputTensorTags.datatype) datatype = reader.name();
    else if (tag === outputTensorTags.shape) readShape(reader, true, shape);
    else if (tag === outputTensorTags.shapeItem) readShape(reader, false, shape);
    else if (tag === outputTensorTags.contents) {
      const end = reader.fieldEnd();
      ranges ??= [];
      ranges.push({ start: reader.position, end });
      reader.position = end;
    } else if (tag === outputTensorTags.parameters) reader.position = reader.fieldEnd();
    else reader.skip(tag, 5);
  }
  reader.leave(outer);
  return {
    name,
    datatype,
    shape,
    contents: ranges === undefined ? undefined : { bytes: reader.bytes, ranges, message, reason: "internal" },
  };
}

/** Gives each output without typed contents the next raw entry; a tensor without elements may have none. */
function joinData(outputs: readonly WireOutput[], raw: readonly Uint8Array[]): readonly Tensor[] {
  let nextRaw = 0;
  return outputs.map((output) => {
    const { contents } = output;
    if (contents === undefined) return checkOutput(output, raw[nextRaw++] ?? noData);
    const counts = countElements(contents);
    if (!isDatatype(output.datatype) || findMismatch(counts, output.datatype) !== undefined) {
      throw malformed(output, `contents that do not belong to datatype '${output.datatype}'`);
    }
    return checkOutput(output, toRaw(contents, counts, output.datatype));
  });
}

const noData = new Uint8Array(0);

function checkOutput({ name, datatype, shape }: WireOutput, data: Uint8Array): Tensor {
  const output = { name, datatype };
  if (!isDatatype(datatype)) throw malformed(output, `unknown datatype '${datatype}'`);
  const dimensions = shape.map(Number);
  const count = elementCount(dimensions);
  const given = datatype === "BYTES" ? countBytesElements(data) : data.length / itemBytes(datatype);
  if (given !== count) {
    throw malformed(output, `${data.length} bytes of ${datatype} for shape ${formatShape(shape)}`);
  }
  return { name, datatype, shape: dimensions, data };
}

function malformed(output: { readonly name: string }, what: string): InferenceError {
  return new InferenceError("internal", `malformed ${message}: output '${output.name}' has ${what}`);
}

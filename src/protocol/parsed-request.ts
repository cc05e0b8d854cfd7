import { InferenceError } from "../errors.ts";
import { inputTags, outputTags, requestTags } from "./message-tags.ts";
import { noWireParameters, readParameter, type WireParameter, type WireParameters } from "./parameters.ts";
import { readShape, type WireShape } from "./shape.ts";
import type { ContentsRange, WireContents } from "./tensor-contents.ts";
import { WireReader } from "./wire-reader.ts";

/** Most inputs, most requested outputs and most raw entries of one request: an empty one costs two bytes to send and a hundred to keep. */
export const maxTensors = 4096;

const message = "ModelInferRequest";

/** An input tensor as it stands in the message. */
export interface ParsedInput {
  readonly name: string;
  readonly datatype: string;
  readonly shape: WireShape;
  readonly parameters: WireParameters;
  /** Typed contents, not read yet; undefined: none, so a raw entry belongs to this input. */
  readonly contents: WireContents | undefined;
}

export interface ParsedOutput {
  readonly name: string;
  readonly parameters: WireParameters;
}

/** A request whose protobuf is sound; whether it makes sense is for `resolveRequest` to say. Views into the message. */
export interface ParsedRequest {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly id: string;
  readonly parameters: WireParameters;
  readonly inputs: readonly ParsedInput[];
  readonly outputs: readonly ParsedOutput[];
  readonly rawContents: readonly Uint8Array[];
  /** Length of the message, all of which the views keep in memory. */
  readonly byteLength: number;
}

/**
 * The first of two steps, which needs nothing but the bytes: with its result a stream can name the request that it refuses, and the
 * server can look up the model before it looks at tensors (an unknown model is NOT_FOUND whatever else is wrong).
 * @param bytes one ModelInferRequest; kept by the views of the result, so it must not be written to.
 * @throws InferenceError "invalid": malformed protobuf, with the position, or more parts than {@link maxTensors} and `maxParameters`.
 */
export function parseInferRequest(bytes: Buffer): ParsedRequest {
  const reader = new WireReader(bytes, message);
  let modelName = "";
  let modelVersion = "";
  let id = "";
  let parameters: Map<string, WireParameter> | undefined;
  let inputs: ParsedInput[] | undefined;
  let outputs: ParsedOutput[] | undefined;
  let rawContents: Uint8Array[] | undefined;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === requestTags.modelName) modelName = reader.name();
    else if (tag === requestTags.modelVersion) modelVersion = reader.name();
    else if (tag === requestTags.id) id = reader.string();
    else if (tag === requestTags.input) inputs = append(inputs, parseInput(reader), "inputs");
    else if (tag === requestTags.rawContents)
      rawContents = append(rawContents, reader.bytesField(), "raw_input_contents");
    else if (tag === requestTags.output) outputs = append(outputs, parseOutput(reader), "outputs");
    else if (tag === requestTags.parameters) parameters = readParameter(reader, parameters);
    else reader.skip(tag, 7);
  }
  return {
    modelName,
    modelVersion,
    id,
    parameters: parameters ?? noWireParameters,
    inputs: inputs ?? [],
    outputs: outputs ?? [],
    rawContents: rawContents ?? [],
    byteLength: bytes.length,
  };
}

/** A list of one item is made with room for one: the first `push` onto an empty list takes room for 17. */
function append<T>(list: T[] | undefined, item: T, field: string): T[] {
  if (list === undefined) return [item];
  if (list.length === maxTensors) throw new InferenceError("invalid", `request has more than ${maxTensors} ${field}`);
  list.push(item);
  return list;
}

function parseInput(reader: WireReader): ParsedInput {
  const outer = reader.enter();
  let name = "";
  let datatype = "";
  const shape: (number | bigint)[] = [];
  let parameters: Map<string, WireParameter> | undefined;
  let ranges: ContentsRange[] | undefined;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === inputTags.name) name = reader.name();
    else if (tag === inputTags.datatype) datatype = reader.name();
    else if (tag === inputTags.shape || tag === inputTags.shapeItem) readShape(reader, tag === inputTags.shape, shape);
    else if (tag === inputTags.contents) {
      const end = reader.fieldEnd();
      ranges = append(ranges, { start: reader.position, end }, "pieces of contents");
      reader.position = end;
    } else if (tag === inputTags.parameters) parameters = readParameter(reader, parameters);
    else reader.skip(tag, 5);
  }
  reader.leave(outer);
  return {
    name,
    datatype,
    shape,
    parameters: parameters ?? noWireParameters,
    contents: ranges === undefined ? undefined : { bytes: reader.bytes, ranges, message, reason: "invalid" },
  };
}

function parseOutput(reader: WireReader): ParsedOutput {
  const outer = reader.enter();
  let name = "";
  let parameters: Map<string, WireParameter> | undefined;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === outputTags.name) name = reader.name();
    else if (tag === outputTags.parameters) parameters = readParameter(reader, parameters);
    else reader.skip(tag, 2);
  }
  reader.leave(outer);
  return { name, parameters: parameters ?? noWireParameters };
}

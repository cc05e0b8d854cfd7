import type { InferenceError } from "../errors.ts";
import { type InferenceResponse, noParameters, type Parameters } from "../inference.ts";
import type { Tensor } from "../tensor.ts";
import { outputTensorTags, responseTags, streamTags } from "./message-tags.ts";
import { parametersSize, writeParameters } from "./parameters.ts";
import { shapeSize, writeShape } from "./shape.ts";
import { pushbackMs, sequenceLostParameter, statusCode, statusText } from "./status.ts";
import { contentsSize, hasTypedForm, writeContents } from "./tensor-contents.ts";
import { checkBytes, fieldSize, stringFieldSize, WireWriter } from "./wire-writer.ts";

export { decodeInferResponse, decodeStreamResponse, type StreamResponse } from "./decode-response.ts";

/** How an answer is written, beside what it says. Share one object between answers. */
export interface ResponseForm {
  /** "typed" writes numbers into `contents`, which grpcurl can show; FP16 has no typed form and stays raw. */
  readonly outputForm: "raw" | "typed";
  /** Parameters beside those of the response. A key in both appears twice, and readers keep this one. */
  readonly extraParameters?: Parameters;
  /** Value of `triton_final_response`, which every answer on a stream carries; absent: left out. */
  readonly isFinal?: boolean;
}

/** A unary answer. */
export const rawForm: ResponseForm = { outputForm: "raw" };
/** The only or last answer to a request of a stream. */
export const finalRawForm: ResponseForm = { outputForm: "raw", isFinal: true };

/** `triton_final_response` as a field of the response, written once. */
const finalEntryTrue = finalEntry(true);
const finalEntryFalse = finalEntry(false);

function finalEntry(isFinal: boolean): Buffer {
  const parameters: Parameters = new Map([["triton_final_response", isFinal]]);
  const writer = new WireWriter(parametersSize(parameters));
  writeParameters(writer, responseTags.parameters, parameters);
  return writer.bytes;
}

/**
 * A ModelInferResponse in one buffer of its exact size, which is the caller's. Output data is copied into it: one entry of
 * raw_output_contents for each output without typed contents, in the order of the outputs.
 * @throws InferenceError "invalid" when the data of an output is no Uint8Array.
 */
export function encodeInferResponse(response: InferenceResponse, form: ResponseForm = rawForm): Buffer {
  const sizes = outputSizes(response, form);
  const writer = new WireWriter(responseSize(response, form, sizes));
  writeResponse(writer, response, form, sizes);
  return writer.bytes;
}

/** A ModelStreamInferResponse that holds an answer; otherwise as {@link encodeInferResponse}. */
export function encodeStreamResponse(response: InferenceResponse, form: ResponseForm = finalRawForm): Buffer {
  const sizes = outputSizes(response, form);
  const size = responseSize(response, form, sizes);
  const writer = new WireWriter(fieldSize(size));
  writer.field(streamTags.response, size);
  writeResponse(writer, response, form, sizes);
  return writer.bytes;
}

/** What a failed request on a stream is known by. */
export interface FailedRequest {
  readonly id: string;
  /** As the request gave it, once it was issued to a model; Triton leaves both names out of failures before that. */
  readonly modelName?: string;
  readonly modelVersion?: string;
  /** What else the answer carries, the echoed `sluice_sequence_number` for one. */
  readonly parameters?: Parameters;
  /** Value of `triton_final_response`; Triton sends it from the moment that the request was issued. Absent: left out. */
  readonly isFinal?: boolean;
}

/**
 * A ModelStreamInferResponse that says why one request failed. The stream lives on, so status code and pushback travel as the
 * parameters `sluice_status_code` and `sluice_retry_after_ms`. The text is cut as that of a unary call is: it may quote what a client wrote.
 */
export function encodeStreamError(error: InferenceError, request: FailedRequest): Buffer {
  const parameters = new Map(request.parameters ?? noParameters);
  parameters.set("sluice_status_code", statusCode(error.reason));
  if (error.reason === "sequence_lost") parameters.set(sequenceLostParameter, true);
  if (error.retryAfterMs !== undefined) parameters.set("sluice_retry_after_ms", pushbackMs(error.retryAfterMs));
  const { id, modelName = "", modelVersion = "", isFinal } = request;
  const response: InferenceResponse = { modelName, modelVersion, id, parameters, outputs: [] };
  const form: ResponseForm = isFinal === undefined ? rawForm : { outputForm: "raw", isFinal };
  const sizes = outputSizes(response, form);
  const size = responseSize(response, form, sizes);
  const text = error.message === "" ? error.reason : statusText(error.message); // an empty error_message would read as success
  const writer = new WireWriter(stringFieldSize(text) + fieldSize(size));
  writer.string(streamTags.errorMessage, text);
  writer.field(streamTags.response, size);
  writeResponse(writer, response, form, sizes);
  return writer.bytes;
}

function isTyped(output: Tensor, form: ResponseForm): boolean {
  return form.outputForm === "typed" && hasTypedForm(output.datatype);
}

/** Bytes of each InferOutputTensor. */
function outputSizes({ outputs }: InferenceResponse, form: ResponseForm): number[] {
  const sizes: number[] = [];
  for (let i = 0; i < outputs.length; i++) {
    const output = outputs[i] as Tensor; // i is below the length
    checkBytes(output.data, output.name);
    const size = stringFieldSize(output.name) + stringFieldSize(output.datatype) + shapeSize(output.shape);
    sizes.push(isTyped(output, form) ? size + fieldSize(contentsSize(output)) : size);
  }
  return sizes;
}

function responseSize(response: InferenceResponse, form: ResponseForm, sizes: readonly number[]): number {
  const { outputs } = response;
  let size =
    stringFieldSize(response.modelName) + stringFieldSize(response.modelVersion) + stringFieldSize(response.id);
  size += parametersSize(response.parameters);
  if (form.extraParameters !== undefined) size += parametersSize(form.extraParameters);
  if (form.isFinal !== undefined) size += (form.isFinal ? finalEntryTrue : finalEntryFalse).length;
  for (let i = 0; i < outputs.length; i++) {
    const output = outputs[i] as Tensor; // i is below the length
    size += fieldSize(sizes[i] as number); // one size an output
    if (!isTyped(output, form)) size += fieldSize(output.data.length);
  }
  return size;
}

function writeResponse(
  writer: WireWriter,
  response: InferenceResponse,
  form: ResponseForm,
  sizes: readonly number[],
): void {
  const { outputs } = response;
  writer.optionalString(responseTags.modelName, response.modelName);
  writer.optionalString(responseTags.modelVersion, response.modelVersion);
  writer.optionalString(responseTags.id, response.id);
  writeParameters(writer, responseTags.parameters, response.parameters);
  if (form.extraParameters !== undefined) writeParameters(writer, responseTags.parameters, form.extraParameters);
  if (form.isFinal !== undefined) writer.raw(form.isFinal ? finalEntryTrue : finalEntryFalse);
  for (let i = 0; i < outputs.length; i++) writeOutput(writer, outputs[i] as Tensor, sizes[i] as number, form);
  for (let i = 0; i < outputs.length; i++) {
    const output = outputs[i] as Tensor; // i is below the length
    if (isTyped(output, form)) continue;
    writer.field(responseTags.rawContents, output.data.length);
    writer.raw(output.data);
  }
}

function writeOutput(writer: WireWriter, output: Tensor, size: number, form: ResponseForm): void {
  writer.field(responseTags.output, size);
  writer.optionalString(outputTensorTags.name, output.name);
  writer.optionalString(outputTensorTags.datatype, output.datatype);
  writeShape(writer, outputTensorTags.shape, output.shape);
  if (!isTyped(output, form)) return;
  writer.field(outputTensorTags.contents, contentsSize(output));
  writeContents(writer, output);
}

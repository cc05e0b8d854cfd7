import { InferenceError } from "../errors.ts";
import type { InferenceRequest, InferenceResponse, Parameters, Signature } from "../inference.ts";
import { classify } from "../protocol/classification.ts";
import {
  encodeInferResponse,
  encodeStreamError,
  encodeStreamResponse,
  type ResponseForm,
} from "../protocol/infer-response.ts";
import type { WireParameters } from "../protocol/parameters.ts";
import type { Model } from "../runtime/model.ts";
import type { Tensor } from "../tensor.ts";
import type { Call } from "./call.ts";

/** The request that is answered, and by whom. */
export interface Question {
  readonly request: InferenceRequest;
  readonly model: Model;
}

/** A unary answer, by whether its outputs are typed. */
const unaryForms = { raw: { outputForm: "raw" }, typed: { outputForm: "typed" } } as const satisfies Record<
  string,
  ResponseForm
>;

/** An answer on a stream, by the form of its outputs and whether it is the last to its request. */
const streamForms = {
  raw: { last: { outputForm: "raw", isFinal: true }, more: { outputForm: "raw", isFinal: false } },
  typed: { last: { outputForm: "typed", isFinal: true }, more: { outputForm: "typed", isFinal: false } },
} as const satisfies Record<string, Record<string, ResponseForm>>;

/** How outputs are written. */
export type OutputForm = "raw" | "typed";

/** What a call asks for in metadata, for all its requests. */
export function outputFormOf(call: Call<Buffer>): OutputForm {
  return call.metadata("sluice-output-contents") === "typed" ? "typed" : "raw";
}

/** What the request asks for, or else what its call asked for in metadata. */
export function outputForm(request: InferenceRequest, ofCall: OutputForm): OutputForm {
  if (request.parameters.size === 0) return ofCall;
  const asked = request.parameters.get("sluice_output_contents");
  return asked === "typed" || asked === "raw" ? asked : ofCall;
}

/**
 * A ModelInferResponse.
 * @throws InferenceError "too_large" above `maxBytes`, "invalid" for a class ranking that the output's datatype does not have.
 */
export function encodeUnaryAnswer(
  question: Question,
  response: InferenceResponse,
  form: OutputForm,
  maxBytes: number,
): Buffer {
  return checkSize(encodeInferResponse(rankClasses(question, response), unaryForms[form]), maxBytes);
}

/** What an answer on a stream needs beside itself. */
export interface StreamAnswerOptions {
  /** The last answer to its request. */
  readonly isFinal: boolean;
  readonly form: OutputForm;
  readonly maxBytes: number;
  /** What {@link echoOf} found in the request. */
  readonly echo: Parameters | undefined;
}

/** A ModelStreamInferResponse that holds an answer; throws as {@link encodeUnaryAnswer}. */
export function encodeStreamAnswer(
  question: Question,
  response: InferenceResponse,
  { isFinal, form, maxBytes, echo }: StreamAnswerOptions,
): Buffer {
  const plain = streamForms[form][isFinal ? "last" : "more"];
  const full = echo === undefined ? plain : { ...plain, extraParameters: echo };
  return checkSize(encodeStreamResponse(rankClasses(question, response), full), maxBytes);
}

/**
 * A ModelStreamInferResponse that tells a failure.
 * @param issued the request, once a model took it; before that the answer names the id alone, as Triton's does.
 */
export function encodeFailure(
  error: InferenceError,
  id: string,
  echo: Parameters | undefined,
  issued: InferenceRequest | undefined,
): Buffer {
  const parameters = echo === undefined ? {} : { parameters: echo };
  if (issued === undefined) return encodeStreamError(error, { id, ...parameters });
  const { modelName, modelVersion } = issued;
  return encodeStreamError(error, { id, modelName, modelVersion, isFinal: true, ...parameters });
}

/** The sender's own count, which comes back on every answer of a stream; undefined when the request has none. */
export function echoOf(parameters: WireParameters): Parameters | undefined {
  if (parameters.size === 0) return undefined;
  const number = parameters.get(sequenceNumber)?.value;
  return typeof number === "number" || typeof number === "bigint" ? new Map([[sequenceNumber, number]]) : undefined;
}

const sequenceNumber = "sluice_sequence_number";

function checkSize(bytes: Buffer, maxBytes: number): Buffer {
  if (bytes.length <= maxBytes) return bytes;
  throw new InferenceError(
    "too_large",
    `the answer has ${bytes.length} bytes, more than the ${maxBytes} that a message may have (max-message-bytes): ask for fewer rows or outputs`,
    { retryAfterMs: -1 },
  );
}

/** Replaces each output of which the request wants the highest classes. */
function rankClasses({ request, model }: Question, response: InferenceResponse): InferenceResponse {
  if (!request.requestedOutputs.some(({ classificationCount }) => classificationCount > 0)) return response;
  const counts = new Map(request.requestedOutputs.map(({ name, classificationCount }) => [name, classificationCount]));
  const { signature } = model.description;
  const outputs = response.outputs.map((output) => {
    const count = counts.get(output.name) ?? 0;
    return count === 0 ? output : rank(output, count, signature);
  });
  return { ...response, outputs };
}

function rank(output: Tensor, count: number, signature: Signature): Tensor {
  const labels = signature.outputs.find(({ name }) => name === output.name)?.labels;
  const hasBatchDimension = signature.maxBatchSize > 0;
  return classify(output, labels === undefined ? { count, hasBatchDimension } : { count, hasBatchDimension, labels });
}

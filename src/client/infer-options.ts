import { InferenceError } from "../errors.ts";
import {
  type InferenceRequest,
  type InferenceResponse,
  noParameters,
  type Parameters,
  type ParameterValue,
  type RequestedOutput,
} from "../inference.ts";
import { predictionIdParameter, predictionTokenOutput } from "../outcome.ts";
import type { Tensor } from "../tensor.ts";
import { readBytes } from "./tensor-values.ts";

/** One question to a model. */
export interface InferOptions {
  readonly model: string;
  /** Absent or empty: the highest ready version. */
  readonly version?: string;
  readonly inputs: readonly Tensor[];
  /** Names of the wanted outputs, or with how many of the highest values to return as `value:index[:label]`. Absent or empty: all. */
  readonly outputs?: readonly (string | { readonly name: string; readonly classificationCount: number })[];
  /** Echoed in the answer. */
  readonly id?: string;
  readonly parameters?: Parameters | Readonly<Record<string, ParameterValue>>;
  /**
   * Names the prediction, so that outcomes can be reported for it; empty: the server makes an id. The answer carries it, see
   * {@link predictionIdOf}. Absent: the prediction has none.
   */
  readonly predictionId?: string;
  /** Asks for a token of each row beside the outputs, which must be named then, see {@link predictionTokensOf}. Absent: false. */
  readonly predictionTokens?: boolean;
}

/** The id of an answer's prediction; undefined: it has none. */
export function predictionIdOf({ parameters }: InferenceResponse): string | undefined {
  const id = parameters.get(predictionIdParameter);
  return typeof id === "string" ? id : undefined;
}

/**
 * The tokens of an answer, one a row, as `reportOutcomes` takes them; undefined: it has none.
 * @throws InferenceError "invalid" when the output is no list of tokens
 */
export function predictionTokensOf({ outputs }: InferenceResponse): readonly Uint8Array[] | undefined {
  const tokens = outputs.find(({ name }) => name === predictionTokenOutput);
  return tokens === undefined ? undefined : readBytes(tokens);
}

/** Limits of one call. */
export interface CallOptions {
  /** Milliseconds until the call is given up; absent: the client's own deadline (a stream has none then). */
  readonly deadlineMs?: number;
  /** Aborting it cancels the call. */
  readonly signal?: AbortSignal;
}

/**
 * The request in the words of the protocol.
 * @throws InferenceError "invalid" when tokens are wanted beside outputs that are not named
 */
export function toInferenceRequest(options: InferOptions): InferenceRequest {
  return {
    modelName: options.model,
    modelVersion: options.version ?? "",
    id: options.id ?? "",
    parameters: withPredictionId(toParameters(options.parameters), options.predictionId),
    inputs: options.inputs,
    requestedOutputs: outputsOf(options).map(toRequestedOutput),
    byteLength: options.inputs.reduce((sum, { data }) => sum + data.byteLength, 0),
  };
}

function withPredictionId(parameters: Parameters, id: string | undefined): Parameters {
  return id === undefined ? parameters : new Map(parameters).set(predictionIdParameter, id);
}

function outputsOf({ outputs = [], predictionTokens = false }: InferOptions): NonNullable<InferOptions["outputs"]> {
  if (!predictionTokens) return outputs;
  if (outputs.length > 0) return [...outputs, predictionTokenOutput];
  throw new InferenceError(
    "invalid",
    "'predictionTokens' needs 'outputs': a request that names an output gets no others, and tokens are an output",
  );
}

/** Whether a request belongs to a sequence and so must not run twice. */
export function isSequenceRequest(parameters: Parameters): boolean {
  const id = parameters.get("sequence_id");
  return id !== undefined && id !== 0 && id !== 0n && id !== "";
}

function toParameters(parameters: InferOptions["parameters"]): Parameters {
  if (parameters === undefined) return noParameters;
  return parameters instanceof Map ? parameters : new Map(Object.entries(parameters));
}

function toRequestedOutput(output: string | RequestedOutput): RequestedOutput {
  return typeof output === "string" ? { name: output, classificationCount: 0 } : output;
}

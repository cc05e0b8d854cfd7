import {
  type InferenceRequest,
  noParameters,
  type Parameters,
  type ParameterValue,
  type RequestedOutput,
} from "../inference.ts";
import type { Tensor } from "../tensor.ts";

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
}

/** Limits of one call. */
export interface CallOptions {
  /** Milliseconds until the call is given up; absent: the client's own deadline (a stream has none then). */
  readonly deadlineMs?: number;
  /** Aborting it cancels the call. */
  readonly signal?: AbortSignal;
}

/** The request in the words of the protocol. */
export function toInferenceRequest(options: InferOptions): InferenceRequest {
  return {
    modelName: options.model,
    modelVersion: options.version ?? "",
    id: options.id ?? "",
    parameters: toParameters(options.parameters),
    inputs: options.inputs,
    requestedOutputs: (options.outputs ?? []).map(toRequestedOutput),
    byteLength: options.inputs.reduce((sum, { data }) => sum + data.byteLength, 0),
  };
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

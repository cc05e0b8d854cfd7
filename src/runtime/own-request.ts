import { InferenceError } from "../errors.ts";
import {
  type InferenceRequest,
  type InferenceResponse,
  noParameters,
  type Parameters,
  type RequestContext,
} from "../inference.ts";
import { defaultTenant } from "../tenant.ts";
import type { Tensor } from "../tensor.ts";
import { isDecoupled, type ModelDescription } from "./model.ts";
import type { Repository } from "./repository/repository.ts";

/** What the server asks a model by itself. */
export interface OwnQuestion {
  readonly modelName: string;
  /** Empty: the highest ready version. */
  readonly modelVersion: string;
  /** Empty: all outputs. */
  readonly outputs: readonly string[];
  /** Longest wait for the answer. */
  readonly timeoutMs: number;
  /** Makes its inputs, by the names of those that the model must have. They must stay as they are until the answer is there. */
  inputs(names: readonly string[]): readonly Tensor[];
}

const neverAborted = new AbortController().signal;

/**
 * Asks a model of the repository for the server itself: refused first, and last in its queue.
 * @param nowMs `performance.now()` milliseconds
 * @throws InferenceError what any caller would get
 */
export async function askModel(
  repository: Pick<Repository, "find">,
  question: OwnQuestion,
  nowMs: number,
): Promise<InferenceResponse> {
  const { modelName, modelVersion, outputs, timeoutMs } = question;
  const model = repository.find(modelName, modelVersion);
  const { description } = model;
  if (isDecoupled(description)) {
    throw new InferenceError("unsupported", `model '${description.name}' gives any number of answers to a request`);
  }
  const required = description.signature.inputs.filter(({ isOptional }) => isOptional !== true);
  const inputs = question.inputs(required.map(({ name }) => name));
  const request: InferenceRequest = {
    modelName,
    modelVersion,
    id: "",
    parameters: lowestPriority(description),
    inputs,
    requestedOutputs: outputs.map((name) => ({ name, classificationCount: 0 })),
    byteLength: inputs.reduce((sum, { data }) => sum + data.length, 0),
  };
  return await new Promise((resolve, reject) => {
    model.infer(request, contextOf(nowMs, timeoutMs), { respond: (response) => resolve(response), fail: reject });
  });
}

function contextOf(nowMs: number, timeoutMs: number): RequestContext {
  return {
    arrivalTimeMs: nowMs,
    deadlineMs: nowMs + timeoutMs,
    isCancelled: false,
    signal: neverAborted,
    tenant: defaultTenant,
    traceParent: undefined,
    traceState: undefined,
    criticality: "SHEDDABLE",
    isOwn: true,
  };
}

/** Levels count from the highest. */
function lowestPriority({ config }: ModelDescription): Parameters {
  const levels = config.dynamic_batching?.priority_levels ?? 0;
  return levels > 1 ? new Map([["priority", levels]]) : noParameters;
}

import { type InferenceRequest, noParameters, type RequestContext } from "../../src/inference.ts";
import type { RequestRecord } from "../../src/runtime/observer.ts";
import type { Tensor } from "../../src/tensor.ts";

/** A request's story as the monitor hears it; times on the clock of `performance.now()`. */
export function recordOf(inputs: readonly Tensor[], partial: Partial<RequestRecord> = {}, atMs = 1000): RequestRecord {
  const context: RequestContext = {
    arrivalTimeMs: atMs,
    deadlineMs: Number.POSITIVE_INFINITY,
    isCancelled: false,
    signal: AbortSignal.abort(),
    tenant: "default",
    traceParent: undefined,
    traceState: undefined,
  };
  const request: InferenceRequest = {
    modelName: "m",
    modelVersion: "",
    id: "",
    parameters: noParameters,
    inputs,
    requestedOutputs: [],
    byteLength: 0,
  };
  return {
    request,
    context,
    rows: inputs[0]?.shape[0] ?? 1,
    queuedMs: atMs,
    takenMs: atMs + 1,
    computeInputMs: 0.1,
    computeInferMs: 0.5,
    computeOutputMs: 0.1,
    endedMs: atMs + 2,
    error: undefined,
    attachment: undefined,
    sample: 0,
    ...partial,
  };
}

import type { InferenceError } from "../../../src/errors.ts";
import type { RequestContext } from "../../../src/inference.ts";
import type { ModelDescription } from "../../../src/runtime/model.ts";
import type { BatchRecord, RequestRecord } from "../../../src/runtime/observer.ts";

/** A loaded model version as the monitor sees it. */
export function describeModel(name = "seed", version = "1"): ModelDescription {
  return {
    name,
    version,
    config: {} as ModelDescription["config"],
    signature: { inputs: [], outputs: [], maxBatchSize: 8 },
    provider: { requested: "auto", actual: "cpu", isPartial: false, detail: "" },
    batching: "",
    classNames: [],
    loadMs: 250,
  };
}

export interface RecordOptions extends Partial<Omit<RequestRecord, "context">> {
  readonly traceParent?: string;
  readonly traceState?: string;
  readonly rpcMethod?: string;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A successful request of one row that arrived at 1000 ms: 2 ms queue, 1 + 4 + 1 ms compute, 10 ms in all. */
export function createRecord({
  traceParent,
  traceState,
  rpcMethod,
  ...fields
}: RecordOptions = {}): Mutable<RequestRecord> {
  const context: RequestContext = {
    arrivalTimeMs: 1000,
    deadlineMs: Number.POSITIVE_INFINITY,
    isCancelled: false,
    signal: new AbortController().signal,
    tenant: "default",
    traceParent,
    traceState,
    ...(rpcMethod === undefined ? {} : { rpcMethod }),
  };
  return {
    request: {} as RequestRecord["request"],
    context,
    rows: 1,
    queuedMs: 1001,
    takenMs: 1003,
    computeInputMs: 1,
    computeInferMs: 4,
    computeOutputMs: 1,
    endedMs: 1010,
    error: undefined,
    attachment: undefined,
    ...fields,
  };
}

/** A request that ended with an error before it was queued. */
export function createFailure(error: InferenceError): Mutable<RequestRecord> {
  return createRecord({
    error,
    queuedMs: 0,
    takenMs: 0,
    computeInputMs: 0,
    computeInferMs: 0,
    computeOutputMs: 0,
  });
}

/** An execution of these requests. */
export function createBatch(requests: readonly RequestRecord[], fields: Partial<BatchRecord> = {}): BatchRecord {
  return {
    rows: requests.reduce((sum, { rows }) => sum + rows, 0),
    padding: 0,
    reason: "full",
    takenMs: 1003,
    computeInputMs: 1,
    computeInferMs: 4,
    computeOutputMs: 1,
    endedMs: 1009,
    error: undefined,
    requests,
    ...fields,
  };
}

import type { InferenceError } from "../../src/errors.ts";
import {
  type InferenceRequest,
  type InferenceResponse,
  noParameters,
  type Parameters,
  type Reply,
  type RequestContext,
  type RequestedOutput,
} from "../../src/inference.ts";
import type { ModelConfig } from "../../src/model/model-config.ts";
import { noMeasure, type RequestMeasure } from "../../src/runtime/batching/request-measure.ts";
import type { ModelDescription } from "../../src/runtime/model.ts";
import { QueueEntry } from "../../src/runtime/queue/queue-entry.ts";
import { defaultTenant } from "../../src/tenant.ts";
import type { Tensor } from "../../src/tensor.ts";

const neverAborted = new AbortController().signal;

export function contextOf(partial: Partial<RequestContext> = {}): RequestContext {
  const { signal = neverAborted } = partial;
  return {
    arrivalTimeMs: 1_000,
    deadlineMs: Number.POSITIVE_INFINITY,
    tenant: defaultTenant,
    traceParent: undefined,
    traceState: undefined,
    ...partial,
    signal,
    get isCancelled() {
      return signal.aborted;
    },
  };
}

/** FP32 rows of one column. */
export function floats(name: string, values: readonly number[], columns = 1): Tensor {
  const data = new Uint8Array(Float32Array.from(values).buffer);
  return { name, datatype: "FP32", shape: [values.length / columns, columns], data };
}

/** The values of an FP32 tensor. */
export function valuesOf({ data }: Tensor): number[] {
  return [...new Float32Array(Uint8Array.from(data).buffer)];
}

export function requestOf(
  inputs: readonly Tensor[],
  partial: {
    readonly id?: string;
    readonly parameters?: Parameters;
    readonly outputs?: readonly string[];
  } = {},
): InferenceRequest {
  const requestedOutputs: RequestedOutput[] = (partial.outputs ?? []).map((name) => ({ name, classificationCount: 0 }));
  return {
    modelName: "m",
    modelVersion: "",
    id: partial.id ?? "",
    parameters: partial.parameters ?? noParameters,
    inputs,
    requestedOutputs,
    byteLength: inputs.reduce((sum, { data }) => sum + data.length, 0),
  };
}

/** A reply that keeps what it hears and complains when it hears something after the end. */
export class RecordingReply implements Reply {
  response: InferenceResponse | undefined;
  error: InferenceError | undefined;
  /** Called when it ends. */
  readonly onEnd: () => void;

  constructor(onEnd: () => void = () => {}) {
    this.onEnd = onEnd;
  }

  get isEnded(): boolean {
    return this.response !== undefined || this.error !== undefined;
  }

  respond(response: InferenceResponse, isFinal: boolean): void {
    if (this.isEnded || !isFinal) throw new Error("a second answer");
    this.response = response;
    this.onEnd();
  }

  fail(error: InferenceError): void {
    if (this.isEnded) throw new Error("a second answer");
    this.error = error;
    this.onEnd();
  }

  /** `ok`, the reason of the failure, or `waiting`. */
  get outcome(): string {
    return this.error?.reason ?? (this.response === undefined ? "waiting" : "ok");
  }
}

/** A model y = x over FP32 rows of one column, batching as `config` says. */
export function echoDescription(config: ModelConfig = {}): ModelDescription {
  const maxBatchSize = config.max_batch_size ?? 8;
  return {
    name: "m",
    version: "1",
    config: { name: "m", max_batch_size: maxBatchSize, dynamic_batching: {}, ...config },
    signature: {
      inputs: [{ name: "x", datatype: "FP32", dims: [1] }],
      outputs: [{ name: "y", datatype: "FP32", dims: [1] }],
      maxBatchSize,
    },
    provider: { requested: "cpu", actual: "cpu", isPartial: false, detail: "" },
    batching: "by the test",
    classNames: {} as ModelDescription["classNames"],
    loadMs: 1,
  };
}

/** A queue entry without a model around it. */
export function entryOf(
  partial: {
    readonly rows?: number;
    readonly bytes?: number;
    readonly shapeKey?: string;
    readonly queuedMs?: number;
    readonly deadlineMs?: number;
    readonly timeoutMs?: number;
    readonly isAlone?: boolean;
    readonly signal?: AbortSignal;
    readonly id?: string;
    readonly reply?: Reply;
    readonly tenant?: string;
    readonly measure?: Partial<RequestMeasure>;
  } = {},
): QueueEntry {
  const rows = partial.rows ?? 1;
  const input: Tensor = { name: "x", datatype: "UINT8", shape: [rows], data: new Uint8Array(partial.bytes ?? rows) };
  const request = requestOf([input], { id: partial.id ?? "" });
  const { signal, tenant = defaultTenant } = partial;
  const context = contextOf(signal === undefined ? { tenant } : { tenant, signal });
  const measure = { ...noMeasure, ...partial.measure };
  const valid = { inputs: [input], rows, shapeKey: partial.shapeKey ?? "", outputs: [], measure };
  const reply = partial.reply ?? new RecordingReply();
  const entry = new QueueEntry(request, context, reply, valid, partial.deadlineMs ?? Number.POSITIVE_INFINITY);
  entry.queuedMs = partial.queuedMs ?? 0;
  entry.timeoutMs = partial.timeoutMs ?? Number.POSITIVE_INFINITY;
  entry.isAlone = partial.isAlone ?? false;
  return entry;
}

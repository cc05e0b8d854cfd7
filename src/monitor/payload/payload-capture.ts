import type { InferenceResponse } from "../../inference.ts";
import { predictionIdParameter, predictionTokenOutput } from "../../outcome.ts";
import type { RequestRecord } from "../../runtime/observer.ts";
import type { Tensor } from "../../tensor.ts";
import type { PayloadLogConfig, Redaction } from "../config/payload-log.ts";
import { type CapturedTensor, captureTensor } from "./captured-tensor.ts";
import { boundedParameters, boundedText, bytesOf, type PayloadRecord } from "./payload-record.ts";

/** Share of a record's bytes that inputs may take where outputs are recorded too: outputs are mostly small, and the point of the log. */
const inputShare = 0.75;

/** The parameter that names a tenant. */
const tenantParameter = "sluice_tenant";

/** What is kept of a request between its admission and its end. */
export interface PayloadCapture {
  readonly inputs: readonly CapturedTensor[] | undefined;
  readonly parameters: PayloadRecord["parameters"];
  readonly id: string | undefined;
  readonly predictionId: string | undefined;
  readonly tenant: string | undefined;
  /** Bytes of tensors that its outputs may take. */
  readonly bytesLeft: number;
  readonly bytes: number;
}

/** Copies what is recorded of a request. @param isBatched the first dimension of its tensors counts rows */
export function captureRequest(
  { request, context }: RequestRecord,
  config: PayloadLogConfig,
  isBatched: boolean,
): PayloadCapture {
  const { contents, redaction, maxRecordBytes } = config;
  const forInputs = contents.has("outputs") ? Math.floor(maxRecordBytes * inputShare) : maxRecordBytes;
  const inputs = contents.has("inputs") ? captureTensors(request.inputs, forInputs, config, isBatched) : undefined;
  const hidden = hiddenParameters(redaction);
  const parameters = contents.has("parameters") ? boundedParameters(request.parameters, hidden) : undefined;
  const predictionId = request.parameters.get(predictionIdParameter);
  const hasId = !redaction.hasNoIds && typeof predictionId === "string" && predictionId !== "";
  const ids = {
    id: redaction.hasNoIds ? undefined : boundedText(request.id),
    predictionId: hasId ? boundedText(predictionId) : undefined,
    tenant: redaction.hasNoTenant ? undefined : context.tenant,
  };
  return {
    inputs,
    parameters,
    ...ids,
    bytesLeft: maxRecordBytes - dataBytes(inputs ?? []),
    bytes: bytesOf(inputs ?? [], parameters, Object.values(ids)),
  };
}

/** Names of the parameters that are left out: those that are named, and those that carry an id or a tenant where these are. */
function hiddenParameters({ parameters, hasNoIds, hasNoTenant }: Redaction): ReadonlySet<string> {
  if (!hasNoIds && !hasNoTenant) return parameters;
  return new Set([
    ...parameters,
    ...(hasNoIds ? [predictionIdParameter] : []),
    ...(hasNoTenant ? [tenantParameter] : []),
  ]);
}

/** Why a request failed; nothing where the text has something of it that is left out. */
function errorText({ request, error }: RequestRecord, { redaction }: PayloadLogConfig): string {
  const text = boundedText(error?.message ?? "");
  const hidden = [...hiddenParameters(redaction)].map((name) => String(request.parameters.get(name) ?? ""));
  if (redaction.hasNoIds) hidden.push(request.id);
  return hidden.some((value) => value !== "" && text.includes(value)) ? "" : text;
}

/** Copies what is recorded of an answer. Tokens of predictions are never recorded: who has one can report outcomes. */
export function captureOutputs(
  { outputs }: InferenceResponse,
  { bytesLeft }: PayloadCapture,
  config: PayloadLogConfig,
  isBatched: boolean,
): readonly CapturedTensor[] | undefined {
  if (!config.contents.has("outputs")) return undefined;
  const recorded = outputs.filter(({ name }) => name !== predictionTokenOutput);
  return captureTensors(recorded, bytesLeft, config, isBatched);
}

/** Tensors in their order, each with what the ones before it have left. */
function captureTensors(
  tensors: readonly Tensor[],
  maxBytes: number,
  { redaction }: PayloadLogConfig,
  isBatched: boolean,
): readonly CapturedTensor[] {
  let left = maxBytes;
  return tensors.map((tensor) => {
    const captured = captureTensor(tensor, { maxBytes: left, isBatched, redaction });
    left -= captured.data?.byteLength ?? 0;
    return captured;
  });
}

function dataBytes(tensors: readonly CapturedTensor[]): number {
  return tensors.reduce((bytes, { data }) => bytes + (data?.byteLength ?? 0), 0);
}

/** The finished record of a request that has ended. @param atMs its arrival, epoch milliseconds */
export function finishRecord(
  capture: PayloadCapture,
  record: RequestRecord,
  model: { readonly name: string; readonly version: string },
  outputs: readonly CapturedTensor[] | undefined,
  { atMs, config }: { readonly atMs: number; readonly config: PayloadLogConfig },
): PayloadRecord {
  const { inputs, parameters, id, predictionId, tenant, bytes } = capture;
  const error = errorText(record, config);
  return {
    atMs,
    modelName: model.name,
    modelVersion: model.version,
    id,
    predictionId,
    tenant,
    rows: record.rows,
    status: record.error?.reason ?? "OK",
    error,
    timing: config.contents.has("timing") ? timingOf(record) : undefined,
    parameters,
    inputs,
    outputs,
    bytes: bytes + bytesOf(outputs ?? [], [], [error]),
  };
}

/** Milliseconds of the stages that the request went through, to a microsecond. */
function timingOf(record: RequestRecord): Readonly<Record<string, number>> {
  const total = { total_ms: rounded(record.endedMs - record.context.arrivalTimeMs) };
  if (record.takenMs === 0) return total;
  return {
    ...total,
    queue_ms: rounded(record.takenMs - record.queuedMs),
    compute_input_ms: rounded(record.computeInputMs),
    compute_infer_ms: rounded(record.computeInferMs),
    compute_output_ms: rounded(record.computeOutputMs),
  };
}

function rounded(milliseconds: number): number {
  return Math.max(0, Math.round(milliseconds * 1000) / 1000);
}

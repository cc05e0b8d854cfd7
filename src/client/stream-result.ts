import { InferenceError } from "../errors.ts";
import type { InferenceResponse, Parameters } from "../inference.ts";
import { decodeStreamResponse } from "../protocol/infer-response.ts";
import { sequenceLostParameter, statusCodes } from "../protocol/status.ts";
import { ClientError } from "./client-error.ts";

/** One answer on a stream: a response, or why this one request failed while the stream lives on. */
export type StreamResult = {
  /** Which request of the stream it answers, counted from 0; -1: the server answers what was not asked, as some decoupled models do. */
  readonly index: number;
  /** The request's own id. */
  readonly id: string;
  /** No more answers to this request follow. */
  readonly isFinal: boolean;
} & (
  | { readonly response: InferenceResponse; readonly error?: undefined }
  | { readonly response?: undefined; readonly error: ClientError }
);

/** A result as it comes from the wire: whose it is stands in the stream's ledger, which completes `index` and `id`. */
export type StreamAnswer = StreamResult & {
  index: number;
  id: string;
  /** Echo of the request's own; undefined from servers that do not know it. */
  readonly sequenceNumber: number | undefined;
};

/** The parameter by which requests of a stream are told apart, echoed in their answers. */
export const sequenceNumberKey = "sluice_sequence_number";

/** A message of ModelStreamInfer's answer. @throws ClientError INTERNAL when it cannot be read. */
export function decodeStreamAnswer(message: Buffer): StreamAnswer {
  const { errorMessage, response } = readable(() => decodeStreamResponse(message));
  const { id, parameters } = response;
  const sequenceNumber = numberOf(parameters, sequenceNumberKey);
  if (errorMessage === "") {
    const isFinal = parameters.get("triton_final_response") !== false;
    return { index: -1, id, isFinal, response, sequenceNumber };
  }
  const code = numberOf(parameters, "sluice_status_code") ?? statusCodes.UNKNOWN;
  const retryAfterMs = numberOf(parameters, "sluice_retry_after_ms");
  const isSequenceLost = parameters.get(sequenceLostParameter) === true;
  const error = new ClientError(code, errorMessage, { retryAfterMs, isSequenceLost });
  return { index: -1, id, isFinal: true, error, sequenceNumber };
}

/** Runs a decoder; an answer that cannot be read is the server's fault, not the caller's. @throws ClientError INTERNAL */
export function readable<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof InferenceError)) throw error;
    throw new ClientError(statusCodes.INTERNAL, `the server's answer cannot be read: ${error.message}`, {
      cause: error,
    });
  }
}

function numberOf(parameters: Parameters, key: string): number | undefined {
  const value = parameters.get(key);
  return typeof value === "number" ? value : undefined;
}

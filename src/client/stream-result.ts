import { InferenceError } from "../errors.ts";
import type { InferenceResponse, Parameters } from "../inference.ts";
import { decodeStreamResponse } from "../protocol/infer-response.ts";
import { statusCodes } from "../protocol/status.ts";
import { ClientError } from "./client-error.ts";

/** One answer on a stream: a response, or why this one request failed while the stream lives on. */
export type StreamResult = {
  /** The request's own id. */
  readonly id: string;
  /** No more answers to this request follow. */
  readonly isFinal: boolean;
} & (
  | { readonly response: InferenceResponse; readonly error?: undefined }
  | { readonly response?: undefined; readonly error: ClientError }
);

/** A message of ModelStreamInfer's answer. @throws ClientError INTERNAL when it cannot be read. */
export function decodeStreamResult(message: Buffer): StreamResult {
  const { errorMessage, response } = readable(() => decodeStreamResponse(message));
  const { id, parameters } = response;
  const isFinal = errorMessage !== "" || parameters.get("triton_final_response") !== false;
  if (errorMessage === "") return { id, isFinal, response };
  const code = numberOf(parameters, "sluice_status_code") ?? statusCodes.UNKNOWN;
  const retryAfterMs = numberOf(parameters, "sluice_retry_after_ms");
  return { id, isFinal, error: new ClientError(code, errorMessage, { retryAfterMs }) };
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

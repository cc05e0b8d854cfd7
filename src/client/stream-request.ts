import { InferenceError } from "../errors.ts";
import { type Allocate, encodeInferRequest } from "../protocol/infer-request.ts";
import { type InferOptions, isSequenceRequest, toInferenceRequest } from "./infer-options.ts";
import type { EncodedRequest } from "./stream-parts.ts";
import { sequenceNumberKey } from "./stream-result.ts";

/**
 * A request of a stream for the wire, numbered so that its answer can be told from others.
 * @throws InferenceError "invalid" for tensors that do not fit, and for a number of the caller's own.
 */
export function encodeStreamRequest(options: InferOptions, index: number, allocate?: Allocate): EncodedRequest {
  const request = toInferenceRequest(options);
  const { id, parameters } = request;
  if (parameters.size === 0) {
    return {
      id,
      isSequence: false,
      isUnanswered: false,
      message: encodeInferRequest(request, numbered(index), allocate),
    };
  }
  if (parameters.has("sluice_cancel")) {
    return { id, isSequence: false, isUnanswered: true, message: encodeInferRequest(request) };
  }
  if (parameters.has(sequenceNumberKey)) {
    throw new InferenceError(
      "invalid",
      `parameter '${sequenceNumberKey}' of request ${index} is set by the client itself: tell requests apart by 'id', answers by 'index'`,
    );
  }
  const message = encodeInferRequest(request, numbered(index), allocate);
  return { id, isSequence: isSequenceRequest(parameters), isUnanswered: false, message };
}

function numbered(index: number): ReadonlyMap<string, number> {
  return new Map([[sequenceNumberKey, index]]);
}

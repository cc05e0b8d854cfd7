import { InferenceError } from "../../errors.ts";
import type { SequenceId } from "./sequence-id.ts";

/** How long a request is asked to wait that found no room. */
export const fullRetryAfterMs = 100;

/** The process that remembered the sequence has ended. */
export function lostError(id: SequenceId, modelName: string): InferenceError {
  return new InferenceError(
    "sequence_lost",
    `sequence ${id} of model '${modelName}' has lost its state because a runtime process ended: begin it again with the START flag`,
    { retryAfterMs: -1 },
  );
}

/** Triton's text for a request of a sequence that was not begun. */
export function unknownError(id: SequenceId, modelName: string): InferenceError {
  return new InferenceError(
    "invalid",
    `inference request for sequence ${id} to model '${modelName}' must specify the START flag on the first request of the sequence`,
  );
}

/** Another request of the sequence was cancelled, and with it the sequence. */
export function cancelledError(): InferenceError {
  return new InferenceError("cancelled", "the sequence of the request was cancelled");
}

/** The caller's deadline passed before the request could run. */
export function deadlineError(): InferenceError {
  return new InferenceError("deadline", "the deadline passed before the request could run", { retryAfterMs: -1 });
}

/** Triton's text for a sequence whose `timeout` passed in the backlog. */
export function expiredError(): InferenceError {
  return new InferenceError("queue_timeout", "timeout of the corresponding sequence has been expired", {
    retryAfterMs: fullRetryAfterMs,
  });
}

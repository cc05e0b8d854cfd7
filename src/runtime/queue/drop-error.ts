import { InferenceError } from "../../errors.ts";
import type { DropReason } from "./tenant-line.ts";

/** What the caller of a request hears that left the queue without running. @param retryAfterMs where it makes sense to come back */
export function dropError(reason: DropReason, retryAfterMs: number): InferenceError {
  switch (reason) {
    case "cancelled":
      return new InferenceError("cancelled", "the caller cancelled the request");
    case "deadline":
      return new InferenceError("deadline", "the deadline passed, or would pass before the model could answer", {
        retryAfterMs: -1,
      });
    case "overload":
      return new InferenceError("overload", "Exceeds maximum queue size: the request waited too long and was shed", {
        retryAfterMs,
      });
    case "queue_timeout":
      return new InferenceError("queue_timeout", "Request timeout expired", { retryAfterMs });
    case "share":
      return new InferenceError("quota", "the queue is full, and the request's tenant has more than its share of it", {
        retryAfterMs,
      });
  }
}

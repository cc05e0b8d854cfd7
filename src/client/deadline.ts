import { InferenceError } from "../errors.ts";

/** Longest deadline that is sent, milliseconds: grpc-js servers misread 2^31 ms (24.8 days) and more, so longer ones are shortened to this. */
export const maxDeadlineMs = 23 * 86_400_000;

/**
 * The point of time that is so many milliseconds away, on the clock of `Date.now()`, shortened where servers would misread it.
 * @throws InferenceError "invalid" for anything but a number above 0.
 */
export function deadlineAfter(milliseconds: number): number {
  if (!(milliseconds > 0)) {
    throw new InferenceError("invalid", `deadlineMs is ${milliseconds}, expected a number above 0`);
  }
  return Date.now() + Math.min(milliseconds, maxDeadlineMs);
}

import type { CallHandler } from "./call.ts";
import type { InferenceSurroundings } from "./inference-surroundings.ts";
import { InferenceStream } from "./stream.ts";
import { UnaryInference } from "./unary-inference.ts";

/** The handlers of the two methods that carry tensors. */
export function inferenceHandlers(
  surroundings: InferenceSurroundings,
): Readonly<Record<"ModelInfer" | "ModelStreamInfer", CallHandler<Buffer, Buffer>>> {
  return {
    ModelInfer: (call) => new UnaryInference(call, surroundings),
    ModelStreamInfer: (call) => new InferenceStream(call, surroundings),
  };
}

import { InferenceError } from "../errors.ts";
import type { ModelConfig, ModelConfigOutput } from "./model-config.ts";
import { resolveModelParameters } from "./model-parameters.ts";

/** How the answer of a model is cut into several. */
export interface Chunking {
  /** The dimension that is cut, of each output as callers see it, the batch dimension included; negative: counted from the last. */
  readonly axis: number;
  /** Its length in every chunk but the last, which may be shorter. At least 1. */
  readonly size: number;
}

/**
 * The chunking that a configuration asks for; undefined: every request has one answer.
 * @throws InferenceError "refused" when `sluice_chunk_size` has no `sluice_chunk_axis`, or the axis stands beside `decoupled: false`
 */
export function resolveChunking(config: ModelConfig): Chunking | undefined {
  const { chunkAxis, chunkSize } = resolveModelParameters(config);
  if (chunkAxis === undefined) {
    if (chunkSize === undefined) return undefined;
    throw new InferenceError(
      "refused",
      `parameter 'sluice_chunk_size' is ${chunkSize}, but there is no sluice_chunk_axis`,
    );
  }
  if (config.model_transaction_policy?.decoupled === false) {
    throw new InferenceError(
      "refused",
      "parameter 'sluice_chunk_axis' makes a model decoupled, but model_transaction_policy says decoupled: false",
    );
  }
  return { axis: chunkAxis, size: chunkSize ?? 1 };
}

/**
 * Shows a model whose answers are cut as decoupled, after a check that all its outputs can be cut together.
 * @throws InferenceError "refused" when an output lacks the axis, or two outputs have different fixed lengths there
 */
export function completeChunking(config: ModelConfig): ModelConfig {
  const chunking = resolveChunking(config);
  if (chunking === undefined) return config;
  const isBatched = (config.max_batch_size ?? 0) > 0;
  let first: { readonly name: string; readonly length: number } | undefined;
  for (const output of config.output ?? []) {
    const name = output.name ?? "";
    const length = lengthAlong(output, chunking.axis, isBatched);
    if (length < 0) continue;
    if (first !== undefined && first.length !== length) {
      throw new InferenceError(
        "refused",
        `parameter 'sluice_chunk_axis' is ${chunking.axis}, but output '${name}' has ${length} there and '${first.name}' ${first.length}`,
      );
    }
    first = { name, length };
  }
  return { ...config, model_transaction_policy: { ...config.model_transaction_policy, decoupled: true } };
}

/** -1: any length. */
function lengthAlong({ name, dims = [] }: ModelConfigOutput, axis: number, isBatched: boolean): number {
  const shape = isBatched ? [-1, ...dims] : dims;
  const length = shape.at(axis);
  if (length !== undefined) return length;
  throw new InferenceError(
    "refused",
    `parameter 'sluice_chunk_axis' is ${axis}, but output '${name}' has the shape [${shape}], expected ${shape.length === 0 ? "outputs with dimensions" : `${-shape.length} to ${shape.length - 1}`}`,
  );
}

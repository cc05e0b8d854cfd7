import { InferenceError } from "../errors.ts";
import { checkBatching } from "./batching-rules.ts";
import { completeChunking } from "./chunking.ts";
import { completeSequences, withoutSequenceTensors } from "./complete-sequences.ts";
import { completeTensors } from "./complete-tensors.ts";
import { withoutFilledInputs } from "./filled-inputs.ts";
import type { ModelConfig, ModelConfigInput, ModelConfigInstanceGroup, ModelConfigOutput } from "./model-config.ts";
import type { ModelSummary, TensorSummary } from "./onnx-summary.ts";
import { onnxBackend, onnxPlatform } from "./validate-config.ts";

/** The file of a version that a configuration does not name otherwise. */
export const defaultModelFilename = "model.onnx";

export interface CompletedConfig {
  /** Everything filled in. While batching is to be proven, it is that of the batching model. */
  readonly config: ModelConfig;
  /** Nothing was written about batches and all shapes allow them: whether they change answers is yet to be shown. */
  readonly isBatchingToBeProven: boolean;
  /** Whether the model batches and why: `on: …`, `off: …`; empty while that is to be proven. */
  readonly batching: string;
}

/**
 * Fills in what a configuration leaves open from what the model file tells, as Triton does for ONNX models, and checks what it does say against the
 * file. Differences from Triton: max_batch_size counts as open only when it is not written (a written 0 stays 0), and is not simply switched on but
 * has to be proven; single fields of listed tensors may be left out; a model's scalar gets `reshape { }` also without batching.
 *
 * @param options.name Name of the model.
 * @param options.defaultMaxBatchSize max_batch_size where nothing is written and batching is shown to be harmless.
 * @param options.fileName Name of the model's file where the configuration does not write it; absent: model.onnx.
 * @throws InferenceError "refused" where configuration and file contradict each other, saying both.
 */
export function completeConfig(
  written: ModelConfig,
  summary: ModelSummary,
  options: { readonly name: string; readonly defaultMaxBatchSize: number; readonly fileName?: string },
): CompletedConfig {
  const decision = decideBatching(written, summary, options);
  const { maxBatchSize } = decision;
  const seen = withoutSequenceTensors(written, summary, options.name, maxBatchSize > 0);
  const visible = withoutFilledInputs(written, seen);
  const { input, output } = completeTensors(written, visible, options.name, maxBatchSize > 0);
  const config = completeChunking({
    ...completeSequences({ ...written, max_batch_size: maxBatchSize }),
    name: options.name,
    platform: onnxPlatform,
    backend: onnxBackend,
    version_policy: written.version_policy ?? { latest: { num_versions: 1 } },
    max_batch_size: maxBatchSize,
    input,
    output,
    instance_group: completeInstanceGroups(written.instance_group, options.name),
    default_model_filename: written.default_model_filename || (options.fileName ?? defaultModelFilename),
  });
  if (decision.isBatchingToBeProven) return { config, isBatchingToBeProven: true, batching: "" };
  const isSchedulerAdded = decision.isScheduledByDefault && maxBatchSize > 1 && written.sequence_batching === undefined;
  return {
    config: completeScheduling(config, isSchedulerAdded),
    isBatchingToBeProven: false,
    batching: decision.batching,
  };
}

/** The configuration of a model that has shown that batches do not change its answers. */
export function withBatching(config: ModelConfig, maxBatchSize: number): ModelConfig {
  return completeScheduling({ ...config, max_batch_size: maxBatchSize }, maxBatchSize > 1);
}

/**
 * The configuration of a model that could batch by its shapes, but was not shown to: the leading dimension, of any length, becomes one like the
 * others. Queue settings that were written stay, preferred batch sizes have no meaning any more.
 */
export function withoutBatching(config: ModelConfig): ModelConfig {
  const unbatched: ModelConfig = {
    ...config,
    max_batch_size: 0,
    input: (config.input ?? []).map(withLeadingDimension),
    output: (config.output ?? []).map(withLeadingDimension),
  };
  if (config.dynamic_batching !== undefined) {
    const { preferred_batch_size: _, ...rest } = config.dynamic_batching;
    unbatched.dynamic_batching = rest;
  }
  return unbatched;
}

function withLeadingDimension<T extends ModelConfigInput | ModelConfigOutput>(tensor: T): T {
  const { reshape, ...rest } = tensor;
  const shape = reshape?.shape ?? [];
  // One value a row was shown as dims [1]; the model itself takes a plain row of them.
  if (reshape !== undefined && shape.length === 0) return { ...(rest as T), dims: [-1] }; // T less an optional field
  const dims = [-1, ...(tensor.dims ?? [])];
  return reshape === undefined ? { ...tensor, dims } : { ...tensor, dims, reshape: { shape: [-1, ...shape] } };
}

interface BatchingDecision {
  readonly maxBatchSize: number;
  readonly isBatchingToBeProven: boolean;
  /** Triton adds a dynamic batcher unless the configuration lists inputs and outputs itself. */
  readonly isScheduledByDefault: boolean;
  readonly batching: string;
}

function decideBatching(
  written: ModelConfig,
  summary: ModelSummary,
  { name, defaultMaxBatchSize }: { readonly name: string; readonly defaultMaxBatchSize: number },
): BatchingDecision {
  const obstacle = findObstacle(summary);
  const isListed = hasAllDims(written.input) && hasAllDims(written.output);
  const off = { maxBatchSize: 0, isBatchingToBeProven: false, isScheduledByDefault: false };
  const size = written.max_batch_size;
  if (size === 0) return { ...off, batching: "off: the configuration says max_batch_size 0" };
  if (size !== undefined) {
    if (obstacle !== undefined) {
      throw new InferenceError(
        "refused",
        `autofill failed for model '${name}': model does not support batching while non-zero max_batch_size is specified (max_batch_size is ${size}, but ${obstacle})`,
      );
    }
    const batching = `on: the configuration says max_batch_size ${size}`;
    return { maxBatchSize: size, isBatchingToBeProven: false, isScheduledByDefault: !isListed, batching };
  }
  if (written.sequence_batching !== undefined)
    return { ...off, batching: "off: the configuration of a model with sequences says no max_batch_size" };
  if (obstacle !== undefined) return { ...off, batching: `off: ${obstacle}` };
  if (isListed) {
    return { ...off, batching: "off: the configuration lists inputs and outputs in full and no max_batch_size" };
  }
  return { maxBatchSize: defaultMaxBatchSize, isBatchingToBeProven: true, isScheduledByDefault: true, batching: "" };
}

/** Why a model cannot batch by its shapes; undefined when it can. */
function findObstacle({ inputs, outputs }: ModelSummary): string | undefined {
  if (inputs.length === 0) return "the model has no inputs";
  return (
    inputs.map((input) => obstacleOf("input", input)).find((text) => text !== undefined) ??
    outputs.map((output) => obstacleOf("output", output)).find((text) => text !== undefined)
  );
}

function obstacleOf(kind: "input" | "output", { name, shape }: TensorSummary): string | undefined {
  if (shape === undefined) return `${kind} '${name}' has no shape in the file`;
  const first = shape[0];
  if (first === undefined) return `${kind} '${name}' is a scalar`;
  return typeof first === "number"
    ? `the first dimension of ${kind} '${name}' is ${first}, not of any length`
    : undefined;
}

function hasAllDims(tensors: readonly { dims?: number[] }[] | undefined): boolean {
  return tensors !== undefined && tensors.length > 0 && tensors.every(({ dims }) => dims !== undefined);
}

/** Triton's normal form: a dynamic batcher without preferred sizes prefers full batches. */
function completeScheduling(config: ModelConfig, isSchedulerAdded: boolean): ModelConfig {
  const batching = config.dynamic_batching ?? (isSchedulerAdded ? {} : undefined);
  if (batching === undefined) return config;
  const size = config.max_batch_size ?? 0;
  const isPreferenceAdded = size > 0 && (batching.preferred_batch_size ?? []).length === 0;
  const completed = {
    ...config,
    dynamic_batching: isPreferenceAdded ? { ...batching, preferred_batch_size: [size] } : batching,
  };
  checkBatching(completed);
  return completed;
}

function completeInstanceGroups(
  groups: readonly ModelConfigInstanceGroup[] | undefined,
  modelName: string,
): ModelConfigInstanceGroup[] {
  // Triton names the group that it adds after the model, and numbers those that are written.
  const written = groups === undefined || groups.length === 0 ? [{ name: modelName }] : groups;
  return written.map((group, i) => ({
    ...group,
    name: group.name || `${modelName}_${i}`,
    count: group.count || 1,
    kind: group.kind ?? "KIND_AUTO",
  }));
}

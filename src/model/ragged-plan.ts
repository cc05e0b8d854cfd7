import { InferenceError } from "../errors.ts";
import type { Signature } from "../inference.ts";
import type { ModelConfig, ModelConfigBatchInput, ModelConfigInput } from "./model-config.ts";
import { resolveModelParameters } from "./model-parameters.ts";

/** What Triton fills a `batch_input` with; proto/inference/model_config.proto has the kinds. */
export const batchInputKinds = [
  "BATCH_ELEMENT_COUNT",
  "BATCH_ACCUMULATED_ELEMENT_COUNT",
  "BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO",
  "BATCH_MAX_ELEMENT_COUNT_AS_SHAPE",
  "BATCH_ITEM_SHAPE",
  "BATCH_ITEM_SHAPE_FLATTEN",
] as const;
export type BatchInputKind = (typeof batchInputKinds)[number];

/** The only kind of `batch_output`. */
const scatterKind = "BATCH_SCATTER_WITH_INPUT_SHAPE";

/** One input that is filled in for each batch. */
export interface BatchInputPlan {
  readonly kind: BatchInputKind;
  /** Index in the signature's inputs of the one whose shapes it tells. */
  readonly source: number;
}

/** How requests of different shapes share a batch as Triton's ragged batching has it. */
export interface RaggedPlan {
  /** By index in the signature: flattened and put one after another, whatever their shapes. */
  readonly isRagged: readonly boolean[];
  /** What the signature's `filled` inputs hold, in their order. */
  readonly batchInputs: readonly BatchInputPlan[];
  /** By index of the output: the input by whose shapes it is given back; undefined: by rows. */
  readonly scatterSources: readonly (number | undefined)[];
}

/** Whether a configuration has anything of a ragged batch in it. */
export function isRaggedConfig({ input = [], batch_input = [], batch_output = [] }: ModelConfig): boolean {
  return batch_input.length > 0 || batch_output.length > 0 || input.some(({ allow_ragged_batch: is }) => is === true);
}

/** The plan of a complete configuration; undefined: its batches are not ragged. */
export function raggedPlan(config: ModelConfig, { inputs, outputs }: Signature): RaggedPlan | undefined {
  if (!isRaggedConfig(config)) return undefined;
  const indexOf = (name: string | undefined) => inputs.findIndex((input) => input.name === name);
  const batchInputs = (config.batch_input ?? []).flatMap(({ kind, source_input, target_name = [] }) => {
    const plan = { kind: kindOf(kind) ?? batchInputKinds[0], source: indexOf(source_input?.[0]) };
    return target_name.map(() => plan);
  });
  const scatterSources = outputs.map(({ name }) => {
    const scatter = config.batch_output?.find(({ target_name }) => target_name?.includes(name) === true);
    return scatter === undefined ? undefined : indexOf(scatter.source_input?.[0]);
  });
  return {
    isRagged: (config.input ?? []).map((input) => input.allow_ragged_batch === true),
    batchInputs,
    scatterSources,
  };
}

function kindOf(written: string | undefined): BatchInputKind | undefined {
  return written === undefined ? batchInputKinds[0] : batchInputKinds.find((kind) => kind === written);
}

/**
 * Triton's rules for ragged batches, with its texts, and what sluice needs beside: a written max_batch_size, and the inputs that it speaks of.
 *
 * @throws InferenceError "refused"
 */
export function checkRagged(config: ModelConfig): void {
  if (!isRaggedConfig(config)) return;
  if ((config.max_batch_size ?? 0) < 1) refuse("a ragged batch needs a written max_batch_size of 1 or more");
  if (config.sequence_batching !== undefined)
    refuse("a ragged batch stands beside sequence_batching, expected one of them");
  if (resolveModelParameters(config).batchBuckets !== undefined)
    refuse("a ragged batch stands beside parameter 'sluice_batch_buckets', expected one of them");
  const inputs = new Map((config.input ?? []).map((input) => [input.name ?? "", input]));
  for (const batchInput of config.batch_input ?? []) checkBatchInput(batchInput, inputs);
  checkBatchOutputs(config, inputs);
  for (const [name, { allow_ragged_batch, dims, optional }] of inputs) {
    if (allow_ragged_batch !== true) continue;
    if (dims === undefined) refuse(`ragged input '${name}' has no dims: the model file tells only its flat shape`);
    if (optional === true) refuse(`ragged input '${name}' is optional, which is not supported`);
  }
}

type ListedInputs = ReadonlyMap<string, ModelConfigInput>;

function checkBatchInput({ kind, source_input = [], data_type }: ModelConfigBatchInput, inputs: ListedInputs): void {
  const known = kindOf(kind);
  if (known === undefined) refuse(`unknown batch input kind '${kind}'`);
  checkSource(`batch input kind '${known}'`, source_input, inputs);
  if (data_type !== "TYPE_INT32" && data_type !== "TYPE_FP32")
    refuse("batch input data type must be TYPE_INT32 or TYPE_FP32");
}

function checkBatchOutputs({ batch_output = [], output = [] }: ModelConfig, inputs: ListedInputs): void {
  const targets = new Set<string>();
  for (const { kind = scatterKind, source_input = [], target_name = [] } of batch_output) {
    if (kind !== scatterKind) refuse(`unknown batch output kind '${kind}'`);
    checkSource(`batch output kind '${kind}'`, source_input, inputs);
    for (const target of target_name) {
      const listed = output.find(({ name }) => name === target);
      if (listed === undefined) refuse(`unknown target output name '${target}'`);
      if (targets.has(target)) refuse(`target output name '${target}' can only be specified once`);
      if (listed.dims === undefined) refuse(`output '${target}' is a target of batch_output and has no dims`);
      if (listed.data_type === "TYPE_STRING")
        refuse(`output '${target}' is a target of batch_output and holds strings`);
      targets.add(target);
    }
  }
}

function refuse(what: string): never {
  throw new InferenceError("refused", what);
}

function checkSource(what: string, sources: readonly string[], inputs: ListedInputs): void {
  const [source = ""] = sources;
  if (sources.length !== 1) refuse(`${what} expects 1 source input, got ${sources.length}`);
  if (!inputs.has(source)) refuse(`unknown source input name '${source}'`);
}

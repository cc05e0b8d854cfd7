import { InferenceError } from "../errors.ts";
import { formatShape } from "../tensor.ts";
import { configDatatype } from "./config-datatype.ts";
import type { ModelConfig } from "./model-config.ts";
import type { ModelSummary, TensorSummary } from "./onnx-summary.ts";
import { defaultIdleMicroseconds, type SequencePlan, type SequenceState, sequencePlan } from "./sequence-plan.ts";

/**
 * The part of a model file that callers see: inputs that the sequence batcher fills in are none of theirs, and the outputs that become state are
 * only where the configuration lists them.
 *
 * @param isBatched The model takes rows: control tensors and states have a leading dimension of any length.
 * @throws InferenceError "refused" where the file does not have what the configuration says, in Triton's words where it has any.
 */
export function withoutSequenceTensors(
  written: ModelConfig,
  summary: ModelSummary,
  modelName: string,
  isBatched: boolean,
): ModelSummary {
  const plan = sequencePlan(written);
  if (plan === undefined) return summary;
  const own = new Set([...plan.controls.map(({ name }) => name), ...plan.states.map(({ inputName }) => inputName)]);
  const listed = (written.input ?? []).find(({ name }) => own.has(name ?? ""));
  if (listed !== undefined || own.size < plan.controls.length + plan.states.length) {
    const name = listed?.name ?? [...own].join("', '");
    throw new InferenceError(
      "refused",
      `unable to load model '${modelName}', the sequence batcher fills in '${name}', expected each such input once and not among the inputs`,
    );
  }
  checkControls(plan, summary, modelName, isBatched);
  for (const state of plan.states) checkState(state, summary, modelName, isBatched);
  const states = new Set(plan.states.map(({ outputName }) => outputName));
  const isListed = (written.output ?? []).length > 0;
  return {
    ...summary,
    inputs: summary.inputs.filter(({ name }) => !own.has(name)),
    outputs: isListed ? summary.outputs : summary.outputs.filter(({ name }) => !states.has(name)),
  };
}

/** Triton's normal form: the idle time, and for the oldest strategy preferred batch sizes, are always written. */
export function completeSequences(config: ModelConfig): ModelConfig {
  const batching = config.sequence_batching;
  if (batching === undefined) return config;
  const { oldest } = batching;
  const size = config.max_batch_size ?? 0;
  const isPreferenceAdded = oldest !== undefined && size > 0 && (oldest.preferred_batch_size ?? []).length === 0;
  return {
    ...config,
    sequence_batching: {
      ...batching,
      max_sequence_idle_microseconds: batching.max_sequence_idle_microseconds || defaultIdleMicroseconds,
      ...(isPreferenceAdded ? { oldest: { ...oldest, preferred_batch_size: [size] } } : {}),
    },
  };
}

function checkControls(plan: SequencePlan, summary: ModelSummary, modelName: string, isBatched: boolean): void {
  for (const { name, datatype } of plan.controls) {
    const input = summary.inputs.find((candidate) => candidate.name === name);
    if (input === undefined) {
      throw new InferenceError(
        "refused",
        `configuration specified sequence control '${name}', but model does not provide that input`,
      );
    }
    const dims = rowDims(input, isBatched);
    if (dims?.length !== 1 || dims[0] !== 1) {
      throw new InferenceError(
        "refused",
        `unable to load model '${modelName}', sequence control '${name}' in model has dims ${formatShape(dims ?? [])} but dims [1] is expected`,
      );
    }
    if (input.datatype === datatype) continue;
    throw new InferenceError(
      "refused",
      `unable to load model '${modelName}', sequence control '${name}', the model expects data-type ${input.type} but the model configuration specifies data-type ${configDatatype(datatype)}`,
    );
  }
}

function checkState(state: SequenceState, summary: ModelSummary, modelName: string, isBatched: boolean): void {
  const sides = [
    ["input", state.inputName, summary.inputs],
    ["output", state.outputName, summary.outputs],
  ] as const;
  for (const [side, name, tensors] of sides) {
    const tensor = tensors.find((candidate) => candidate.name === name);
    const label = `unable to load model '${modelName}', state ${side} '${name}'`;
    if (tensor === undefined) throw new InferenceError("refused", `${label} is no ${side} of the model`);
    if (tensor.datatype !== state.datatype) {
      throw new InferenceError(
        "refused",
        `${label}: the model expects data-type ${tensor.type} but the model configuration specifies data-type ${configDatatype(state.datatype)}`,
      );
    }
    const dims = rowDims(tensor, isBatched);
    if (dims === undefined || areCompatible(dims, state.dims)) continue;
    throw new InferenceError(
      "refused",
      `${label}: the model expects dims ${formatShape(dims)} but the model configuration specifies ${formatShape(state.dims)}`,
    );
  }
}

/** Lengths of one row, -1 for any; undefined where the file does not tell. */
function rowDims({ shape }: TensorSummary, isBatched: boolean): number[] | undefined {
  if (shape === undefined) return undefined;
  const dims = shape.map((length) => (typeof length === "number" ? length : -1));
  return isBatched ? dims.slice(1) : dims;
}

function areCompatible(model: readonly number[], configured: readonly number[]): boolean {
  return (
    model.length === configured.length &&
    model.every((length, i) => length === -1 || configured[i] === -1 || length === configured[i])
  );
}

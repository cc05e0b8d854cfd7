import { InferenceError } from "../errors.ts";
import { elementCount, itemBytes } from "../tensor.ts";
import { servedDatatype } from "./config-datatype.ts";
import type { ModelConfig, ModelConfigControl, ModelConfigInitialState, ModelConfigState } from "./model-config.ts";

/** What a control tensor may tell; the kind of a control that writes none. */
export const defaultControlKind = "CONTROL_SEQUENCE_START";
export const correlationKind = "CONTROL_SEQUENCE_CORRID";

/** Datatypes in which a model may be told the id of a sequence. */
const correlationTypes = ["TYPE_UINT64", "TYPE_INT64", "TYPE_UINT32", "TYPE_INT32", "TYPE_STRING"];

/** Most sequences that one instance may be a candidate for: each keeps its state. */
export const maxCandidateSequences = 1_000_000;

/** Settings of ours that change when or how requests share a batch, in ways that sequences do not know. */
const inapplicable = [
  "sluice_latency_target_ms",
  "sluice_max_batch_elements",
  "sluice_max_batch_cost",
  "sluice_cost_input",
  "sluice_length_buckets",
  "sluice_length_axes",
  "sluice_mask_input",
  "sluice_length_input",
  "sluice_prefetch",
  "sluice_split_oversized",
];

/**
 * Triton's rules for sequence_batching, as far as they can be checked without the model file. Preferred sizes are compared with
 * max_batch_size when that is known.
 *
 * @throws InferenceError "refused", in Triton's words where it has any.
 */
export function checkSequences(config: ModelConfig, name: string): void {
  const batching = config.sequence_batching;
  if (batching === undefined) return;
  const parameter = inapplicable.find((key) => config.parameters?.[key] !== undefined);
  if (parameter !== undefined)
    throw new InferenceError("refused", `parameter '${parameter}' does not apply to a model with sequences`);
  const isRagged = (config.input ?? []).some(({ allow_ragged_batch }) => allow_ragged_batch === true);
  if (isRagged || [config.batch_input, config.batch_output].some((list) => list !== undefined && list.length > 0))
    throw new InferenceError("refused", "ragged batches and sequence_batching cannot be combined");
  checkControls(config, name);
  checkStates(batching.state ?? []);
  const { direct, oldest } = batching;
  if (direct !== undefined && oldest !== undefined)
    throw new InferenceError("refused", "sequence_batching has both strategies, direct and oldest, expected one");
  const utilization = direct?.minimum_slot_utilization ?? 0;
  if (!(utilization >= 0 && utilization <= 1))
    throw new InferenceError(
      "refused",
      `sequence batching minimum slot utilization must be in range (0.0, 1.0] for ${name}`,
    );
  const candidates = oldest?.max_candidate_sequences ?? 0;
  if (candidates < 0 || candidates > maxCandidateSequences)
    refuse("sequence_batching.oldest.max_candidate_sequences", candidates, `0 to ${maxCandidateSequences}`);
  for (const size of oldest?.preferred_batch_size ?? []) {
    if (size <= 0)
      throw new InferenceError("refused", `sequence batching preferred batch size must be positive for ${name}`);
    if (config.max_batch_size !== undefined && size > config.max_batch_size)
      throw new InferenceError(
        "refused",
        `sequence batching preferred batch size must be <= max batch size for ${name}`,
      );
  }
}

function refuse(field: string, value: unknown, expected: string): never {
  throw new InferenceError("refused", `${field} is ${JSON.stringify(value)}, expected ${expected}`);
}

function checkControls({ sequence_batching: batching }: ModelConfig, modelName: string): void {
  const tensors = new Set<string>();
  const kinds = new Set<string>();
  for (const { name = "", control = [] } of batching?.control_input ?? []) {
    if (name === "")
      throw new InferenceError("refused", `sequence batching control tensor must have a name for ${modelName}`);
    if (tensors.has(name) || control.length > 1) {
      throw new InferenceError(
        "refused",
        `sequence batching control tensor '${name}' is specified for multiple control kinds for ${modelName}`,
      );
    }
    tensors.add(name);
    for (const each of control) {
      const kind = each.kind ?? defaultControlKind;
      if (kinds.has(kind))
        throw new InferenceError("refused", `sequence batching specifies multiple ${kind} tensors for ${modelName}`);
      kinds.add(kind);
      if (kind === correlationKind) checkCorrelation(each, modelName);
      else checkFlag(each, kind, modelName);
    }
  }
}

function valuesOf({ int32_false_true, fp32_false_true, bool_false_true }: ModelConfigControl) {
  const lists = Object.entries({ int32_false_true, fp32_false_true, bool_false_true });
  return lists.filter(([, list]) => list !== undefined && list.length > 0);
}

function checkFlag(control: ModelConfigControl, kind: string, modelName: string): void {
  const [first, second] = valuesOf(control);
  if (first === undefined) {
    throw new InferenceError(
      "refused",
      `sequence batching must specify either 'int32_false_true', 'fp32_false_true' or 'bool_false_true' for ${kind} for ${modelName}`,
    );
  }
  if (second !== undefined) {
    throw new InferenceError(
      "refused",
      `sequence batching specifies more than one from 'int32_false_true', 'fp32_false_true' and 'bool_false_true' for ${kind} for ${modelName}`,
    );
  }
  if (first[1]?.length !== 2)
    throw new InferenceError(
      "refused",
      `sequence batching control '${first[0]}' must have exactly 2 entries for ${kind} for ${modelName}`,
    );
}

function checkCorrelation(control: ModelConfigControl, modelName: string): void {
  if (valuesOf(control).length > 0) {
    throw new InferenceError(
      "refused",
      `sequence batching must not specify either 'int32_false_true', 'fp32_false_true' or 'bool_false_true' for ${correlationKind} for ${modelName}`,
    );
  }
  if (!correlationTypes.includes(control.data_type ?? "")) {
    throw new InferenceError(
      "refused",
      `unexpected data type for control ${correlationKind} for ${modelName}. Allowed data types are TYPE_UINT64, TYPE_INT64, TYPE_UINT32, TYPE_INT32 and TYPE_STRING`,
    );
  }
}

function checkStates(states: readonly ModelConfigState[]): void {
  const seen = { input_name: new Set<string>(), output_name: new Set<string>() };
  states.forEach((state, i) => {
    for (const field of ["input_name", "output_name"] as const) {
      const name = state[field] ?? "";
      if (name === "") throw new InferenceError("refused", `sequence_batching.state[${i}] has no ${field}`);
      if (seen[field].has(name))
        throw new InferenceError("refused", `sequence_batching.state: ${field} '${name}' is listed twice`);
      seen[field].add(name);
    }
    checkState(state);
  });
}

function checkState(state: ModelConfigState): void {
  const label = `state '${state.input_name}'`;
  if (servedDatatype(state.data_type ?? "") === undefined)
    refuse(`${label}: data_type`, state.data_type ?? "", "a datatype such as TYPE_FP32");
  if ((state.dims ?? []).some((dim) => dim < -1)) refuse(`${label}: dims`, state.dims, "lengths, or -1 for any length");
  if (state.use_growable_memory === true && state.use_same_buffer_for_input_output !== true) {
    throw new InferenceError(
      "refused",
      `${label}: use_growable_memory expects use_same_buffer_for_input_output as well`,
    );
  }
  const initial = state.initial_state ?? [];
  if (initial.length > 1) {
    throw new InferenceError(
      "refused",
      `initial_state field for state input '${state.input_name}' must contain exactly one or zero element. Found '${initial.length}' elements.`,
    );
  }
  if (initial[0] !== undefined) checkInitialState(state, initial[0]);
}

function checkInitialState(state: ModelConfigState, initial: ModelConfigInitialState): void {
  const { input_name: input, dims = [] } = state;
  const own = initial.dims ?? [];
  if (initial.data_type !== state.data_type) {
    throw new InferenceError(
      "refused",
      `The data type used for 'initial_state' field of state '${input}' does not match the state data type.`,
    );
  }
  if ((initial.name ?? "") === "") {
    throw new InferenceError(
      "refused",
      `Field 'name' must be set when using initial_state for state input '${input}'.`,
    );
  }
  if (own.length !== dims.length) {
    throw new InferenceError(
      "refused",
      `Number of dimensions in 'initial_state' doesn't match the size of 'state' dimensions for state input '${input}'. ${own.length} != ${dims.length}`,
    );
  }
  own.forEach((length, i) => {
    if (length < 0) {
      throw new InferenceError(
        "refused",
        `'initial_state' field for state input name '${input}' contains variable dimensions.`,
      );
    }
    if (dims[i] !== -1 && dims[i] !== length) {
      throw new InferenceError(
        "refused",
        `'initial_state' dim for input name '${input}' doesn't match 'state' dim description. ${length} != ${dims[i]}`,
      );
    }
  });
  if (initial.zero_data === undefined && initial.data_file === undefined)
    throw new InferenceError("refused", `initial_state setting expects state'${input}' to have state_data set`);
  if (initial.data_file !== undefined && !isPlainFileName(initial.data_file)) {
    refuse(`state '${input}': data_file`, initial.data_file, "the name of a file in the folder 'initial_state'");
  }
}

function isPlainFileName(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && !/[/\\\0]/.test(name);
}

/** Bytes of a state of these dims, -1 counted as 1; an empty string takes the 4 bytes of its length. */
export function stateBytes({ data_type, dims = [] }: ModelConfigState): number {
  const datatype = servedDatatype(data_type ?? "");
  const count = elementCount(dims.map((dim) => (dim < 0 ? 1 : dim)));
  return datatype === undefined ? 0 : count * (datatype === "BYTES" ? 4 : itemBytes(datatype));
}

import { assert } from "../errors.ts";
import type { Datatype } from "../tensor.ts";
import { servedDatatype } from "./config-datatype.ts";
import type { ModelConfig, ModelConfigControl, ModelConfigState } from "./model-config.ts";
import { correlationKind, defaultControlKind } from "./sequence-rules.ts";

/** An input of the model that the batcher fills in, one element a row. */
export interface SequenceControl {
  readonly kind: "start" | "ready" | "end" | "correlation";
  readonly name: string;
  readonly datatype: Datatype;
  /** The element for false and for true; empty for the correlation, whose element is the sequence's id. */
  readonly falseBytes: Uint8Array;
  readonly trueBytes: Uint8Array;
}

/** A tensor that is kept from one request of a sequence to the next: what the output gave goes into the input. */
export interface SequenceState {
  readonly inputName: string;
  readonly outputName: string;
  readonly datatype: Datatype;
  /** Of one row, without the batch dimension; -1: any length, which may change from request to request. */
  readonly dims: readonly number[];
  /** With what a sequence begins; absent: zeros, -1 taken as 1. */
  readonly initial?: { readonly dims: readonly number[]; readonly file: string | undefined };
}

/** How the requests of sequences are put together. */
export type SequenceStrategy =
  | { readonly kind: "direct"; readonly maxDelayMs: number; readonly minSlotUtilization: number }
  | { readonly kind: "oldest"; readonly maxDelayMs: number; readonly preferredSizes: readonly number[] };

/** What a complete configuration says about sequences. */
export interface SequencePlan {
  readonly strategy: SequenceStrategy;
  /** Sequences that one instance serves at a time. */
  readonly slots: number;
  /** A sequence without a request for so long is ended. */
  readonly idleMs: number;
  readonly controls: readonly SequenceControl[];
  readonly states: readonly SequenceState[];
}

/** Triton's default of max_sequence_idle_microseconds. */
export const defaultIdleMicroseconds = 1_000_000;

/** The plan of a complete configuration; undefined: its requests are independent of each other. */
export function sequencePlan(config: ModelConfig): SequencePlan | undefined {
  const batching = config.sequence_batching;
  if (batching === undefined) return undefined;
  const { direct, oldest } = batching;
  const rows = Math.max(1, config.max_batch_size ?? 0);
  const preferred = [...(oldest?.preferred_batch_size ?? [])].sort((a, b) => a - b);
  const strategy: SequenceStrategy =
    oldest === undefined
      ? {
          kind: "direct",
          maxDelayMs: (direct?.max_queue_delay_microseconds ?? 0) / 1000,
          minSlotUtilization: direct?.minimum_slot_utilization ?? 0,
        }
      : {
          kind: "oldest",
          maxDelayMs: (oldest.max_queue_delay_microseconds ?? 0) / 1000,
          preferredSizes: preferred.length > 0 ? preferred : [rows],
        };
  return {
    strategy,
    slots: (oldest?.max_candidate_sequences ?? 0) || rows,
    idleMs: (batching.max_sequence_idle_microseconds || defaultIdleMicroseconds) / 1000,
    controls: (batching.control_input ?? []).flatMap(({ name = "", control = [] }) =>
      control.map((each) => controlOf(name, each)),
    ),
    states: (batching.state ?? []).map(stateOf),
  };
}

const kinds: Readonly<Record<string, SequenceControl["kind"]>> = {
  CONTROL_SEQUENCE_START: "start",
  CONTROL_SEQUENCE_READY: "ready",
  CONTROL_SEQUENCE_END: "end",
  [correlationKind]: "correlation",
};

const nothing = new Uint8Array(0);

function controlOf(name: string, control: ModelConfigControl): SequenceControl {
  const kind = kinds[control.kind ?? defaultControlKind];
  assert(kind !== undefined, `control kind ${control.kind}`);
  if (kind === "correlation") {
    const datatype = servedDatatype(control.data_type ?? "");
    assert(datatype !== undefined, `control datatype ${control.data_type}`);
    return { kind, name, datatype, falseBytes: nothing, trueBytes: nothing };
  }
  const { int32_false_true: integers = [], fp32_false_true: floats = [], bool_false_true: booleans = [] } = control;
  if (integers.length > 0) return flag(kind, name, "INT32", (i) => Int32Array.of(integers[i] ?? 0));
  if (floats.length > 0) return flag(kind, name, "FP32", (i) => Float32Array.of(floats[i] ?? 0));
  return flag(kind, name, "BOOL", (i) => Uint8Array.of(booleans[i] === true ? 1 : 0));
}

function flag(
  kind: SequenceControl["kind"],
  name: string,
  datatype: Datatype,
  element: (index: 0 | 1) => Int32Array | Float32Array | Uint8Array,
): SequenceControl {
  return {
    kind,
    name,
    datatype,
    falseBytes: new Uint8Array(element(0).buffer),
    trueBytes: new Uint8Array(element(1).buffer),
  };
}

function stateOf({ input_name, output_name, data_type, dims = [], initial_state }: ModelConfigState): SequenceState {
  const datatype = servedDatatype(data_type ?? "");
  assert(input_name !== undefined && output_name !== undefined && datatype !== undefined, "an incomplete state");
  const state = { inputName: input_name, outputName: output_name, datatype, dims };
  const initial = initial_state?.[0];
  return initial === undefined ? state : { ...state, initial: { dims: initial.dims ?? [], file: initial.data_file } };
}

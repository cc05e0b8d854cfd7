import type { Draft, Parameter } from "../drafts.ts";
import type { Player } from "./player.ts";

/** Requests to one server, in an order that matters, by the name under which their answers are recorded. */
export interface Scenario {
  readonly id: string;
  readonly play: (player: Player) => Promise<void>;
}

/** A request with FP32 rows. */
export function floatRows(
  model: string,
  rows: readonly (readonly number[])[],
  more: { id?: string; parameters?: Record<string, Parameter>; shape?: number[] } = {},
): Draft {
  const shape = more.shape ?? [rows.length, rows[0]?.length ?? 0];
  return {
    model_name: model,
    id: more.id ?? "",
    parameters: more.parameters ?? {},
    inputs: [{ name: "X", datatype: "FP32", shape }],
    raw_input_contents: [Buffer.from(Float32Array.from(rows.flat()).buffer)],
  };
}

/** What a request says about its sequence. */
export interface InSequence {
  readonly id: number | string;
  readonly start?: boolean;
  readonly end?: boolean;
}

export function sequenceParameters({ id, start, end }: InSequence): Record<string, Parameter> {
  return {
    sequence_id: typeof id === "number" ? { int64_param: id } : { string_param: id },
    ...(start === undefined ? {} : { sequence_start: { bool_param: start } }),
    ...(end === undefined ? {} : { sequence_end: { bool_param: end } }),
  };
}

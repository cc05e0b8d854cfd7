import { readFileSync } from "node:fs";
import { join } from "node:path";
import { modelBytes, node, value } from "../../model/build-model.ts";
import type { ComparedModel } from "../models.ts";

const zoo = join(import.meta.dirname, "..", "..", "fixtures", "zoo");
const float = 1;
const int32 = 6;
const int64 = 7;
const text = 8;
const bool = 9;
const uint64 = 13;

const io = (kind: "input" | "output", name: string, type: string, dims: string, more = "") =>
  `${kind} { name: "${name}" data_type: TYPE_${type} dims: [ ${dims} ] ${more} }\n`;
const x = (dims: string, type = "FP32", more = "") => io("input", "X", type, dims, more);
const parameter = (key: string, setting: string | number) =>
  `parameters { key: "${key}" value { string_value: "${setting}" } }\n`;
const one = (bytes: Buffer) => ({ "1": bytes });

const integer = (name: string, ...values: number[]) => ({
  name,
  dims: [values.length],
  data_type: int64,
  int64_data: values,
});
const axis = (number: number) => ({ attribute: [{ name: "axis", type: 2, i: number }] });

/** Place of each row in its run, from 0, and how many rows there were: INT64 [N, 1] each. */
const placeNodes = [
  node("Shape", ["X"], ["shape"]),
  node("Gather", ["shape", "zero"], ["rows"]),
  node("Concat", ["rows", "one"], ["column"], axis(0)),
  node("Expand", ["one", "column"], ["ones"]),
  node("Mul", ["ones", "rows"], ["ROWS"]),
  node("CumSum", ["ones", "first"], ["count"]),
  node("Sub", ["count", "one"], ["PLACE"]),
];
const placeConstants = [
  integer("zero", 0),
  integer("one", 1),
  { name: "first", dims: [], data_type: int64, int64_data: [0] },
];

/** Answers what it was told about the sequence: the controls, the correlation id, and where the row lay in its run. */
function controls(type: number, idType: number): Buffer {
  const column = ["N", 1];
  return modelBytes({
    node: [
      ...["START", "READY", "END", "ID"].map((name) => node("Identity", [name], [`IS_${name}`])),
      node("Identity", ["X"], ["Y"]),
      ...placeNodes,
    ],
    initializer: placeConstants,
    input: [
      value("X", float, column),
      ...["START", "READY", "END"].map((name) => value(name, type, column)),
      value("ID", idType, column),
    ],
    output: [
      value("Y", float, column),
      ...["START", "READY", "END"].map((name) => value(`IS_${name}`, type, column)),
      value("IS_ID", idType, column),
      value("PLACE", int64, column),
      value("ROWS", int64, column),
    ],
  });
}

const control = (name: string, kind: string, detail: string) =>
  `control_input { name: "${name}" control { kind: CONTROL_SEQUENCE_${kind} ${detail} } }\n`;
const controlInputs = (falseTrue: string, idType: string) =>
  ["START", "READY", "END"].map((name) => control(name, name, falseTrue)).join("") +
  control("ID", "CORRID", `data_type: TYPE_${idType}`);
const controlOutputs = (type: string, idType: string) =>
  io("output", "Y", "FP32", "1") +
  ["START", "READY", "END"].map((name) => io("output", `IS_${name}`, type, "1")).join("") +
  io("output", "IS_ID", idType, "1") +
  io("output", "PLACE", "INT64", "1") +
  io("output", "ROWS", "INT64", "1");

/** Adds up what it gets: SUM is the state and comes back. */
function sums(shape: (number | string)[]): Buffer {
  return modelBytes({
    node: [node("Add", ["STATE", "X"], ["SUM"]), node("Identity", ["SUM"], ["NEXT"])],
    input: [value("X", float, shape), value("STATE", float, shape)],
    output: [value("SUM", float, shape), value("NEXT", float, shape)],
  });
}
/** Adds up what a table has at X: 1, 10 or 100. Another index fails. */
const fragile = modelBytes({
  node: [
    node("Gather", ["table", "X"], ["found"]),
    node("Add", ["STATE", "found"], ["SUM"]),
    node("Identity", ["SUM"], ["NEXT"]),
  ],
  initializer: [{ name: "table", dims: [3], data_type: float, float_data: [1, 10, 100] }],
  input: [value("X", int64, ["N", 1]), value("STATE", float, ["N", 1])],
  output: [value("SUM", float, ["N", 1]), value("NEXT", float, ["N", 1])],
});
const sumTensors = x("2") + io("output", "SUM", "FP32", "2");
const state = (initial: string) =>
  `state { input_name: "STATE" output_name: "NEXT" data_type: TYPE_FP32 dims: [ 2 ] ${initial} }`;
const initial = (data: string) => `initial_state { name: "start" data_type: TYPE_FP32 dims: [ 2 ] ${data} }`;
const falseTrue = (type: string, no: number | string, yes: number | string) => `${type}_false_true: [ ${no}, ${yes} ]`;
const numbers = (...values: number[]) => Buffer.from(Float32Array.from(values).buffer);

const isDecoupled = "model_transaction_policy { decoupled: true }\n";
const chunks = (along: number, size: number) =>
  isDecoupled +
  parameter("sluice_chunk_axis", along) +
  parameter("sluice_chunk_size", size) +
  parameter("sluice_split_oversized", "false");

/** Models with a sequence batcher. */
export const sequenceModels: readonly ComparedModel[] = [
  {
    name: "direct",
    config: `max_batch_size: 4\nsequence_batching { max_sequence_idle_microseconds: 60000000 direct { }
      ${controlInputs(falseTrue("fp32", 0, 1), "UINT64")} }
      ${x("1")}${controlOutputs("FP32", "UINT64")}`,
    versions: one(controls(float, uint64)),
  },
  {
    name: "oldest",
    config: `max_batch_size: 4\nsequence_batching { max_sequence_idle_microseconds: 60000000 oldest { max_candidate_sequences: 2 }
      ${controlInputs(falseTrue("int32", -1, 7), "INT64")} }
      ${x("1")}${controlOutputs("INT32", "INT64")}`,
    versions: one(controls(int32, int64)),
  },
  {
    // Triton's Python backend cannot take the text that its core makes of a correlation id: this one is only refused and described.
    name: "texts",
    config: `max_batch_size: 2\nsequence_batching { max_sequence_idle_microseconds: 60000000 direct { }
      ${controlInputs(falseTrue("bool", "false", "true"), "STRING")} }
      ${x("1")}${controlOutputs("BOOL", "STRING")}`,
    versions: one(controls(bool, text)),
  },
  {
    name: "together",
    config: `max_batch_size: 2\nsequence_batching { max_sequence_idle_microseconds: 60000000
      direct { max_queue_delay_microseconds: 2000000 minimum_slot_utilization: 1.0 }
      ${controlInputs(falseTrue("fp32", 0, 1), "UINT64")} }
      ${x("1")}${controlOutputs("FP32", "UINT64")}`,
    versions: one(controls(float, uint64)),
  },
  {
    name: "single",
    config: `max_batch_size: 1\ninstance_group { kind: KIND_CPU count: 1 }
      sequence_batching { max_sequence_idle_microseconds: 500000 direct { }
      ${controlInputs(falseTrue("fp32", 0, 1), "UINT64")} }
      ${x("1")}${controlOutputs("FP32", "UINT64")}`,
    versions: one(controls(float, uint64)),
  },
  {
    name: "sum_zero",
    config: `max_batch_size: 4\nsequence_batching { max_sequence_idle_microseconds: 60000000 direct { }
      ${state(initial("zero_data: true"))} }\n${sumTensors}`,
    versions: one(sums(["N", 2])),
  },
  {
    name: "sum_file",
    config: `max_batch_size: 4\nsequence_batching { max_sequence_idle_microseconds: 60000000 oldest { max_candidate_sequences: 4 }
      ${state(initial('data_file: "ten"'))} }\n${sumTensors}`,
    versions: one(sums(["N", 2])),
    files: { "initial_state/ten": numbers(10, 20) },
  },
  {
    name: "sum_alone",
    config: `max_batch_size: 0\nsequence_batching { max_sequence_idle_microseconds: 60000000 oldest { max_candidate_sequences: 4 }
      ${state(initial("zero_data: true"))} }\n${sumTensors}`,
    versions: one(sums([2])),
  },
  {
    name: "two_instances",
    config: `max_batch_size: 2\ninstance_group { kind: KIND_CPU count: 2 }
      sequence_batching { max_sequence_idle_microseconds: 60000000 direct { }
      ${controlInputs(falseTrue("fp32", 0, 1), "UINT64")} }
      ${x("1")}${controlOutputs("FP32", "UINT64")}`,
    versions: one(controls(float, uint64)),
  },
  {
    name: "sum_pieces",
    config: `max_batch_size: 4\nsequence_batching { max_sequence_idle_microseconds: 60000000 direct { }
      ${state(initial("zero_data: true"))} }\n${isDecoupled}${parameter("sluice_chunk_axis", 1)}${sumTensors}`,
    versions: one(sums(["N", 2])),
  },
  {
    name: "fragile",
    config: `max_batch_size: 2\nsequence_batching { max_sequence_idle_microseconds: 60000000 direct { }
      state { input_name: "STATE" output_name: "NEXT" data_type: TYPE_FP32 dims: [ 1 ]
        initial_state { name: "start" data_type: TYPE_FP32 dims: [ 1 ] zero_data: true } } }
      ${x("1", "INT64")}${io("output", "SUM", "FP32", "1")}`,
    versions: one(fragile),
  },
  {
    name: "plain",
    config: `max_batch_size: 4\n${x("1")}${io("output", "Y", "FP32", "1")}`,
    versions: one(
      modelBytes({
        node: [node("Identity", ["X"], ["Y"])],
        input: [value("X", float, ["N", 1])],
        output: [value("Y", float, ["N", 1])],
      }),
    ),
  },
];

const elementwise = modelBytes({
  node: [node("Add", ["X", "X"], ["DOUBLED"]), node("Neg", ["X"], ["NEGATED"])],
  input: [value("X", float, ["N", "T"])],
  output: [value("DOUBLED", float, ["N", "T"]), value("NEGATED", float, ["N", "T"])],
});
const pieces = x("-1") + io("output", "DOUBLED", "FP32", "-1") + io("output", "NEGATED", "FP32", "-1");
/** Models that answer a request any number of times. */
export const decoupledModels: readonly ComparedModel[] = [
  {
    name: "pieces",
    config: `max_batch_size: 4\ndynamic_batching { }\n${chunks(1, 2)}${pieces}`,
    versions: one(elementwise),
  },
  {
    name: "rows",
    config: `max_batch_size: 4\ndynamic_batching { }\n${chunks(0, 1)}${pieces}`,
    versions: one(elementwise),
  },
  { name: "once", config: `max_batch_size: 4\n${isDecoupled}${pieces}`, versions: one(elementwise) },
  { name: "whole", config: `max_batch_size: 4\n${pieces}`, versions: one(elementwise) },
  {
    name: "slow",
    config: `max_batch_size: 1\n${io("input", "iterations", "INT64", "1")}${io("output", "counted", "INT64", "1")}
      ${parameter("sluice_intra_op_threads", 2)}`, // so that no other model shares its process
    versions: one(readFileSync(join(zoo, "loop_slow", "model.onnx"))),
  },
];

/** Doubles the elements of all requests in one row, and tells what was generated for the batch. */
const ragged = modelBytes({
  node: [
    node("Add", ["X", "X"], ["DOUBLED"]),
    node("Reshape", ["COUNT_IN", "as_column"], ["COUNT"]),
    node("Reshape", ["TOTAL_IN", "as_column"], ["TOTAL"]),
    node("Shape", ["LONGEST_IN"], ["longest"]),
    node("Cast", ["longest"], ["longest_32"], { attribute: [{ name: "to", type: 2, i: int32 }] }),
    node("Sub", ["COUNT", "COUNT"], ["nothing"]),
    node("Add", ["nothing", "longest_32"], ["LONGEST"]),
  ],
  initializer: [integer("as_column", -1, 1)],
  input: [
    value("X", float, ["E"]),
    value("COUNT_IN", int32, ["B"]),
    value("TOTAL_IN", int32, ["B"]),
    value("LONGEST_IN", float, ["L"]),
  ],
  output: [
    value("DOUBLED", float, ["E"]),
    value("COUNT", int32, ["B", 1]),
    value("TOTAL", int32, ["B", 1]),
    value("LONGEST", int32, ["B", 1]),
  ],
});
const batchInput = (kind: string, target: string, type: string) =>
  `batch_input { kind: BATCH_${kind} target_name: "${target}" data_type: TYPE_${type} source_input: "X" }\n`;
const raggedTensors = `${x("-1", "FP32", "allow_ragged_batch: true")}${io("output", "DOUBLED", "FP32", "-1")}
  ${["COUNT", "TOTAL", "LONGEST"].map((name) => io("output", name, "INT32", "1")).join("")}
  ${batchInput("ELEMENT_COUNT", "COUNT_IN", "INT32")}${batchInput("ACCUMULATED_ELEMENT_COUNT", "TOTAL_IN", "INT32")}
  ${batchInput("MAX_ELEMENT_COUNT_AS_SHAPE", "LONGEST_IN", "FP32")}
  batch_output { target_name: "DOUBLED" kind: BATCH_SCATTER_WITH_INPUT_SHAPE source_input: "X" }`;

/** Negates the elements of all requests in one row, and tells where each begins and ends, and its shape in both forms. */
const raggedShapes = modelBytes({
  node: [
    node("Neg", ["X"], ["NEGATED"]),
    node("Slice", ["BOUNDS_IN", "zero", "minus_one"], ["begins"]),
    node("Reshape", ["begins", "as_column"], ["BEGIN"]),
    node("Slice", ["BOUNDS_IN", "one", "far"], ["ends"]),
    node("Reshape", ["ends", "as_column"], ["END"]),
    node("Identity", ["SHAPE_IN"], ["SHAPE"]),
    node("Reshape", ["FLAT_IN", "as_pairs"], ["FLAT"]),
  ],
  initializer: [
    integer("as_column", -1, 1),
    integer("as_pairs", -1, 2),
    integer("zero", 0),
    integer("one", 1),
    integer("minus_one", -1),
    integer("far", 2 ** 31 - 1),
  ],
  input: [
    value("X", float, ["E"]),
    value("BOUNDS_IN", int32, ["C"]),
    value("SHAPE_IN", int32, ["B", 2]),
    value("FLAT_IN", int32, ["F"]),
  ],
  output: [
    value("NEGATED", float, ["E"]),
    value("BEGIN", int32, ["B", 1]),
    value("END", int32, ["B", 1]),
    value("SHAPE", int32, ["B", 2]),
    value("FLAT", int32, ["B", 2]),
  ],
});
const raggedShapeTensors = `${x("-1, -1", "FP32", "allow_ragged_batch: true")}${io("output", "NEGATED", "FP32", "-1, -1")}
  ${["BEGIN", "END"].map((name) => io("output", name, "INT32", "1")).join("")}
  ${["SHAPE", "FLAT"].map((name) => io("output", name, "INT32", "2")).join("")}
  ${batchInput("ACCUMULATED_ELEMENT_COUNT_WITH_ZERO", "BOUNDS_IN", "INT32")}${batchInput("ITEM_SHAPE", "SHAPE_IN", "INT32")}
  ${batchInput("ITEM_SHAPE_FLATTEN", "FLAT_IN", "INT32")}
  batch_output { target_name: "NEGATED" kind: BATCH_SCATTER_WITH_INPUT_SHAPE source_input: "X" }`;

/** Models whose requests of different lengths share a batch without padding. */
export const raggedModels: readonly ComparedModel[] = [
  {
    name: "ragged",
    config: `max_batch_size: 4\ndynamic_batching { preferred_batch_size: [ 3 ] max_queue_delay_microseconds: 3000000 }\n${raggedTensors}`,
    versions: one(ragged),
  },
  {
    name: "ragged_shapes",
    config: `max_batch_size: 4\ndynamic_batching { preferred_batch_size: [ 2 ] max_queue_delay_microseconds: 3000000 }\n${raggedShapeTensors}`,
    versions: one(raggedShapes),
  },
];

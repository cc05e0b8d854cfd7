import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { modelBytes, node, value } from "../model/build-model.ts";

const FLOAT = 1;
const INT32 = 6;
const INT64 = 7;
const STRING = 8;

/** What the model `controls` is told, and how it takes it. */
export const controlInputs = `
  control_input { name: "START" control { kind: CONTROL_SEQUENCE_START int32_false_true: [ 0, 1 ] } }
  control_input { name: "READY" control { kind: CONTROL_SEQUENCE_READY fp32_false_true: [ -1, 2 ] } }
  control_input { name: "END" control { kind: CONTROL_SEQUENCE_END bool_false_true: [ false, true ] } }
  control_input { name: "ID" control { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_INT64 } }`;

/** Answers what it was told: its row, START, READY, END and the id. Keeps nothing. */
export function controlsModel(): Buffer {
  const controls = [
    ["START", INT32],
    ["READY", FLOAT],
    ["END", 9],
    ["ID", INT64],
  ] as const;
  return modelBytes({
    node: [node("Identity", ["X"], ["Y"]), ...controls.map(([name]) => node("Identity", [name], [`${name}_TOLD`]))],
    input: [value("X", FLOAT, ["N", 2]), ...controls.map(([name, type]) => value(name, type, ["N", 1]))],
    output: [value("Y", FLOAT, ["N", 2]), ...controls.map(([name, type]) => value(`${name}_TOLD`, type, ["N", 1]))],
  });
}

/** `Y` is the sum of all rows of the sequence so far, which it keeps as its state. */
export function sumModel(): Buffer {
  return modelBytes({
    node: [node("Add", ["X", "SUM_IN"], ["SUM_OUT"]), node("Identity", ["SUM_OUT"], ["Y"])],
    input: [value("X", FLOAT, ["N", 1]), value("SUM_IN", FLOAT, ["N", 1])],
    output: [value("Y", FLOAT, ["N", 1]), value("SUM_OUT", FLOAT, ["N", 1])],
  });
}

/** `Y` is everything that the sequence has sent so far: its state grows. */
export function historyModel(): Buffer {
  return modelBytes({
    node: [
      node("Concat", ["PAST", "X"], ["ALL"], { attribute: [{ name: "axis", type: 2, i: 1 }] }),
      node("Identity", ["ALL"], ["Y"]),
    ],
    input: [value("X", FLOAT, ["N", "k"]), value("PAST", FLOAT, ["N", "n"])],
    output: [value("Y", FLOAT, ["N", "m"]), value("ALL", FLOAT, ["N", "m"])],
  });
}

/** `Y` is the word before, which it keeps as its state: of strings. */
export function wordModel(): Buffer {
  return modelBytes({
    node: [node("Identity", ["X"], ["LAST_OUT"]), node("Identity", ["LAST_IN"], ["Y"])],
    input: [value("X", STRING, ["N", 1]), value("LAST_IN", STRING, ["N", 1])],
    output: [value("Y", STRING, ["N", 1]), value("LAST_OUT", STRING, ["N", 1])],
  });
}

/** State of the model `sum`. */
export const sumState = `state [ { input_name: "SUM_IN" output_name: "SUM_OUT" data_type: TYPE_FP32 dims: [ 1 ] } ]`;

/** Writes `<root>/<name>/1/model.onnx` and its config.pbtxt. */
export function writeSequenceModel(root: string, name: string, model: Buffer, config: string, version = "1"): string {
  const folder = join(root, name);
  mkdirSync(join(folder, version), { recursive: true });
  writeFileSync(join(folder, "config.pbtxt"), config);
  writeFileSync(join(folder, version, "model.onnx"), model);
  return folder;
}

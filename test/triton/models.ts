import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { modelBytes, node, tensor, value } from "../model/build-model.ts";

/** One model of the compared repository. */
export interface ComparedModel {
  readonly name: string;
  /** config.pbtxt without `backend`, which differs between the servers. */
  readonly config: string;
  /** ONNX files by version. All their operators are exact, so that answers are equal bit by bit whatever ONNX Runtime computes them. */
  readonly versions: Readonly<Record<string, Buffer>>;
  /** Files beside config.pbtxt, by their path. */
  readonly files?: Readonly<Record<string, string | Buffer>>;
}

/** Elements of ONNX's TensorProto.DataType by the datatype's name in config.pbtxt. */
const onnxTypes = {
  BOOL: 9,
  UINT8: 2,
  UINT16: 4,
  UINT32: 12,
  UINT64: 13,
  INT8: 3,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  FP16: 10,
  FP32: 1,
  FP64: 11,
  STRING: 8,
} as const;

/** The datatypes of the model `types`, each an input `IN_<type>` of any length that comes back as `OUT_<type>`. */
export const fixedTypes = (Object.keys(onnxTypes) as (keyof typeof onnxTypes)[]).filter((type) => type !== "STRING");

const zoo = join(import.meta.dirname, "..", "fixtures", "zoo");
const zooFile = (name: string) => readFileSync(join(zoo, name, "model.onnx"));
const io = (kind: "input" | "output", name: string, type: string, dims: string, more = "") =>
  `${kind} { name: "${name}" data_type: TYPE_${type} dims: [ ${dims} ] ${more} }\n`;
const x = (dims: string, type = "FP32", more = "") => io("input", "X", type, dims, more);
const y = (dims: string, type = "FP32", more = "") => io("output", "Y", type, dims, more);
const one = (bytes: Buffer) => ({ "1": bytes });

/** `Y = X + X`. */
function doubling(shape: (number | string)[], type: keyof typeof onnxTypes = "FP32"): Buffer {
  return modelBytes({
    node: [node("Add", ["X", "X"], ["Y"])],
    input: [value("X", onnxTypes[type], shape)],
    output: [value("Y", onnxTypes[type], shape)],
  });
}

/** `Y = X` added up `count` times: every version of a model answers differently. */
function timesX(count: number): Buffer {
  const steps = Array.from({ length: count - 1 }, (_, i) =>
    node("Add", [i === 0 ? "X" : `s${i}`, "X"], [i === count - 2 ? "Y" : `s${i + 1}`]),
  );
  const nodes = count === 1 ? [node("Identity", ["X"], ["Y"])] : steps;
  return modelBytes({ node: nodes, input: [value("X", 1, ["N", 2])], output: [value("Y", 1, ["N", 2])] });
}

function identity(type: keyof typeof onnxTypes, shape: (number | string)[]): Buffer {
  return modelBytes({
    node: [node("Identity", ["X"], ["Y"])],
    input: [value("X", onnxTypes[type], shape)],
    output: [value("Y", onnxTypes[type], shape)],
  });
}

const twoOutputs = modelBytes({
  node: [node("Add", ["X", "X"], ["DOUBLED"]), node("Neg", ["X"], ["NEGATED"])],
  input: [value("X", 1, ["N", 4])],
  output: [value("DOUBLED", 1, ["N", 4]), value("NEGATED", 1, ["N", 4])],
});

const pair = modelBytes({
  node: [node("Add", ["A", "B"], ["SUM"]), node("Sub", ["A", "B"], ["DIFFERENCE"])],
  input: [value("A", 1, ["N", 2]), value("B", 1, ["N", 2])],
  output: [value("SUM", 1, ["N", 2]), value("DIFFERENCE", 1, ["N", 2])],
});

const optional = modelBytes({
  node: [node("Add", ["A", "B"], ["SUM"])],
  input: [value("A", 1, [2]), value("B", 1, [2])],
  output: [value("SUM", 1, [2])],
  initializer: [tensor("B", [2])],
});

const types = modelBytes({
  node: fixedTypes.map((type) => node("Identity", [`IN_${type}`], [`OUT_${type}`])),
  input: fixedTypes.map((type) => value(`IN_${type}`, onnxTypes[type], [`n_${type}`])),
  output: fixedTypes.map((type) => value(`OUT_${type}`, onnxTypes[type], [`n_${type}`])),
});

const cast = (to: keyof typeof onnxTypes, output: string) =>
  node("Cast", ["X"], [output], { attribute: [{ name: "to", type: 2, i: onnxTypes[to] }] });
const ranked = modelBytes({
  node: [node("Identity", ["X"], ["SCORES"]), cast("INT32", "COUNTS"), cast("BOOL", "FLAGS"), cast("FP16", "HALVES")],
  input: [value("X", 1, ["N", 5])],
  output: [
    value("SCORES", 1, ["N", 5]),
    value("COUNTS", onnxTypes.INT32, ["N", 5]),
    value("FLAGS", onnxTypes.BOOL, ["N", 5]),
    value("HALVES", onnxTypes.FP16, ["N", 5]),
  ],
});

const classNames = "zero\none\ntwo\nthree\n";
const versionTensors = x("2") + y("2");
const threeVersions = { "1": timesX(1), "2": timesX(2), "3": timesX(3) };
const slowTensors = io("input", "iterations", "INT64", "1") + io("output", "counted", "INT64", "1");

/** What both servers serve. */
export const comparedModels: readonly ComparedModel[] = [
  {
    name: "rows",
    config: `max_batch_size: 8\ndynamic_batching { preferred_batch_size: [ 4, 8 ] max_queue_delay_microseconds: 300 }
      ${x("4")}${io("output", "DOUBLED", "FP32", "4")}${io("output", "NEGATED", "FP32", "4")}`,
    versions: one(twoOutputs),
  },
  { name: "alone", config: `max_batch_size: 8\n${x("4")}${y("4")}`, versions: one(doubling(["N", 4])) },
  {
    name: "split",
    config: `max_batch_size: 4\ndynamic_batching { }\n${x("4")}${y("4")}
      parameters { key: "sluice_split_oversized" value { string_value: "true" } }`,
    versions: one(doubling(["N", 4])),
  },
  { name: "whole", config: `max_batch_size: 0\n${x("2, 3")}${y("2, 3")}`, versions: one(doubling([2, 3])) },
  {
    name: "any",
    config: `max_batch_size: 0\n${x("-1, -1", "INT64")}${y("-1, -1", "INT64")}`,
    versions: one(doubling(["a", "b"], "INT64")),
  },
  {
    name: "lengths",
    config: `max_batch_size: 4\ndynamic_batching { }\n${x("-1", "INT64")}${y("-1", "INT64")}`,
    versions: one(doubling(["N", "b"], "INT64")),
  },
  {
    name: "pair",
    config: `max_batch_size: 8\ndynamic_batching { }\n${io("input", "A", "FP32", "2")}${io("input", "B", "FP32", "2")}
      ${io("output", "SUM", "FP32", "2")}${io("output", "DIFFERENCE", "FP32", "2")}`,
    versions: one(pair),
  },
  {
    name: "optional",
    config: `max_batch_size: 0\n${io("input", "A", "FP32", "2")}${io("input", "B", "FP32", "2", "optional: true")}
      ${io("output", "SUM", "FP32", "2")}`,
    versions: one(optional),
  },
  {
    name: "text",
    config: `max_batch_size: 8\ndynamic_batching { }\n${x("2", "STRING")}${y("2", "STRING")}`,
    versions: one(identity("STRING", ["N", 2])),
  },
  {
    name: "types",
    config: `max_batch_size: 0\n${fixedTypes.map((type) => io("input", `IN_${type}`, type, "-1") + io("output", `OUT_${type}`, type, "-1")).join("")}`,
    versions: one(types),
  },
  {
    name: "scalar",
    config: `max_batch_size: 0\n${x("1")}${y("1")}`,
    versions: one(doubling([])),
  },
  {
    name: "scalar_rows",
    config: `max_batch_size: 4\ndynamic_batching { }\n${x("1", "FP32", "reshape { shape: [ ] }")}${y("1", "FP32", "reshape { shape: [ ] }")}`,
    versions: one(doubling(["N"])),
  },
  {
    name: "reshaped",
    config: `max_batch_size: 4\ndynamic_batching { }\n${x("2, 2", "FP32", "reshape { shape: [ 4 ] }")}${y("4, 1", "FP32", "reshape { shape: [ 4 ] }")}`,
    versions: one(doubling(["N", 4])),
  },
  {
    name: "ranked",
    config: `max_batch_size: 4\ndynamic_batching { }\n${x("5")}${io("output", "SCORES", "FP32", "5", 'label_filename: "names.txt"')}
      ${io("output", "COUNTS", "INT32", "5")}${io("output", "FLAGS", "BOOL", "5")}${io("output", "HALVES", "FP16", "5")}`,
    versions: one(ranked),
    files: { "names.txt": classNames },
  },
  {
    name: "ranked_whole",
    config: `max_batch_size: 0\n${x("2, 3")}${y("2, 3", "FP32", 'label_filename: "names.txt"')}`,
    versions: one(identity("FP32", [2, 3])),
    files: { "names.txt": classNames },
  },
  {
    name: "specific",
    config: `max_batch_size: 8\nversion_policy { specific { versions: [ 1, 3 ] } }\n${versionTensors}`,
    versions: threeVersions,
  },
  {
    name: "latest",
    config: `max_batch_size: 8\nversion_policy { latest { num_versions: 2 } }\n${versionTensors}`,
    versions: threeVersions,
  },
  { name: "newest", config: `max_batch_size: 8\n${versionTensors}`, versions: threeVersions },
  {
    name: "fails",
    config: `max_batch_size: 8\ndynamic_batching { }\n${io("input", "index", "INT64", "1")}${io("output", "Y", "FP32", "2")}`,
    versions: one(zooFile("gather_fails")),
  },
  {
    name: "queue",
    config: `max_batch_size: 1\ninstance_group { kind: KIND_CPU }
      dynamic_batching { priority_levels: 2 default_priority_level: 2 default_queue_policy { max_queue_size: 3 } }\n${slowTensors}`,
    versions: one(zooFile("loop_slow")),
  },
  {
    name: "timeouts",
    config: `max_batch_size: 1\ninstance_group { kind: KIND_CPU }
      dynamic_batching { priority_levels: 2 default_priority_level: 2
        default_queue_policy { timeout_action: REJECT default_timeout_microseconds: 60000000 allow_timeout_override: true }
        priority_queue_policy { key: 1 value { timeout_action: DELAY default_timeout_microseconds: 60000000 allow_timeout_override: true } } }
      ${slowTensors}`,
    versions: one(zooFile("loop_slow")),
  },
];

/** Writes the repository for one of the servers, `alter` adds what only it needs. */
export function writeRepository(
  folder: string,
  backend: "onnxruntime" | "python",
  models: readonly ComparedModel[],
  alter: (versionFolder: string) => void = () => {},
): void {
  for (const { name, config, versions, files = {} } of models) {
    const model = join(folder, name);
    mkdirSync(model, { recursive: true });
    writeFileSync(join(model, "config.pbtxt"), `backend: "${backend}"\n${config}`);
    for (const [file, content] of Object.entries(files)) {
      mkdirSync(dirname(join(model, file)), { recursive: true });
      writeFileSync(join(model, file), content);
    }
    for (const [version, bytes] of Object.entries(versions)) {
      const versionFolder = join(model, version);
      mkdirSync(versionFolder);
      writeFileSync(join(versionFolder, "model.onnx"), bytes);
      alter(versionFolder);
    }
  }
}

import type { Datatype } from "../../src/tensor.ts";
import { itemBytes } from "../../src/tensor.ts";
import { fixedTypes } from "./models.ts";
import type { SeededRandom } from "./random.ts";

/** A parameter as protobufjs takes it, one field of the oneof. */
export type Parameter = Readonly<Record<string, unknown>>;

export interface DraftInput {
  name: string;
  datatype: string;
  shape: (number | string)[];
  parameters?: Record<string, Parameter>;
  contents?: Record<string, unknown[]>;
}

/** A ModelInferRequest that is still being made up. */
export interface Draft {
  model_name: string;
  model_version?: string;
  id?: string;
  parameters?: Record<string, Parameter>;
  inputs: DraftInput[];
  outputs?: { name: string; parameters?: Record<string, Parameter> }[];
  raw_input_contents?: Buffer[];
}

interface Face {
  readonly inputs: readonly (readonly [name: string, datatype: Datatype, dims: readonly number[]])[];
  readonly outputs: readonly string[];
  /** Most rows; 0: no batch dimension. */
  readonly rows: number;
}

const plain = (dims: readonly number[], rows: number, datatype: Datatype = "FP32", outputs = ["Y"]): Face => ({
  inputs: [["X", datatype, dims]],
  outputs,
  rows,
});
const wireName = (type: string): Datatype => type as Datatype;

/** What the models take, for making requests that fit. */
export const faces = {
  rows: plain([4], 8, "FP32", ["DOUBLED", "NEGATED"]),
  alone: plain([4], 8),
  split: plain([4], 4),
  whole: plain([2, 3], 0),
  any: plain([-1, -1], 0, "INT64"),
  lengths: plain([-1], 4, "INT64"),
  pair: {
    inputs: [
      ["A", "FP32", [2]],
      ["B", "FP32", [2]],
    ],
    outputs: ["SUM", "DIFFERENCE"],
    rows: 8,
  },
  optional: {
    inputs: [
      ["A", "FP32", [2]],
      ["B", "FP32", [2]],
    ],
    outputs: ["SUM"],
    rows: 0,
  },
  text: plain([2], 8, "BYTES"),
  types: {
    inputs: fixedTypes.map((type) => [`IN_${type}`, wireName(type), [-1]]),
    outputs: fixedTypes.map((type) => `OUT_${type}`),
    rows: 0,
  },
  scalar: plain([1], 0),
  scalar_rows: plain([1], 4),
  reshaped: plain([2, 2], 4),
  ranked: plain([5], 4, "FP32", ["SCORES", "COUNTS", "FLAGS", "HALVES"]),
  ranked_whole: plain([2, 3], 0),
  specific: plain([2], 8),
  latest: plain([2], 8),
  newest: plain([2], 8),
} as const satisfies Record<string, Face>;

export type FacedModel = keyof typeof faces;

/** Raw contents of a BYTES tensor. */
export function textElements(texts: readonly string[]): Buffer {
  return Buffer.concat(
    texts.map((text) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(Buffer.byteLength(text));
      return Buffer.concat([length, Buffer.from(text)]);
    }),
  );
}

const texts = ["", "a", "schön", "日本", "two words", "x".repeat(60)];

/** Elements whose every value is exact in its datatype. */
export function elements(datatype: Datatype, count: number, random: SeededRandom): Buffer {
  if (datatype === "BYTES") return textElements(Array.from({ length: count }, () => random.pick(texts)));
  const bytes = Buffer.alloc(count * itemBytes(datatype));
  for (let i = 0; i < count; i++) write(bytes, datatype, i, random.below(100));
  return bytes;
}

function write(bytes: Buffer, datatype: Datatype, index: number, value: number): void {
  const at = index * itemBytes(datatype);
  if (datatype === "FP32") bytes.writeFloatLE((value - 50) / 4, at);
  else if (datatype === "FP64") bytes.writeDoubleLE((value - 50) / 8, at);
  else if (datatype === "FP16") bytes.writeUInt16LE(0x3c00 + value, at);
  else if (datatype === "BOOL") bytes.writeUInt8(value % 2, at);
  else bytes.writeIntLE(datatype.startsWith("U") ? value : value - 50, at, Math.min(6, itemBytes(datatype)));
  if (itemBytes(datatype) === 8 && datatype === "INT64" && value < 50) bytes.writeUInt16LE(0xffff, at + 6);
}

/** A request that the model answers. */
export function goodRequest(model: FacedModel, random: SeededRandom, id = ""): Draft {
  const face: Face = faces[model];
  const rows = face.rows > 0 ? 1 + random.below(face.rows) : 0;
  const inputs = face.inputs.map(([name, datatype, dims]) => {
    const lengths = dims.map((length) => (length < 0 ? 1 + random.below(4) : length));
    return { name, datatype, shape: rows > 0 ? [rows, ...lengths] : lengths };
  });
  const contents = inputs.map(({ datatype, shape }) => {
    const count = shape.reduce((product, length) => product * length, 1);
    return elements(datatype, count, random);
  });
  return { model_name: model, ...(id === "" ? {} : { id }), inputs, raw_input_contents: contents };
}

import { messageType } from "../src/model/definitions.ts";
import { createRandom } from "./random.ts";

/** Sizes of a {@link lengthModel}. */
export interface LengthModelSizes {
  readonly vocabulary: number;
  readonly width: number;
  /** Units of the hidden layer that every token goes through: what a token costs. */
  readonly hidden: number;
  /** It takes the lengths as well, `lengths` INT32 [N, 1], and divides by them instead of counting its mask. */
  readonly hasLengths?: boolean;
}

const float = 1;
const int32 = 6;
const int64 = 7;

/**
 * A text model in small: `ids` INT64 [N, L] and `mask` FP32 [N, L] to `pooled` FP32 [N, width], the masked mean over the row's tokens, and
 * `scores` FP32 [N, L], one for each token. Tokens are embedded and go through two dense layers; what they become does not depend on
 * their neighbours, so that with a mask the length of the padding does not matter.
 */
export function lengthModel({ vocabulary, width, hidden, hasLengths = false }: LengthModelSizes, seed = 1): Uint8Array {
  const random = createRandom(seed);
  const weights = (name: string, dims: readonly number[], limit: number) => {
    const count = dims.reduce((product, length) => product * length, 1);
    const values = Float32Array.from({ length: count }, () => limit * (2 * random() - 1));
    return { name, dims, data_type: float, raw_data: Buffer.from(values.buffer) };
  };
  const axes = (name: string, axis: number) => ({
    name,
    dims: [1],
    data_type: int64,
    raw_data: Buffer.from(BigInt64Array.of(BigInt(axis)).buffer),
  });
  const node = (op_type: string, input: string[], output: string, keepdims?: 0 | 1) => ({
    op_type,
    input,
    output: [output],
    attribute: keepdims === undefined ? [] : [{ name: "keepdims", type: 2, i: keepdims }],
  });
  const port = (name: string, elem_type: number, ...dim: readonly object[]) => ({
    name,
    type: { tensor_type: { elem_type, shape: { dim } } },
  });
  const [rows, length] = [{ dim_param: "N" }, { dim_param: "L" }];
  const type = messageType("onnx.ModelProto");
  const model = type.fromObject({
    ir_version: 10,
    opset_import: [{ domain: "", version: 21 }],
    graph: {
      name: "lengths",
      node: [
        node("Gather", ["table", "ids"], "embedded"),
        node("MatMul", ["embedded", "w1"], "dense1"),
        node("Relu", ["dense1"], "active"),
        node("MatMul", ["active", "w2"], "tokens"),
        node("Unsqueeze", ["mask", "last"], "mask3"),
        node("Mul", ["tokens", "mask3"], "masked"),
        node("ReduceSum", ["masked", "middle"], "sum", 0),
        hasLengths
          ? { ...node("Cast", ["lengths"], "count"), attribute: [{ name: "to", type: 2, i: float }] }
          : node("ReduceSum", ["mask", "middle"], "count", 1),
        node("Div", ["sum", "count"], "pooled"),
        node("ReduceSum", ["masked", "last"], "scores", 0),
      ],
      initializer: [
        weights("table", [vocabulary, width], 1),
        weights("w1", [width, hidden], Math.sqrt(3 / width)),
        weights("w2", [hidden, width], Math.sqrt(3 / hidden)),
        axes("middle", 1),
        axes("last", 2),
      ],
      input: [
        port("ids", int64, rows, length),
        port("mask", float, rows, length),
        ...(hasLengths ? [port("lengths", int32, rows, { dim_value: 1 })] : []),
      ],
      output: [port("pooled", float, rows, { dim_value: width }), port("scores", float, rows, length)],
    },
  });
  return type.encode(model).finish();
}

import { messageType } from "../../src/model/definitions.ts";

const float = 1;
const int32 = 6;
const int64 = 7;

/**
 * A model for ragged batches: `values` FP32 [-1], the elements of all requests, and `ends` INT32 [-1], where each request's end, to `sum` FP32
 * [N, 1], the sum of each, and `doubled` FP32 [-1], every element twice as large; `largest` INT32 [-1] tells by its shape alone how many
 * elements the largest has, which `share` FP32 [N, 1] divides each sum by.
 */
export function raggedModel(): Uint8Array {
  const node = (op_type: string, input: string[], output: string, axis?: number) => ({
    op_type,
    input,
    output: [output],
    attribute: axis === undefined ? [] : [{ name: "axis", type: 2, i: axis }],
  });
  const cast = (input: string, output: string, to: number) => ({
    op_type: "Cast",
    input: [input],
    output: [output],
    attribute: [{ name: "to", type: 2, i: to }],
  });
  const constant = (name: string, data_type: number, raw_data: ArrayBuffer) => ({
    name,
    dims: [1],
    data_type,
    raw_data: Buffer.from(raw_data),
  });
  const port = (name: string, elem_type: number, ...dim: readonly object[]) => ({
    name,
    type: { tensor_type: { elem_type, shape: { dim } } },
  });
  const [any, rows, one] = [{ dim_param: "T" }, { dim_param: "N" }, { dim_value: 1 }];
  const type = messageType("onnx.ModelProto");
  const model = type.fromObject({
    ir_version: 10,
    opset_import: [{ domain: "", version: 21 }],
    graph: {
      name: "ragged",
      node: [
        cast("ends", "ends64", int64),
        node("CumSum", ["values", "zero"], "running"),
        node("Concat", ["nothing", "running"], "from0", 0),
        node("Gather", ["from0", "ends64"], "upto", 0),
        node("Concat", ["zero64", "ends64"], "begins0", 0),
        node("Shape", ["ends64"], "count"),
        node("Slice", ["begins0", "zero64", "count"], "begins"),
        node("Gather", ["from0", "begins"], "before", 0),
        node("Sub", ["upto", "before"], "flat"),
        node("Unsqueeze", ["flat", "one64"], "sum"),
        node("Add", ["values", "values"], "doubled"),
        node("Shape", ["largest"], "size"),
        cast("size", "sizeFloat", float),
        node("Div", ["sum", "sizeFloat"], "share"),
      ],
      initializer: [
        { ...constant("zero", int64, BigInt64Array.of(0n).buffer), dims: [] },
        constant("zero64", int64, BigInt64Array.of(0n).buffer),
        constant("one64", int64, BigInt64Array.of(1n).buffer),
        constant("nothing", float, Float32Array.of(0).buffer),
      ],
      input: [port("values", float, any), port("ends", int32, rows), port("largest", int32, { dim_param: "M" })],
      output: [port("sum", float, rows, one), port("doubled", float, any), port("share", float, rows, one)],
    },
  });
  return type.encode(model).finish();
}

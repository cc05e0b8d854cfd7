import { InferenceError } from "../errors.ts";
import { elementCount, formatShape } from "../tensor.ts";
import { onnxDatatype, rawBytes } from "./onnx-datatype.ts";
import type { OnnxSparseTensor, OnnxTensor } from "./onnx-proto.ts";

/** The dimensions of a stored tensor as numbers. */
export function tensorShape(dims: OnnxTensor["dims"]): number[] {
  return dims.map((dim) => dim.toNumber());
}

/**
 * Bytes that a stored tensor takes when its elements lie one after the other, strings counted by their length. External data counts by
 * its dimensions.
 */
export function tensorBytes(tensor: OnnxTensor): number {
  const datatype = onnxDatatype(tensor.data_type);
  if (datatype === undefined) return 0;
  if (datatype.bits === 0) return tensor.string_data.reduce((sum, { length }) => sum + length, 0);
  return rawBytes(datatype, elementCount(tensorShape(tensor.dims)));
}

/**
 * Checks a stored tensor in itself: a known element type, possible dimensions, and exactly the data that these need, because ONNX Runtime
 * allocates by the dimensions.
 * @throws InferenceError "refused", naming the tensor.
 */
export function checkTensor(tensor: OnnxTensor): void {
  const name = `tensor '${tensor.name ?? ""}'`;
  const datatype = onnxDatatype(tensor.data_type);
  if (datatype === undefined) {
    throw new InferenceError(
      "refused",
      `${name} has element type ${tensor.data_type ?? 0}, which ONNX does not define`,
    );
  }
  const shape = tensorShape(tensor.dims);
  const elements = elementCount(shape);
  if (Number.isNaN(elements))
    throw new InferenceError("refused", `${name} has impossible dimensions ${formatShape(shape)}`);

  const sizes =
    datatype.bits > 0 && Object.hasOwn(tensor, "raw_data")
      ? { actual: tensor.raw_data?.length ?? 0, expected: rawBytes(datatype, elements), unit: "bytes" }
      : {
          actual: tensor[datatype.field].length,
          expected: Math.ceil(elements * (datatype.entriesPerElement ?? 1)),
          unit: "values",
        };
  if (sizes.actual !== sizes.expected) {
    throw new InferenceError(
      "refused",
      `${name} of type ${datatype.name} and dimensions ${formatShape(shape)} needs ${sizes.expected} ${sizes.unit}, but holds ${sizes.actual}`,
    );
  }
}

/**
 * Bytes of a sparse tensor once it is spread out, which is what ONNX Runtime does with it.
 * @throws InferenceError "refused" for impossible dimensions.
 */
export function denseBytes({ values, dims }: OnnxSparseTensor): number {
  const shape = tensorShape(dims);
  const elements = elementCount(shape);
  const datatype = onnxDatatype(values?.data_type);
  if (Number.isNaN(elements) || datatype === undefined) {
    throw new InferenceError(
      "refused",
      `sparse tensor '${values?.name ?? ""}' has impossible dimensions ${formatShape(shape)}`,
    );
  }
  return rawBytes(datatype, elements);
}

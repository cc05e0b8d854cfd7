import { InferenceError } from "../errors.ts";
import { type Datatype, elementCount, formatShape, itemBytes, type Tensor } from "../tensor.ts";
import { arrayClasses, type NumericArray } from "../typed-arrays.ts";

/** What JavaScript has for the elements of a tensor. */
export type TensorValues = NumericArray | readonly boolean[] | readonly Uint8Array[];

/** One element as a caller may write it. `BYTES` takes text (as UTF-8) or bytes, the 64-bit integers numbers or bigints. */
export type TensorElement = number | bigint | boolean | string | Uint8Array;

const integerRanges = {
  INT8: [-(2n ** 7n), 2n ** 7n - 1n],
  INT16: [-(2n ** 15n), 2n ** 15n - 1n],
  INT32: [-(2n ** 31n), 2n ** 31n - 1n],
  INT64: [-(2n ** 63n), 2n ** 63n - 1n],
  UINT8: [0n, 2n ** 8n - 1n],
  UINT16: [0n, 2n ** 16n - 1n],
  UINT32: [0n, 2n ** 32n - 1n],
  UINT64: [0n, 2n ** 64n - 1n],
} as const;

/**
 * A tensor from JavaScript values in row-major order. A typed array of the datatype's own class is taken as it is, without a copy, and
 * must stay unchanged until the request was sent; everything else is converted, element by element, and checked.
 *
 * `createTensor("x", "FP32", [2, 3], [1, 2, 3, 4, 5, 6])`
 * @throws InferenceError "invalid" when the number of values does not fit the shape or a value does not fit the datatype.
 */
export function createTensor(
  name: string,
  datatype: Datatype,
  shape: readonly number[],
  values: ArrayLike<TensorElement>,
): Tensor {
  const count = elementCount(shape);
  if (values.length !== count) {
    throw new InferenceError(
      "invalid",
      `tensor '${name}' of shape ${formatShape(shape)} takes ${count} values, got ${values.length}`,
    );
  }
  return { name, datatype, shape, data: encode(name, datatype, values) };
}

/**
 * The elements of a tensor: a typed array of the datatype's own class, an array of booleans, or for BYTES one `Uint8Array` each. A copy,
 * except that BYTES elements are views.
 * @throws InferenceError "invalid" when the data do not fit the shape.
 */
export function readTensor(tensor: Tensor): TensorValues {
  const { datatype, data } = tensor;
  const count = elementCount(tensor.shape);
  if (datatype === "BYTES") return splitBytes(tensor, count);
  if (data.byteLength !== count * itemBytes(datatype)) {
    throw new InferenceError(
      "invalid",
      `tensor '${tensor.name}' ${datatype} ${formatShape(tensor.shape)} takes ${count * itemBytes(datatype)} bytes, got ${data.byteLength}`,
    );
  }
  if (datatype === "BOOL") return Array.from(data, (byte) => byte !== 0);
  const copy = new Uint8Array(data); // elements of a received message are not aligned
  return new arrayClasses[datatype](copy.buffer);
}

/**
 * The elements of a BYTES tensor as text.
 * @throws InferenceError "invalid" for another datatype; bytes that are no UTF-8 read as U+FFFD.
 */
export function readStrings(tensor: Tensor): readonly string[] {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  return readBytes(tensor).map((element) => decoder.decode(element));
}

/**
 * The elements of a BYTES tensor, as views.
 * @throws InferenceError "invalid" for another datatype
 */
export function readBytes(tensor: Tensor): readonly Uint8Array[] {
  if (tensor.datatype !== "BYTES") {
    throw new InferenceError("invalid", `tensor '${tensor.name}' is ${tensor.datatype}, expected BYTES`);
  }
  return splitBytes(tensor, elementCount(tensor.shape));
}

/** Elements in the raw layout of BYTES: each preceded by its length as uint32, little-endian. */
export function joinBytes(elements: readonly Uint8Array[]): Uint8Array {
  const data = new Uint8Array(elements.reduce((sum, element) => sum + 4 + element.byteLength, 0));
  const view = new DataView(data.buffer);
  let offset = 0;
  for (const element of elements) {
    view.setUint32(offset, element.byteLength, true);
    data.set(element, offset + 4);
    offset += 4 + element.byteLength;
  }
  return data;
}

function splitBytes(tensor: Tensor, count: number): Uint8Array[] {
  const { data } = tensor;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const elements: Uint8Array[] = [];
  let offset = 0;
  while (offset + 4 <= data.byteLength) {
    const length = view.getUint32(offset, true);
    if (offset + 4 + length > data.byteLength) break;
    elements.push(data.subarray(offset + 4, offset + 4 + length));
    offset += 4 + length;
  }
  if (offset !== data.byteLength || elements.length !== count) {
    throw new InferenceError(
      "invalid",
      `tensor '${tensor.name}' BYTES ${formatShape(tensor.shape)} takes ${count} elements, its data hold ${elements.length} and ${data.byteLength - offset} bytes more`,
    );
  }
  return elements;
}

function encode(name: string, datatype: Datatype, values: ArrayLike<TensorElement>): Uint8Array {
  if (datatype === "BYTES") {
    return joinBytes(Array.from(values, (value, i) => bytesElement(name, value, i)));
  }
  if (datatype === "BOOL") {
    return Uint8Array.from(values, (value, i) => {
      if (typeof value === "boolean" || value === 0 || value === 1) return Number(value);
      return refuse(name, value, i, "BOOL takes true or false");
    });
  }
  const arrayClass = arrayClasses[datatype];
  if (values instanceof arrayClass) return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return encodeNumbers(name, datatype, values);
}

function encodeNumbers(
  name: string,
  datatype: keyof typeof arrayClasses,
  values: ArrayLike<TensorElement>,
): Uint8Array {
  if (datatype === "INT64" || datatype === "UINT64") {
    const array = new arrayClasses[datatype](values.length);
    for (let i = 0; i < values.length; i++) array[i] = integerElement(name, datatype, values[i], i);
    return new Uint8Array(array.buffer);
  }
  const array = new arrayClasses[datatype](values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (datatype === "FP16" || datatype === "FP32" || datatype === "FP64") {
      array[i] = typeof value === "number" ? value : refuse(name, value, i, `${datatype} takes a number`);
    } else array[i] = Number(integerElement(name, datatype, value, i));
  }
  return new Uint8Array(array.buffer);
}

function integerElement(
  name: string,
  datatype: keyof typeof integerRanges,
  value: TensorElement | undefined,
  index: number,
): bigint {
  const [min, max] = integerRanges[datatype];
  const isInteger = typeof value === "bigint" || Number.isSafeInteger(value);
  const integer = isInteger ? BigInt(value as number | bigint) : undefined; // both kinds were just checked
  if (integer === undefined || integer < min || integer > max) {
    return refuse(name, value, index, `${datatype} takes an integer from ${min} to ${max}`);
  }
  return integer;
}

function bytesElement(name: string, value: TensorElement, index: number): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === "string") return new TextEncoder().encode(value);
  return refuse(name, value, index, "BYTES takes text or bytes");
}

function refuse(name: string, value: unknown, index: number, allowed: string): never {
  const shown = typeof value === "string" ? JSON.stringify(value) : String(value);
  throw new InferenceError("invalid", `element ${index} of tensor '${name}' is ${shown}, but ${allowed}`);
}

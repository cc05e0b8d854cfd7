import { joinBytes, readTensor } from "../client/tensor-values.ts";
import { elementCount, formatShape, type Tensor } from "../tensor.ts";
import {
  decodeNpyHeader,
  decodeNpyText,
  encodeNpyHeader,
  isNpy,
  npyElement,
  npyError,
  npyTypeCodes,
} from "../training/npy-format.ts";

/**
 * The array of an NPY file as a tensor without a name. Arrays in Fortran order are brought into row-major order.
 * @throws InferenceError "invalid" for a broken file, or an element type that has no datatype here (big-endian, complex, objects, records).
 */
export function decodeNpy(bytes: Uint8Array): Tensor {
  if (!isNpy(bytes)) throw npyError("the file does not begin with the magic bytes of an NPY file");
  const { descr, isFortranOrder, shape, dataOffset } = decodeNpyHeader(bytes);
  const element = npyElement(descr);
  const count = elementCount(shape);
  const body = bytes.subarray(dataOffset);
  if (Number.isNaN(count) || body.byteLength !== count * element.bytes) {
    throw npyError(
      `an array ${descr} ${formatShape(shape)} takes ${count * element.bytes} bytes, the file holds ${body.byteLength}`,
    );
  }
  const data = isFortranOrder ? toRowMajor(body, shape, element.bytes) : body;
  if (element.datatype !== "BYTES") return { name: "", datatype: element.datatype, shape, data };
  const elements = Array.from({ length: count }, (_, i) =>
    decodeNpyText(data.subarray(i * element.bytes, (i + 1) * element.bytes), element.isUnicode),
  );
  return { name: "", datatype: "BYTES", shape, data: joinBytes(elements) };
}

/** A tensor as an NPY file, version 1 or, with a header beyond 64 KiB, 2. BYTES become `U` where all are UTF-8, else `S`. */
export function encodeNpy(tensor: Tensor): Uint8Array {
  if (tensor.datatype !== "BYTES")
    return concat(encodeNpyHeader(npyTypeCodes[tensor.datatype], tensor.shape), tensor.data);
  const elements = readTensor(tensor) as readonly Uint8Array[]; // BYTES reads as one array of bytes each
  const texts = elements.map(decodeUtf8);
  if (texts.every((text) => text !== undefined)) {
    const codePoints = texts.map((text) => Array.from(text, (character) => character.codePointAt(0) ?? 0));
    const width = codePoints.reduce((most, { length }) => Math.max(most, length), 1);
    const body = new Uint32Array(width * codePoints.length);
    codePoints.forEach((characters, i) => {
      body.set(characters, i * width);
    });
    return concat(encodeNpyHeader(`<U${width}`, tensor.shape), new Uint8Array(body.buffer));
  }
  const width = elements.reduce((most, { byteLength }) => Math.max(most, byteLength), 1);
  const body = new Uint8Array(width * elements.length);
  elements.forEach((element, i) => {
    body.set(element, i * width);
  });
  return concat(encodeNpyHeader(`|S${width}`, tensor.shape), body);
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Elements of an array whose first index runs fastest, in the order whose last index does. */
function toRowMajor(body: Uint8Array, shape: readonly number[], itemSize: number): Uint8Array {
  const result = new Uint8Array(body.byteLength);
  const index = shape.map(() => 0);
  for (let to = 0; to < body.byteLength; to += itemSize) {
    let from = 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) from = from * (shape[axis] ?? 0) + (index[axis] ?? 0);
    result.set(body.subarray(from * itemSize, (from + 1) * itemSize), to);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = (index[axis] ?? 0) + 1;
      if ((index[axis] ?? 0) < (shape[axis] ?? 0)) break;
      index[axis] = 0;
    }
  }
  return result;
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(a.byteLength + b.byteLength);
  bytes.set(a);
  bytes.set(b, a.byteLength);
  return bytes;
}

import { type Datatype, elementCount, formatShape, itemBytes, type Tensor } from "../tensor.ts";

/** Rows of one input, one after the other, as a batch. They agree in everything but their number of rows. */
export function concatRows(rows: readonly Tensor[]): Tensor {
  const [first] = rows;
  if (first === undefined) throw new RangeError("no rows to concatenate");
  const count = rows.reduce((sum, row) => sum + (row.shape[0] ?? 0), 0);
  return { ...first, shape: [count, ...first.shape.slice(1)], data: Buffer.concat(rows.map(({ data }) => data)) };
}

/**
 * The rows of a batch, each with a leading dimension of 1.
 * @throws RangeError when the tensor does not have so many rows, or its bytes do not fit its shape.
 */
export function splitRows(tensor: Tensor, count: number): Tensor[] {
  if (tensor.shape[0] !== count) {
    throw new RangeError(`has shape ${formatShape(tensor.shape)} where ${count} rows were put in`);
  }
  const shape = [1, ...tensor.shape.slice(1)];
  const elements = elementCount(shape);
  let position = 0;
  return Array.from({ length: count }, () => {
    const length = dataLength(tensor, position, elements);
    const data = tensor.data.subarray(position, position + length);
    if (data.length !== length) throw new RangeError(`holds fewer bytes than shape ${formatShape(tensor.shape)} needs`);
    position += length;
    return { ...tensor, shape, data };
  });
}

/** Bytes of so many elements that begin at a position. */
function dataLength({ datatype, data }: Tensor, position: number, elements: number): number {
  if (datatype !== "BYTES") return elements * itemBytes(datatype);
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  let end = position;
  for (let i = 0; i < elements && end + 4 <= bytes.length; i++) end += 4 + bytes.readUInt32LE(end);
  return end - position;
}

/** How far two answers may differ where their arithmetic was done in another order. */
export interface Tolerance {
  readonly absolute: number;
  readonly relative: number;
}

/**
 * What differs between an answer and the one expected; undefined when nothing does. Floating-point numbers may differ by
 * `absolute + relative * |expected|`, NaN equals NaN; all else must be equal.
 */
export function differenceOf(actual: Tensor, expected: Tensor, tolerance: Tolerance): string | undefined {
  if (actual.datatype !== expected.datatype) return `has datatype ${actual.datatype}, expected ${expected.datatype}`;
  if (formatShape(actual.shape) !== formatShape(expected.shape)) {
    return `has shape ${formatShape(actual.shape)}, expected ${formatShape(expected.shape)}`;
  }
  const read = floatReader(actual.datatype);
  if (read === undefined) return Buffer.compare(actual.data, expected.data) === 0 ? undefined : "has another value";
  const size = itemBytes(actual.datatype);
  const [actualView, expectedView] = [viewOf(actual.data), viewOf(expected.data)];
  for (let i = 0; i < expected.data.length / size; i++) {
    const [x, y] = [read(actualView, i * size), read(expectedView, i * size)];
    const isClose = Object.is(x, y) || Math.abs(x - y) <= tolerance.absolute + tolerance.relative * Math.abs(y);
    if (!isClose) return `has ${x} at element ${i}, expected ${y}`;
  }
  return undefined;
}

function viewOf(data: Uint8Array): DataView {
  return new DataView(data.buffer, data.byteOffset, data.byteLength);
}

function floatReader(datatype: Datatype): ((view: DataView, offset: number) => number) | undefined {
  switch (datatype) {
    case "FP16":
      return (view, offset) => view.getFloat16(offset, true);
    case "FP32":
      return (view, offset) => view.getFloat32(offset, true);
    case "FP64":
      return (view, offset) => view.getFloat64(offset, true);
    default:
      return undefined;
  }
}

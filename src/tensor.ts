/**
 * Tensors as they travel: a datatype, a shape and raw bytes in KServe's layout (row-major, little-endian, no padding; BYTES
 * elements each preceded by a uint32 length). No element is ever converted on the way from the client to ONNX Runtime.
 */

/** Bytes of one element; 0 for BYTES, whose elements vary. */
const bytesOfItem = {
  BOOL: 1,
  UINT8: 1,
  UINT16: 2,
  UINT32: 4,
  UINT64: 8,
  INT8: 1,
  INT16: 2,
  INT32: 4,
  INT64: 8,
  FP16: 2,
  FP32: 4,
  FP64: 8,
  BYTES: 0,
} as const;

/** The KServe datatypes that sluice serves. BF16 exists in the protocol, but ONNX Runtime's Node binding cannot carry it. */
export type Datatype = keyof typeof bytesOfItem;

/** All served datatypes in a fixed order; an index into it is a datatype's number in frames. */
export const datatypes = Object.keys(bytesOfItem) as readonly Datatype[]; // the keys are exactly the union

export interface Tensor {
  readonly name: string;
  readonly datatype: Datatype;
  /** Every dimension is a non-negative safe integer; empty for a scalar. Includes the batch dimension if the model has one. */
  readonly shape: readonly number[];
  /**
   * The elements in raw layout. A view: it may lie unaligned inside a received message, so reading elements through a typed
   * array needs a copy first. Owned by whoever owns the message; nobody writes to it.
   */
  readonly data: Uint8Array;
}

export function isDatatype(name: string): name is Datatype {
  return Object.hasOwn(bytesOfItem, name);
}

/** Bytes of one element of a datatype, 0 for BYTES. */
export function itemBytes(datatype: Datatype): number {
  return bytesOfItem[datatype];
}

/**
 * The number of elements of a shape: 1 for a scalar, 0 when a dimension is 0. NaN when a dimension is negative or no safe integer, or
 * when the product leaves the safe integers, so that a crafted shape cannot overflow into a plausible size.
 */
export function elementCount(shape: readonly number[]): number {
  let count = 1;
  let isZero = false;
  for (let i = 0; i < shape.length; i++) {
    const dimension = shape[i] as number; // i is below length
    if (!(dimension >= 0) || !Number.isSafeInteger(dimension)) return Number.NaN;
    if (dimension === 0) isZero = true;
    else count *= dimension;
    if (count > Number.MAX_SAFE_INTEGER) return Number.NaN;
  }
  return isZero ? 0 : count;
}

/** A shape as Triton prints it: `[2,3]`. */
export function formatShape(shape: readonly (number | bigint)[]): string {
  return `[${shape.join(",")}]`;
}

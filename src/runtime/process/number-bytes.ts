import { type Datatype, itemBytes } from "../../tensor.ts";

type WriteNumber = (view: DataView, index: number, value: number) => void;

/** BYTES elements are no numbers. */
type NumberType = Exclude<Datatype, "BYTES">;

const writers: Readonly<Record<NumberType, WriteNumber>> = {
  BOOL: (view, i, value) => view.setUint8(i, value === 0 ? 0 : 1),
  UINT8: (view, i, value) => view.setUint8(i, value),
  UINT16: (view, i, value) => view.setUint16(2 * i, value, true),
  UINT32: (view, i, value) => view.setUint32(4 * i, value, true),
  UINT64: (view, i, value) => view.setBigUint64(8 * i, BigInt(Math.trunc(value)), true),
  INT8: (view, i, value) => view.setInt8(i, value),
  INT16: (view, i, value) => view.setInt16(2 * i, value, true),
  INT32: (view, i, value) => view.setInt32(4 * i, value, true),
  INT64: (view, i, value) => view.setBigInt64(8 * i, BigInt(Math.trunc(value)), true),
  FP16: (view, i, value) => view.setFloat16(2 * i, value, true),
  FP32: (view, i, value) => view.setFloat32(4 * i, value, true),
  FP64: (view, i, value) => view.setFloat64(8 * i, value, true),
};

/** Numbers in the raw layout of a datatype; BYTES: no bytes, since it has no numbers. Zeros need not be listed: what is missing is zero. */
export function encodeNumbers(datatype: Datatype, values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * itemBytes(datatype));
  if (datatype === "BYTES") return bytes;
  const write = writers[datatype];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0; i < values.length; i++) write(view, i, values[i] ?? 0);
  return bytes;
}

/** What JavaScript has for elements of the numeric datatypes, in the layout of a tensor's raw bytes. */
export type NumericArray =
  | Float16Array
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array;

/** The class of each numeric datatype. Not for runtime processes: they have no `Float16Array` (src/runtime/process/session.ts). */
export const arrayClasses = {
  FP16: Float16Array,
  FP32: Float32Array,
  FP64: Float64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
} as const;

import type { Datatype } from "../tensor.ts";

/** One of ONNX's element types. */
export interface OnnxDatatype {
  readonly name: string;
  /** Bits of one element in raw_data; 0 for strings, which never lie there. */
  readonly bits: number;
  /** The typed field of TensorProto that holds such elements when raw_data is not set. */
  readonly field: "float_data" | "int32_data" | "string_data" | "int64_data" | "double_data" | "uint64_data";
  /** Entries of the typed field for one element (2 for complex numbers, a fraction for packed types). Absent: 1. */
  readonly entriesPerElement?: number;
  /** The KServe datatype that carries it; absent: such a tensor cannot be served. */
  readonly served?: Datatype;
}

/** TensorProto.DataType by number, 1 to 26. */
const onnxDatatypes: readonly (OnnxDatatype | undefined)[] = [
  undefined,
  { name: "FLOAT", bits: 32, field: "float_data", served: "FP32" },
  { name: "UINT8", bits: 8, field: "int32_data", served: "UINT8" },
  { name: "INT8", bits: 8, field: "int32_data", served: "INT8" },
  { name: "UINT16", bits: 16, field: "int32_data", served: "UINT16" },
  { name: "INT16", bits: 16, field: "int32_data", served: "INT16" },
  { name: "INT32", bits: 32, field: "int32_data", served: "INT32" },
  { name: "INT64", bits: 64, field: "int64_data", served: "INT64" },
  { name: "STRING", bits: 0, field: "string_data", served: "BYTES" },
  { name: "BOOL", bits: 8, field: "int32_data", served: "BOOL" },
  { name: "FLOAT16", bits: 16, field: "int32_data", served: "FP16" },
  { name: "DOUBLE", bits: 64, field: "double_data", served: "FP64" },
  { name: "UINT32", bits: 32, field: "uint64_data", served: "UINT32" },
  { name: "UINT64", bits: 64, field: "uint64_data", served: "UINT64" },
  { name: "COMPLEX64", bits: 64, field: "float_data", entriesPerElement: 2 },
  { name: "COMPLEX128", bits: 128, field: "double_data", entriesPerElement: 2 },
  { name: "BFLOAT16", bits: 16, field: "int32_data" },
  { name: "FLOAT8E4M3FN", bits: 8, field: "int32_data" },
  { name: "FLOAT8E4M3FNUZ", bits: 8, field: "int32_data" },
  { name: "FLOAT8E5M2", bits: 8, field: "int32_data" },
  { name: "FLOAT8E5M2FNUZ", bits: 8, field: "int32_data" },
  { name: "UINT4", bits: 4, field: "int32_data", entriesPerElement: 1 / 2 },
  { name: "INT4", bits: 4, field: "int32_data", entriesPerElement: 1 / 2 },
  { name: "FLOAT4E2M1", bits: 4, field: "int32_data", entriesPerElement: 1 / 2 },
  { name: "FLOAT8E8M0", bits: 8, field: "int32_data" },
  { name: "UINT2", bits: 2, field: "int32_data", entriesPerElement: 1 / 4 },
  { name: "INT2", bits: 2, field: "int32_data", entriesPerElement: 1 / 4 },
];

/** The element type of a number in TensorProto.data_type or elem_type; undefined for 0, absent and unknown ones. */
export function onnxDatatype(number: number | undefined): OnnxDatatype | undefined {
  return number === undefined ? undefined : onnxDatatypes[number];
}

/** The number of ONNX's element type that carries a KServe datatype. */
export function onnxDatatypeNumber(datatype: Datatype): number {
  return onnxDatatypes.findIndex((candidate) => candidate?.served === datatype);
}

/** Bytes that `elements` elements take in raw_data. The last byte of packed 4-bit and 2-bit types may be part filled. */
export function rawBytes(datatype: OnnxDatatype, elements: number): number {
  return Math.ceil((elements * datatype.bits) / 8);
}

import type Long from "long";

/**
 * The messages of the ONNX file format as decoded objects; what each field means stands in proto/onnx/onnx.proto. Only the messages and
 * fields that sluice reads or writes are spelt out: every other field, known or unknown, is kept on the object all the same and written
 * back. A field that is not in the file reads as 0, "", or null for a message; whether it was there, `Object.hasOwn` tells. A repeated
 * one reads as an empty array that all messages share: assign a new array instead of pushing to it.
 */
export interface OnnxModel {
  ir_version?: Long;
  opset_import: OnnxOpset[];
  producer_name?: string;
  producer_version?: string;
  domain?: string;
  model_version?: Long;
  doc_string?: string;
  graph?: OnnxGraph | null;
  metadata_props: OnnxStringEntry[];
  training_info: { initialization?: OnnxGraph | null; algorithm?: OnnxGraph | null }[];
  functions: OnnxFunction[];
}

export interface OnnxOpset {
  domain?: string;
  version?: Long;
}

export interface OnnxStringEntry {
  key?: string;
  value?: string;
}

export interface OnnxGraph {
  name?: string;
  node: OnnxNode[];
  initializer: OnnxTensor[];
  sparse_initializer: OnnxSparseTensor[];
  input: OnnxValueInfo[];
  output: OnnxValueInfo[];
  value_info: OnnxValueInfo[];
}

export interface OnnxNode {
  /** An empty name is an omitted optional input or output. */
  input: string[];
  output: string[];
  name?: string;
  op_type?: string;
  domain?: string;
  overload?: string;
  attribute: OnnxAttribute[];
}

export interface OnnxAttribute {
  name?: string;
  type?: number;
  f?: number;
  i?: Long;
  s?: Uint8Array;
  t?: OnnxTensor | null;
  g?: OnnxGraph | null;
  sparse_tensor?: OnnxSparseTensor | null;
  floats: number[];
  ints: Long[];
  strings: Uint8Array[];
  tensors: OnnxTensor[];
  graphs: OnnxGraph[];
  sparse_tensors: OnnxSparseTensor[];
}

export interface OnnxTensor {
  name?: string;
  dims: Long[];
  data_type?: number;
  float_data: number[];
  int32_data: number[];
  string_data: Uint8Array[];
  int64_data: Long[];
  double_data: number[];
  uint64_data: Long[];
  /** A view on the file's bytes after decoding. */
  raw_data?: Uint8Array;
  external_data: OnnxStringEntry[];
  /** 0 or absent: in this message; 1: in the file that external_data names. */
  data_location?: number;
}

export interface OnnxSparseTensor {
  values?: OnnxTensor | null;
  indices?: OnnxTensor | null;
  dims: Long[];
}

export interface OnnxValueInfo {
  name?: string;
  type?: OnnxType | null;
}

export interface OnnxType {
  tensor_type?: { elem_type?: number; shape?: { dim: OnnxDimension[] } | null } | null;
  sequence_type?: { elem_type?: OnnxType | null } | null;
  map_type?: { key_type?: number; value_type?: OnnxType | null } | null;
  optional_type?: { elem_type?: OnnxType | null } | null;
  sparse_tensor_type?: { elem_type?: number } | null;
  opaque_type?: { domain?: string; name?: string } | null;
}

export interface OnnxDimension {
  dim_value?: Long;
  dim_param?: string;
}

export interface OnnxFunction {
  name?: string;
  domain?: string;
  overload?: string;
  input: string[];
  output: string[];
  node: OnnxNode[];
  opset_import: OnnxOpset[];
}

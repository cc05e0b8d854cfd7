/**
 * What the package `onnx` has to look like: the messages of the ONNX file format, field by field.
 *
 * A field is written `name=number type`, with `in oneof` behind it where it belongs to one; fields stand in the order of their
 * numbers. Names are relative to the package.
 *
 * Where the tables come from: they were written out of proto/, and proto/ was then compared item by item (names,
 * numbers, types, oneofs) with the descriptors that the Python package onnx 1.23.2 ships: the only differences are
 * meant: `type` and `data_location` are int32 here, and the values of `Version` have names of our own. By themselves
 * they only notice a change; whoever changes one compares anew.
 */
/** Every message. */
export const onnxMessages: Readonly<Record<string, string>> = {
  ModelProto:
    "ir_version=1 int64, producer_name=2 string, producer_version=3 string, domain=4 string, model_version=5 int64, doc_string=6 string, graph=7 GraphProto, opset_import=8 repeated OperatorSetIdProto, metadata_props=14 repeated StringStringEntryProto, training_info=20 repeated TrainingInfoProto, functions=25 repeated FunctionProto, configuration=26 repeated DeviceConfigurationProto",
  GraphProto:
    "node=1 repeated NodeProto, name=2 string, initializer=5 repeated TensorProto, doc_string=10 string, input=11 repeated ValueInfoProto, output=12 repeated ValueInfoProto, value_info=13 repeated ValueInfoProto, quantization_annotation=14 repeated TensorAnnotation, sparse_initializer=15 repeated SparseTensorProto, metadata_props=16 repeated StringStringEntryProto",
  NodeProto:
    "input=1 repeated string, output=2 repeated string, name=3 string, op_type=4 string, attribute=5 repeated AttributeProto, doc_string=6 string, domain=7 string, overload=8 string, metadata_props=9 repeated StringStringEntryProto, device_configurations=10 repeated NodeDeviceConfigurationProto",
  AttributeProto:
    "name=1 string, f=2 float, i=3 int64, s=4 bytes, t=5 TensorProto, g=6 GraphProto, floats=7 repeated float, ints=8 repeated int64, strings=9 repeated bytes, tensors=10 repeated TensorProto, graphs=11 repeated GraphProto, doc_string=13 string, tp=14 TypeProto, type_protos=15 repeated TypeProto, type=20 int32, ref_attr_name=21 string, sparse_tensor=22 SparseTensorProto, sparse_tensors=23 repeated SparseTensorProto",
  ValueInfoProto:
    "name=1 string, type=2 TypeProto, doc_string=3 string, metadata_props=4 repeated StringStringEntryProto",
  TensorProto:
    "dims=1 repeated int64, data_type=2 int32, segment=3 TensorProto.Segment, float_data=4 repeated float, int32_data=5 repeated int32, string_data=6 repeated bytes, int64_data=7 repeated int64, name=8 string, raw_data=9 bytes, double_data=10 repeated double, uint64_data=11 repeated uint64, doc_string=12 string, external_data=13 repeated StringStringEntryProto, data_location=14 int32, metadata_props=16 repeated StringStringEntryProto",
  "TensorProto.Segment": "begin=1 int64, end=2 int64",
  SparseTensorProto: "values=1 TensorProto, indices=2 TensorProto, dims=3 repeated int64",
  TensorShapeProto: "dim=1 repeated TensorShapeProto.Dimension",
  "TensorShapeProto.Dimension": "dim_value=1 int64 in value, dim_param=2 string in value, denotation=3 string",
  TypeProto:
    "tensor_type=1 TypeProto.Tensor in value, sequence_type=4 TypeProto.Sequence in value, map_type=5 TypeProto.Map in value, denotation=6 string, opaque_type=7 TypeProto.Opaque in value, sparse_tensor_type=8 TypeProto.SparseTensor in value, optional_type=9 TypeProto.Optional in value",
  "TypeProto.Tensor": "elem_type=1 int32, shape=2 TensorShapeProto",
  "TypeProto.Sequence": "elem_type=1 TypeProto",
  "TypeProto.Map": "key_type=1 int32, value_type=2 TypeProto",
  "TypeProto.Optional": "elem_type=1 TypeProto",
  "TypeProto.SparseTensor": "elem_type=1 int32, shape=2 TensorShapeProto",
  "TypeProto.Opaque": "domain=1 string, name=2 string",
  StringStringEntryProto: "key=1 string, value=2 string",
  OperatorSetIdProto: "domain=1 string, version=2 int64",
  TensorAnnotation: "tensor_name=1 string, quant_parameter_tensor_names=2 repeated StringStringEntryProto",
  FunctionProto:
    "name=1 string, input=4 repeated string, output=5 repeated string, attribute=6 repeated string, node=7 repeated NodeProto, doc_string=8 string, opset_import=9 repeated OperatorSetIdProto, domain=10 string, attribute_proto=11 repeated AttributeProto, value_info=12 repeated ValueInfoProto, overload=13 string, metadata_props=14 repeated StringStringEntryProto",
  TrainingInfoProto:
    "initialization=1 GraphProto, algorithm=2 GraphProto, initialization_binding=3 repeated StringStringEntryProto, update_binding=4 repeated StringStringEntryProto",
  DeviceConfigurationProto: "name=1 string, num_devices=2 int32, device=3 repeated string",
  NodeDeviceConfigurationProto:
    "configuration_id=1 string, sharding_spec=2 repeated ShardingSpecProto, pipeline_stage=3 int32",
  ShardingSpecProto:
    "tensor_name=1 string, device=2 repeated int64, index_to_device_group_map=3 repeated IntIntListEntryProto, sharded_dim=4 repeated ShardedDimProto",
  ShardedDimProto: "axis=1 int64, simple_sharding=2 repeated SimpleShardedDimProto",
  SimpleShardedDimProto: "dim_value=1 int64 in dim, dim_param=2 string in dim, num_shards=3 int64",
  IntIntListEntryProto: "key=1 int64, value=2 repeated int64",
};

/** Every enum whose names tools use. */
export const onnxEnums: Readonly<Record<string, string>> = {
  "AttributeProto.AttributeType":
    "UNDEFINED=0, FLOAT=1, INT=2, STRING=3, TENSOR=4, GRAPH=5, FLOATS=6, INTS=7, STRINGS=8, TENSORS=9, GRAPHS=10, SPARSE_TENSOR=11, SPARSE_TENSORS=12, TYPE_PROTO=13, TYPE_PROTOS=14",
  "TensorProto.DataType":
    "UNDEFINED=0, FLOAT=1, UINT8=2, INT8=3, UINT16=4, INT16=5, INT32=6, INT64=7, STRING=8, BOOL=9, FLOAT16=10, DOUBLE=11, UINT32=12, UINT64=13, COMPLEX64=14, COMPLEX128=15, BFLOAT16=16, FLOAT8E4M3FN=17, FLOAT8E4M3FNUZ=18, FLOAT8E5M2=19, FLOAT8E5M2FNUZ=20, UINT4=21, INT4=22, FLOAT4E2M1=23, FLOAT8E8M0=24, UINT2=25, INT2=26, FLOAT6E2M3=27, FLOAT6E3M2=28",
  "TensorProto.DataLocation": "DEFAULT=0, EXTERNAL=1",
  Version:
    "VERSION_UNSPECIFIED=0, VERSION_1=1, VERSION_2=2, VERSION_3=3, VERSION_4=4, VERSION_5=5, VERSION_6=6, VERSION_7=7, VERSION_8=8, VERSION_9=9, VERSION_10=10, VERSION_11=11, VERSION_12=12, VERSION_13=13, VERSION_14=14",
  OperatorStatus: "EXPERIMENTAL=0, STABLE=1",
};

/**
 * What the package `inference` has to look like: Triton's messages, field by field.
 *
 * A field is written `name=number type`, with `in oneof` behind it where it belongs to one; fields stand in the order of their
 * numbers. Names are relative to the package.
 *
 * Where the tables come from: they were written out of proto/, and proto/ was then compared item by item (names,
 * numbers, types, oneofs) with the descriptors that tritonclient 2.73.0 ships: no difference. By themselves they only
 * notice a change; whoever changes one compares anew.
 */
/** Every message. */
export const inferenceMessages: Readonly<Record<string, string>> = {
  ModelRateLimiter: "resources=1 repeated ModelRateLimiter.Resource, priority=2 uint32",
  "ModelRateLimiter.Resource": "name=1 string, global=2 bool, count=3 uint32",
  ModelInstanceGroup:
    "name=1 string, count=2 int32, gpus=3 repeated int32, kind=4 ModelInstanceGroup.Kind, profile=5 repeated string, rate_limiter=6 ModelRateLimiter, passive=7 bool, secondary_devices=8 repeated ModelInstanceGroup.SecondaryDevice, host_policy=9 string",
  "ModelInstanceGroup.SecondaryDevice":
    "kind=1 ModelInstanceGroup.SecondaryDevice.SecondaryDeviceKind, device_id=2 int64",
  ModelTensorReshape: "shape=1 repeated int64",
  ModelInput:
    "name=1 string, data_type=2 DataType, format=3 ModelInput.Format, dims=4 repeated int64, reshape=5 ModelTensorReshape, is_shape_tensor=6 bool, allow_ragged_batch=7 bool, optional=8 bool, is_non_linear_format_io=9 bool",
  ModelOutput:
    "name=1 string, data_type=2 DataType, dims=3 repeated int64, label_filename=4 string, reshape=5 ModelTensorReshape, is_shape_tensor=6 bool, is_non_linear_format_io=7 bool",
  BatchInput:
    "kind=1 BatchInput.Kind, target_name=2 repeated string, data_type=3 DataType, source_input=4 repeated string",
  BatchOutput: "target_name=1 repeated string, kind=2 BatchOutput.Kind, source_input=3 repeated string",
  ModelVersionPolicy:
    "latest=1 ModelVersionPolicy.Latest in policy_choice, all=2 ModelVersionPolicy.All in policy_choice, specific=3 ModelVersionPolicy.Specific in policy_choice",
  "ModelVersionPolicy.Latest": "num_versions=1 uint32",
  "ModelVersionPolicy.All": "",
  "ModelVersionPolicy.Specific": "versions=1 repeated int64",
  ModelOptimizationPolicy:
    "graph=1 ModelOptimizationPolicy.Graph, priority=2 ModelOptimizationPolicy.ModelPriority, cuda=3 ModelOptimizationPolicy.Cuda, execution_accelerators=4 ModelOptimizationPolicy.ExecutionAccelerators, input_pinned_memory=5 ModelOptimizationPolicy.PinnedMemoryBuffer, output_pinned_memory=6 ModelOptimizationPolicy.PinnedMemoryBuffer, gather_kernel_buffer_threshold=7 uint32, eager_batching=8 bool",
  "ModelOptimizationPolicy.Graph": "level=1 int32",
  "ModelOptimizationPolicy.Cuda":
    "graphs=1 bool, busy_wait_events=2 bool, graph_spec=3 repeated ModelOptimizationPolicy.Cuda.GraphSpec, output_copy_stream=4 bool",
  "ModelOptimizationPolicy.Cuda.GraphSpec":
    "batch_size=1 int32, input=2 map<string,ModelOptimizationPolicy.Cuda.GraphSpec.Shape>, graph_lower_bound=3 ModelOptimizationPolicy.Cuda.GraphSpec.LowerBound",
  "ModelOptimizationPolicy.Cuda.GraphSpec.Shape": "dim=1 repeated int64",
  "ModelOptimizationPolicy.Cuda.GraphSpec.LowerBound":
    "batch_size=1 int32, input=2 map<string,ModelOptimizationPolicy.Cuda.GraphSpec.Shape>",
  "ModelOptimizationPolicy.ExecutionAccelerators":
    "gpu_execution_accelerator=1 repeated ModelOptimizationPolicy.ExecutionAccelerators.Accelerator, cpu_execution_accelerator=2 repeated ModelOptimizationPolicy.ExecutionAccelerators.Accelerator",
  "ModelOptimizationPolicy.ExecutionAccelerators.Accelerator": "name=1 string, parameters=2 map<string,string>",
  "ModelOptimizationPolicy.PinnedMemoryBuffer": "enable=1 bool",
  ModelQueuePolicy:
    "timeout_action=1 ModelQueuePolicy.TimeoutAction, default_timeout_microseconds=2 uint64, allow_timeout_override=3 bool, max_queue_size=4 uint32",
  ModelDynamicBatching:
    "preferred_batch_size=1 repeated int32, max_queue_delay_microseconds=2 uint64, preserve_ordering=3 bool, priority_levels=4 uint64, default_priority_level=5 uint64, default_queue_policy=6 ModelQueuePolicy, priority_queue_policy=7 map<uint64,ModelQueuePolicy>",
  ModelSequenceBatching:
    "max_sequence_idle_microseconds=1 uint64, control_input=2 repeated ModelSequenceBatching.ControlInput, direct=3 ModelSequenceBatching.StrategyDirect in strategy_choice, oldest=4 ModelSequenceBatching.StrategyOldest in strategy_choice, state=5 repeated ModelSequenceBatching.State, iterative_sequence=6 bool",
  "ModelSequenceBatching.Control":
    "kind=1 ModelSequenceBatching.Control.Kind, int32_false_true=2 repeated int32, fp32_false_true=3 repeated float, data_type=4 DataType, bool_false_true=5 repeated bool",
  "ModelSequenceBatching.ControlInput": "name=1 string, control=2 repeated ModelSequenceBatching.Control",
  "ModelSequenceBatching.InitialState":
    "data_type=1 DataType, dims=2 repeated int64, zero_data=3 bool in state_data, data_file=4 string in state_data, name=5 string",
  "ModelSequenceBatching.State":
    "input_name=1 string, output_name=2 string, data_type=3 DataType, dims=4 repeated int64, initial_state=5 repeated ModelSequenceBatching.InitialState, use_same_buffer_for_input_output=6 bool, use_growable_memory=7 bool",
  "ModelSequenceBatching.StrategyDirect": "max_queue_delay_microseconds=1 uint64, minimum_slot_utilization=2 float",
  "ModelSequenceBatching.StrategyOldest":
    "max_candidate_sequences=1 int32, preferred_batch_size=2 repeated int32, max_queue_delay_microseconds=3 uint64, preserve_ordering=4 bool",
  ModelEnsembling: "step=1 repeated ModelEnsembling.Step, max_inflight_requests=2 uint32",
  "ModelEnsembling.Step":
    "model_name=1 string, model_version=2 int64, input_map=3 map<string,string>, output_map=4 map<string,string>, model_namespace=5 string",
  ModelParameter: "string_value=1 string",
  ModelWarmup: "name=1 string, batch_size=2 uint32, inputs=3 map<string,ModelWarmup.Input>, count=4 uint32",
  "ModelWarmup.Input":
    "data_type=1 DataType, dims=2 repeated int64, zero_data=3 bool in input_data_type, random_data=4 bool in input_data_type, input_data_file=5 string in input_data_type",
  ModelOperations: "op_library_filename=1 repeated string",
  ModelTransactionPolicy: "decoupled=1 bool",
  ModelRepositoryAgents: "agents=1 repeated ModelRepositoryAgents.Agent",
  "ModelRepositoryAgents.Agent": "name=1 string, parameters=2 map<string,string>",
  ModelResponseCache: "enable=1 bool",
  ModelMetrics: "metric_control=1 repeated ModelMetrics.MetricControl",
  "ModelMetrics.MetricControl":
    "metric_identifier=1 ModelMetrics.MetricControl.MetricIdentifier, histogram_options=2 ModelMetrics.MetricControl.HistogramOptions in metric_options",
  "ModelMetrics.MetricControl.MetricIdentifier": "family=1 string",
  "ModelMetrics.MetricControl.HistogramOptions": "buckets=1 repeated double",
  ModelConfig:
    "name=1 string, platform=2 string, version_policy=3 ModelVersionPolicy, max_batch_size=4 int32, input=5 repeated ModelInput, output=6 repeated ModelOutput, instance_group=7 repeated ModelInstanceGroup, default_model_filename=8 string, cc_model_filenames=9 map<string,string>, metric_tags=10 map<string,string>, dynamic_batching=11 ModelDynamicBatching in scheduling_choice, optimization=12 ModelOptimizationPolicy, sequence_batching=13 ModelSequenceBatching in scheduling_choice, parameters=14 map<string,ModelParameter>, ensemble_scheduling=15 ModelEnsembling in scheduling_choice, model_warmup=16 repeated ModelWarmup, backend=17 string, model_operations=18 ModelOperations, model_transaction_policy=19 ModelTransactionPolicy, batch_input=20 repeated BatchInput, batch_output=21 repeated BatchOutput, model_repository_agents=23 ModelRepositoryAgents, response_cache=24 ModelResponseCache, runtime=25 string, model_metrics=26 ModelMetrics",
  ServerLiveRequest: "",
  ServerLiveResponse: "live=1 bool",
  ServerReadyRequest: "",
  ServerReadyResponse: "ready=1 bool",
  ModelReadyRequest: "name=1 string, version=2 string",
  ModelReadyResponse: "ready=1 bool",
  ServerMetadataRequest: "",
  ServerMetadataResponse: "name=1 string, version=2 string, extensions=3 repeated string",
  ModelMetadataRequest: "name=1 string, version=2 string",
  ModelMetadataResponse:
    "name=1 string, versions=2 repeated string, platform=3 string, inputs=4 repeated ModelMetadataResponse.TensorMetadata, outputs=5 repeated ModelMetadataResponse.TensorMetadata",
  "ModelMetadataResponse.TensorMetadata": "name=1 string, datatype=2 string, shape=3 repeated int64",
  InferParameter:
    "bool_param=1 bool in parameter_choice, int64_param=2 int64 in parameter_choice, string_param=3 string in parameter_choice, double_param=4 double in parameter_choice, uint64_param=5 uint64 in parameter_choice",
  InferTensorContents:
    "bool_contents=1 repeated bool, int_contents=2 repeated int32, int64_contents=3 repeated int64, uint_contents=4 repeated uint32, uint64_contents=5 repeated uint64, fp32_contents=6 repeated float, fp64_contents=7 repeated double, bytes_contents=8 repeated bytes",
  ModelInferRequest:
    "model_name=1 string, model_version=2 string, id=3 string, parameters=4 map<string,InferParameter>, inputs=5 repeated ModelInferRequest.InferInputTensor, outputs=6 repeated ModelInferRequest.InferRequestedOutputTensor, raw_input_contents=7 repeated bytes",
  "ModelInferRequest.InferInputTensor":
    "name=1 string, datatype=2 string, shape=3 repeated int64, parameters=4 map<string,InferParameter>, contents=5 InferTensorContents",
  "ModelInferRequest.InferRequestedOutputTensor": "name=1 string, parameters=2 map<string,InferParameter>",
  ModelInferResponse:
    "model_name=1 string, model_version=2 string, id=3 string, parameters=4 map<string,InferParameter>, outputs=5 repeated ModelInferResponse.InferOutputTensor, raw_output_contents=6 repeated bytes",
  "ModelInferResponse.InferOutputTensor":
    "name=1 string, datatype=2 string, shape=3 repeated int64, parameters=4 map<string,InferParameter>, contents=5 InferTensorContents",
  ModelStreamInferResponse: "error_message=1 string, infer_response=2 ModelInferResponse",
  ModelConfigRequest: "name=1 string, version=2 string",
  ModelConfigResponse: "config=1 ModelConfig",
  ModelStatisticsRequest: "name=1 string, version=2 string",
  ModelStatisticsResponse: "model_stats=1 repeated ModelStatistics",
  StatisticDuration: "count=1 uint64, ns=2 uint64",
  InferStatistics:
    "success=1 StatisticDuration, fail=2 StatisticDuration, queue=3 StatisticDuration, compute_input=4 StatisticDuration, compute_infer=5 StatisticDuration, compute_output=6 StatisticDuration, cache_hit=7 StatisticDuration, cache_miss=8 StatisticDuration",
  InferResponseStatistics:
    "compute_infer=1 StatisticDuration, compute_output=2 StatisticDuration, success=3 StatisticDuration, fail=4 StatisticDuration, empty_response=5 StatisticDuration, cancel=6 StatisticDuration",
  InferBatchStatistics:
    "batch_size=1 uint64, compute_input=2 StatisticDuration, compute_infer=3 StatisticDuration, compute_output=4 StatisticDuration",
  MemoryUsage: "type=1 string, id=2 int64, byte_size=3 uint64",
  ModelStatistics:
    "name=1 string, version=2 string, last_inference=3 uint64, inference_count=4 uint64, execution_count=5 uint64, inference_stats=6 InferStatistics, batch_stats=7 repeated InferBatchStatistics, memory_usage=8 repeated MemoryUsage, response_stats=9 map<string,InferResponseStatistics>",
  ModelRepositoryParameter:
    "bool_param=1 bool in parameter_choice, int64_param=2 int64 in parameter_choice, string_param=3 string in parameter_choice, bytes_param=4 bytes in parameter_choice",
  RepositoryIndexRequest: "repository_name=1 string, ready=2 bool",
  RepositoryIndexResponse: "models=1 repeated RepositoryIndexResponse.ModelIndex",
  "RepositoryIndexResponse.ModelIndex": "name=1 string, version=2 string, state=3 string, reason=4 string",
  RepositoryModelLoadRequest:
    "repository_name=1 string, model_name=2 string, parameters=3 map<string,ModelRepositoryParameter>",
  RepositoryModelLoadResponse: "",
  RepositoryModelUnloadRequest:
    "repository_name=1 string, model_name=2 string, parameters=3 map<string,ModelRepositoryParameter>",
  RepositoryModelUnloadResponse: "",
  SystemSharedMemoryStatusRequest: "name=1 string",
  SystemSharedMemoryStatusResponse: "regions=1 map<string,SystemSharedMemoryStatusResponse.RegionStatus>",
  "SystemSharedMemoryStatusResponse.RegionStatus": "name=1 string, key=2 string, offset=3 uint64, byte_size=4 uint64",
  SystemSharedMemoryRegisterRequest: "name=1 string, key=2 string, offset=3 uint64, byte_size=4 uint64",
  SystemSharedMemoryRegisterResponse: "",
  SystemSharedMemoryUnregisterRequest: "name=1 string",
  SystemSharedMemoryUnregisterResponse: "",
  CudaSharedMemoryStatusRequest: "name=1 string",
  CudaSharedMemoryStatusResponse: "regions=1 map<string,CudaSharedMemoryStatusResponse.RegionStatus>",
  "CudaSharedMemoryStatusResponse.RegionStatus": "name=1 string, device_id=2 uint64, byte_size=3 uint64",
  CudaSharedMemoryRegisterRequest: "name=1 string, raw_handle=2 bytes, device_id=3 int64, byte_size=4 uint64",
  CudaSharedMemoryRegisterResponse: "",
  CudaSharedMemoryUnregisterRequest: "name=1 string",
  CudaSharedMemoryUnregisterResponse: "",
  TraceSettingRequest: "settings=1 map<string,TraceSettingRequest.SettingValue>, model_name=2 string",
  "TraceSettingRequest.SettingValue": "value=1 repeated string",
  TraceSettingResponse: "settings=1 map<string,TraceSettingResponse.SettingValue>",
  "TraceSettingResponse.SettingValue": "value=1 repeated string",
  LogSettingsRequest: "settings=1 map<string,LogSettingsRequest.SettingValue>",
  "LogSettingsRequest.SettingValue":
    "bool_param=1 bool in parameter_choice, uint32_param=2 uint32 in parameter_choice, string_param=3 string in parameter_choice",
  LogSettingsResponse: "settings=1 map<string,LogSettingsResponse.SettingValue>",
  "LogSettingsResponse.SettingValue":
    "bool_param=1 bool in parameter_choice, uint32_param=2 uint32 in parameter_choice, string_param=3 string in parameter_choice",
};

/** Every enum. */
export const inferenceEnums: Readonly<Record<string, string>> = {
  "ModelInstanceGroup.SecondaryDevice.SecondaryDeviceKind": "KIND_NVDLA=0",
  "ModelInstanceGroup.Kind": "KIND_AUTO=0, KIND_GPU=1, KIND_CPU=2, KIND_MODEL=3",
  "ModelInput.Format": "FORMAT_NONE=0, FORMAT_NHWC=1, FORMAT_NCHW=2",
  "BatchInput.Kind":
    "BATCH_ELEMENT_COUNT=0, BATCH_ACCUMULATED_ELEMENT_COUNT=1, BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO=2, BATCH_MAX_ELEMENT_COUNT_AS_SHAPE=3, BATCH_ITEM_SHAPE=4, BATCH_ITEM_SHAPE_FLATTEN=5",
  "BatchOutput.Kind": "BATCH_SCATTER_WITH_INPUT_SHAPE=0",
  "ModelOptimizationPolicy.ModelPriority": "PRIORITY_DEFAULT=0, PRIORITY_MAX=1, PRIORITY_MIN=2",
  "ModelQueuePolicy.TimeoutAction": "REJECT=0, DELAY=1",
  "ModelSequenceBatching.Control.Kind":
    "CONTROL_SEQUENCE_START=0, CONTROL_SEQUENCE_READY=1, CONTROL_SEQUENCE_END=2, CONTROL_SEQUENCE_CORRID=3",
  DataType:
    "TYPE_INVALID=0, TYPE_BOOL=1, TYPE_UINT8=2, TYPE_UINT16=3, TYPE_UINT32=4, TYPE_UINT64=5, TYPE_INT8=6, TYPE_INT16=7, TYPE_INT32=8, TYPE_INT64=9, TYPE_FP16=10, TYPE_FP32=11, TYPE_FP64=12, TYPE_STRING=13, TYPE_BF16=14",
};

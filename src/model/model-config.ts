/**
 * Triton's ModelConfig as plain data, with the field names of config.pbtxt; docs of each field: proto/inference/model_config.proto.
 * Enums are their names, int64 and uint64 are numbers.
 */
export interface ModelConfig {
  name?: string;
  platform?: string;
  backend?: string;
  default_model_filename?: string;
  /** Absent: nothing was written, so sluice may choose. A written 0 stays 0. */
  max_batch_size?: number;
  version_policy?: { latest?: { num_versions?: number }; all?: object; specific?: { versions?: number[] } };
  input?: ModelConfigInput[];
  output?: ModelConfigOutput[];
  instance_group?: ModelConfigInstanceGroup[];
  dynamic_batching?: ModelConfigDynamicBatching;
  sequence_batching?: ModelConfigSequenceBatching;
  ensemble_scheduling?: object;
  model_transaction_policy?: { decoupled?: boolean };
  model_warmup?: ModelConfigWarmup[];
  parameters?: Record<string, { string_value?: string }>;
  batch_input?: ModelConfigBatchInput[];
  batch_output?: ModelConfigBatchOutput[];
  optimization?: object;
  metric_tags?: Record<string, string>;
  [field: string]: unknown;
}

export interface ModelConfigInput {
  name?: string;
  data_type?: string;
  format?: string;
  dims?: number[];
  reshape?: { shape?: number[] };
  is_shape_tensor?: boolean;
  allow_ragged_batch?: boolean;
  optional?: boolean;
}

export interface ModelConfigOutput {
  name?: string;
  data_type?: string;
  dims?: number[];
  label_filename?: string;
  reshape?: { shape?: number[] };
  is_shape_tensor?: boolean;
}

export interface ModelConfigBatchInput {
  /** Absent: the first of the enum, BATCH_ELEMENT_COUNT. */
  kind?: string;
  target_name?: string[];
  data_type?: string;
  source_input?: string[];
}

export interface ModelConfigBatchOutput {
  /** Absent: the only one there is, BATCH_SCATTER_WITH_INPUT_SHAPE. */
  kind?: string;
  target_name?: string[];
  source_input?: string[];
}

export interface ModelConfigInstanceGroup {
  name?: string;
  count?: number;
  gpus?: number[];
  kind?: string;
}

export interface ModelConfigQueuePolicy {
  timeout_action?: "REJECT" | "DELAY";
  default_timeout_microseconds?: number;
  allow_timeout_override?: boolean;
  max_queue_size?: number;
}

export interface ModelConfigDynamicBatching {
  preferred_batch_size?: number[];
  max_queue_delay_microseconds?: number;
  preserve_ordering?: boolean;
  priority_levels?: number;
  default_priority_level?: number;
  default_queue_policy?: ModelConfigQueuePolicy;
  priority_queue_policy?: Record<string, ModelConfigQueuePolicy>;
}

export interface ModelConfigWarmup {
  name?: string;
  batch_size?: number;
  count?: number;
  inputs?: Record<
    string,
    { data_type?: string; dims?: number[]; zero_data?: boolean; random_data?: boolean; input_data_file?: string }
  >;
}

export interface ModelConfigSequenceBatching {
  max_sequence_idle_microseconds?: number;
  control_input?: ModelConfigControlInput[];
  /** Neither strategy written: this one. */
  direct?: { max_queue_delay_microseconds?: number; minimum_slot_utilization?: number };
  oldest?: {
    max_candidate_sequences?: number;
    preferred_batch_size?: number[];
    max_queue_delay_microseconds?: number;
    preserve_ordering?: boolean;
  };
  state?: ModelConfigState[];
  iterative_sequence?: boolean;
}

export interface ModelConfigControlInput {
  name?: string;
  control?: ModelConfigControl[];
}

export interface ModelConfigControl {
  /** Absent: the first of the enum, CONTROL_SEQUENCE_START. */
  kind?: string;
  int32_false_true?: number[];
  fp32_false_true?: number[];
  bool_false_true?: boolean[];
  data_type?: string;
}

export interface ModelConfigState {
  input_name?: string;
  output_name?: string;
  data_type?: string;
  dims?: number[];
  initial_state?: ModelConfigInitialState[];
  use_same_buffer_for_input_output?: boolean;
  use_growable_memory?: boolean;
}

export interface ModelConfigInitialState {
  name?: string;
  data_type?: string;
  dims?: number[];
  zero_data?: boolean;
  data_file?: string;
}

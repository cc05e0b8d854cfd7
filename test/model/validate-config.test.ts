import assert from "node:assert/strict";
import { test } from "node:test";
import { parseConfigText } from "../../src/model/config-text.ts";
import type { ModelConfig } from "../../src/model/model-config.ts";
import { modelParameters, resolveModelParameters } from "../../src/model/model-parameters.ts";
import { validateConfig } from "../../src/model/validate-config.ts";

const accepted: [string, string][] = [
  ["nothing at all", ""],
  [
    "its own name and backend",
    'name: "m" backend: "onnxruntime" platform: "onnxruntime_onnx" default_model_filename: "net.onnx"',
  ],
  ["dims of any length and of none", 'input { name: "x" data_type: TYPE_FP32 dims: [-1, 0, 3] }'],
  [
    "a reshape with variable lengths",
    'input { name: "x" data_type: TYPE_FP32 dims: [2, 4, -1, 6] reshape { shape: [8, -1, 1, 6] } }',
  ],
  ["a reshape to a single value", 'input { name: "x" data_type: TYPE_FP32 dims: [1] reshape { } }'],
  ["an image", 'input { name: "x" data_type: TYPE_UINT8 format: FORMAT_NHWC dims: [8, 8, 3] }'],
  ["preferred sizes before the maximum is known", "dynamic_batching { preferred_batch_size: [4, 128] }"],
  [
    "priorities",
    "dynamic_batching { priority_levels: 2 default_priority_level: 2 priority_queue_policy { key: 1 value { max_queue_size: 1 } } }",
  ],
  [
    "ordering with a time-out that rejects",
    "dynamic_batching { preserve_ordering: true default_queue_policy { default_timeout_microseconds: 5 } }",
  ],
  ["instances on two devices", "instance_group { kind: KIND_GPU count: 2 gpus: [0, 1] }"],
  ["switched off features", "model_transaction_policy { decoupled: false } response_cache { enable: false }"],
  [
    "hints for speed",
    "optimization { graph { level: 1 } input_pinned_memory { enable: true } execution_accelerators { gpu_execution_accelerator { name: 'cuda' } } }",
  ],
  ["foreign parameters", "parameters { key: 'intra_op_thread_count' value { string_value: '2' } }"],
  [
    "a warm-up",
    "input { name: 'x' data_type: TYPE_FP32 dims: 1 } model_warmup { batch_size: 1 inputs { key: 'x' value { data_type: TYPE_FP32 dims: 1 zero_data: true } } }",
  ],
];

for (const [what, text] of accepted) test(`accepted: ${what}`, () => validateConfig(parseConfigText(text), "m"));

const group = (text: string): string => `instance_group { ${text} }`;
const input = (text: string): string => `input { name: "x" ${text} }`;
const refused: [string, string, RegExp][] = [
  ["another name", 'name: "n"', /name is "n", expected the name of the model's folder, 'm'/],
  ["another backend", 'backend: "python"', /backend is "python", expected 'onnxruntime'/],
  ["another platform", 'platform: "tensorrt_plan"', /platform is "tensorrt_plan"/],
  ["a file elsewhere", 'default_model_filename: "../x.onnx"', /default_model_filename is "\.\.\/x\.onnx"/],
  ["a negative batch size", "max_batch_size: -1", /max_batch_size is -1, expected 0 or more/],
  ["a tensor without a name", "input { data_type: TYPE_FP32 }", /input\[0\] has no name/],
  ["a tensor listed twice", "output { name: 'y' } output { name: 'y' }", /output 'y' is listed twice/],
  ["a datatype nobody carries", input("data_type: TYPE_BF16"), /TYPE_BF16 cannot be served.*Node\.js binding/],
  ["an invalid datatype", input("data_type: TYPE_INVALID"), /data_type is "TYPE_INVALID"/],
  ["an impossible dimension", input("dims: [-2]"), /input 'x': dims is \[-2\]/],
  ["an image of two dimensions", input("format: FORMAT_NCHW dims: [3, 8]"), /three of them for FORMAT_NCHW/],
  [
    "a reshape of another size",
    input("dims: [4] reshape { shape: [2, 3] }"),
    /reshape \[2,3\] does not hold as many elements as dims \[4\]/,
  ],
  [
    "a reshape that moves a variable length",
    input("dims: [2, -1] reshape { shape: [-1, 2] }"),
    /does not hold as many/,
  ],
  ["no versions", "version_policy { specific { } }", /names no versions/],
  ["zero latest versions", "version_policy { latest { num_versions: 0 } }", /num_versions is 0/],
  ["KIND_MODEL", group("kind: KIND_MODEL"), /KIND_MODEL does not apply/],
  ["devices for the CPU", group("kind: KIND_CPU gpus: [0]"), /KIND_CPU with gpus \[0\]/],
  ["a device twice", group("gpus: [1, 1]"), /gpus is \[1,1\]/],
  ["too many instances", group("count: 1000"), /count is 1000, expected a number up to 256/],
  [
    "too many instances of several groups",
    "instance_group { count: 200 } instance_group { count: 57 }",
    /instance_group asks for 257 instances, expected at most 256/,
  ],
  ["too many instances on several devices", group("count: 129 gpus: [0, 1]"), /asks for 258 instances/],
  ["a profile", group("profile: ['0']"), /instance_group\.profile is not supported/],
  ["a passive instance", group("passive: true"), /instance_group\.passive/],
  [
    "a preferred size of 0",
    "dynamic_batching { preferred_batch_size: 0 }",
    /preferred_batch_size is 0, expected 1 or more/,
  ],
  [
    "a preferred size above the maximum",
    "max_batch_size: 4 dynamic_batching { preferred_batch_size: [2, 8] }",
    /is 8, expected at most max_batch_size \(4\)/,
  ],
  [
    "no default priority",
    "dynamic_batching { priority_levels: 3 }",
    /default_priority_level is 0, expected one of the priority_levels, 1 to 3/,
  ],
  [
    "a default priority above all",
    "dynamic_batching { priority_levels: 3 default_priority_level: 4 }",
    /default_priority_level is 4/,
  ],
  [
    "a policy for no level",
    "dynamic_batching { priority_levels: 1 default_priority_level: 1 priority_queue_policy { key: 2 value {} } }",
    /priority_queue_policy is 2, expected keys from 1/,
  ],
  [
    "a policy without levels",
    "dynamic_batching { priority_queue_policy { key: 1 value {} } }",
    /no keys without priority_levels/,
  ],
  [
    "ordering among priorities",
    "dynamic_batching { preserve_ordering: true priority_levels: 2 default_priority_level: 1 }",
    /at most 1 with preserve_ordering/,
  ],
  [
    "ordering with delays",
    "dynamic_batching { preserve_ordering: true default_queue_policy { timeout_action: DELAY default_timeout_microseconds: 1 } }",
    /DELAY.*preserve_ordering/,
  ],
  ["iterative sequences", "sequence_batching { iterative_sequence: true }", /iterative_sequence is not supported/],
  ["a control without a name", "sequence_batching { control_input { } }", /control tensor must have a name for m/],
  [
    "one tensor for two controls",
    'sequence_batching { control_input { name: "A" } control_input { name: "A" } }',
    /'A' is specified for multiple control kinds for m/,
  ],
  [
    "a control twice",
    'sequence_batching { control_input { name: "A" control { int32_false_true: [ 0, 1 ] } } control_input { name: "B" control { int32_false_true: [ 0, 1 ] } } }',
    /specifies multiple CONTROL_SEQUENCE_START tensors for m/,
  ],
  [
    "a control without values",
    'sequence_batching { control_input { name: "A" control { kind: CONTROL_SEQUENCE_READY } } }',
    /must specify either 'int32_false_true', 'fp32_false_true' or 'bool_false_true' for CONTROL_SEQUENCE_READY for m/,
  ],
  [
    "a control with values of two types",
    'sequence_batching { control_input { name: "A" control { int32_false_true: [ 0, 1 ] fp32_false_true: [ 0, 1 ] } } }',
    /specifies more than one from/,
  ],
  [
    "a control with three values",
    'sequence_batching { control_input { name: "A" control { fp32_false_true: [ 0, 1, 2 ] } } }',
    /'fp32_false_true' must have exactly 2 entries/,
  ],
  [
    "a correlation of floats",
    'sequence_batching { control_input { name: "A" control { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_FP32 } } }',
    /Allowed data types are TYPE_UINT64/,
  ],
  [
    "a correlation with values",
    'sequence_batching { control_input { name: "A" control { kind: CONTROL_SEQUENCE_CORRID bool_false_true: [ false, true ] } } }',
    /must not specify either/,
  ],
  [
    "a utilization above 1",
    "sequence_batching { direct { minimum_slot_utilization: 1.5 } }",
    /in range \(0.0, 1.0\] for m/,
  ],
  [
    "a preferred size of 0",
    "max_batch_size: 4 sequence_batching { oldest { preferred_batch_size: [ 0 ] } }",
    /preferred batch size must be positive for m/,
  ],
  [
    "a preferred size above max_batch_size",
    "max_batch_size: 4 sequence_batching { oldest { preferred_batch_size: [ 8 ] } }",
    /preferred batch size must be <= max batch size for m/,
  ],
  [
    "a state without an output",
    'sequence_batching { state { input_name: "S" data_type: TYPE_FP32 dims: [ 1 ] } }',
    /state\[0\] has no output_name/,
  ],
  [
    "an initial state of another length",
    'sequence_batching { state { input_name: "S" output_name: "T" data_type: TYPE_FP32 dims: [ 2 ] initial_state { name: "zero" data_type: TYPE_FP32 dims: [ 3 ] zero_data: true } } }',
    /'initial_state' dim for input name 'S' doesn't match 'state' dim description. 3 != 2/,
  ],
  [
    "an initial state of any length",
    'sequence_batching { state { input_name: "S" output_name: "T" data_type: TYPE_FP32 dims: [ -1 ] initial_state { name: "zero" data_type: TYPE_FP32 dims: [ -1 ] zero_data: true } } }',
    /contains variable dimensions/,
  ],
  [
    "an initial state from elsewhere",
    'sequence_batching { state { input_name: "S" output_name: "T" data_type: TYPE_FP32 dims: [ 1 ] initial_state { name: "file" data_type: TYPE_FP32 dims: [ 1 ] data_file: "../secret" } } }',
    /the name of a file in the folder 'initial_state'/,
  ],
  ["ensembles", "ensemble_scheduling { }", /ensemble_scheduling is not supported/],
  [
    "chunks beside decoupled: false",
    'model_transaction_policy { decoupled: false } parameters { key: "sluice_chunk_axis" value { string_value: "0" } }',
    /model_transaction_policy says decoupled: false/,
  ],
  [
    "ragged batches of an open size",
    input("allow_ragged_batch: true"),
    /a ragged batch needs a written max_batch_size/,
  ],
  ["shape tensors", input("is_shape_tensor: true"), /is_shape_tensor is not supported/],
  ["other memory formats", input("is_non_linear_format_io: true"), /is_non_linear_format_io is not supported/],
  ["a response cache", "response_cache { enable: true }", /response_cache is not supported/],
  ["libraries of operators", "model_operations { op_library_filename: 'x.so' }", /native code/],
  ["repository agents", "model_repository_agents { agents { name: 'x' } }", /repository agents/],
  ["files by compute capability", "cc_model_filenames { key: '7.5' value: 'x' }", /cc_model_filenames/],
  ["another runtime", "runtime: 'x'", /runtime is not supported/],
  ["metrics of its own", "model_metrics { metric_control { } }", /model_metrics/],
  [
    "another accelerator",
    "optimization { execution_accelerators { gpu_execution_accelerator { name: 'tensorrt' } } }",
    /sluice_device/,
  ],
  ["a warm-up without inputs", "model_warmup { name: 'w' }", /model_warmup\[0\] has no inputs/],
  [
    "a warm-up of an unknown input",
    "input { name: 'x' } model_warmup { inputs { key: 'xx' value { data_type: TYPE_FP32 zero_data: true } } }",
    /'xx' that the model does not have, did you mean 'x'\?/,
  ],
  ["a warm-up without data", "model_warmup { inputs { key: 'x' value { data_type: TYPE_FP32 } } }", /states no data/],
  [
    "a warm-up above the maximum",
    "max_batch_size: 2 model_warmup { batch_size: 3 inputs { key: 'x' value { data_type: TYPE_FP32 zero_data: true } } }",
    /batch_size is 3, expected at most max_batch_size \(2\)/,
  ],
  [
    "an unknown parameter of ours",
    "parameters { key: 'sluice_prefech' value { string_value: '1' } }",
    /unknown parameter 'sluice_prefech', did you mean 'sluice_prefetch'\?/,
  ],
];

for (const [what, text, message] of refused) {
  test(`refused: ${what}`, () => {
    assert.throws(() => validateConfig(parseConfigText(text), "m"), { reason: "refused", message });
  });
}

const ours = (key: string, value: string): string => `parameters { key: '${key}' value { string_value: '${value}' } } `;

const refusedTogether: [string, string, RegExp][] = [
  [
    "a latency target beside a queue delay",
    `${ours("sluice_latency_target_ms", "20")} dynamic_batching { max_queue_delay_microseconds: 100 }`,
    /'sluice_latency_target_ms' stands beside dynamic_batching.max_queue_delay_microseconds \(100\), expected one of them/,
  ],
  ["a cost input without a limit", ours("sluice_cost_input", "x"), /'sluice_cost_input' needs 'sluice_max_batch_cost'/],
  [
    "ragged sequences",
    'sequence_batching { } input { name: "X" allow_ragged_batch: true dims: [ -1 ] }',
    /ragged batches and sequence_batching cannot be combined/,
  ],
  [
    "a batch limit of sequences",
    `sequence_batching { } ${ours("sluice_max_batch_elements", "9")}`,
    /'sluice_max_batch_elements' does not apply/,
  ],
  [
    "a cost limit without an input",
    ours("sluice_max_batch_cost", "9"),
    /'sluice_max_batch_cost' needs 'sluice_cost_input'/,
  ],
];

for (const [what, text, message] of refusedTogether) {
  test(`refused: ${what}`, () => {
    assert.throws(() => validateConfig(parseConfigText(text), "m"), { reason: "refused", message });
  });
}

const withParameter = (key: string, text: string): ModelConfig => ({ parameters: { [key]: { string_value: text } } });

const values: [string, string, object][] = [
  ["sluice_run_timeout_ms", "250", { runTimeoutMs: 250 }],
  ["sluice_prefetch", "1", { prefetch: 1 }],
  ["sluice_split_oversized", "false", { splitOversized: false }],
  ["sluice_max_queue_requests", "5", { maxQueueRequests: 5 }],
  ["sluice_max_queue_bytes", "1000", { maxQueueBytes: 1000 }],
  ["sluice_max_backlog_sequences", "0", { maxBacklogSequences: 0 }],
  ["sluice_max_state_bytes", "1024", { maxStateBytes: 1024 }],
  ["sluice_batch_stretch", "1.5", { batchStretch: 1.5 }],
  ["sluice_admission", "fixed", { admission: "fixed" }],
  ["sluice_admission_limit", "12", { admissionLimit: 12 }],
  ["sluice_admission_target_ms", "25", { admissionTargetMs: 25 }],
  ["sluice_intra_op_threads", "2", { intraOpThreads: 2 }],
  ["sluice_device", "webgpu", { device: "webgpu" }],
  ["sluice_batch_buckets", "1, 2,8", { batchBuckets: [1, 2, 8] }],
  ["sluice_chunk_axis", "-2", { chunkAxis: -2 }],
  ["sluice_chunk_size", "16", { chunkSize: 16 }],
  ["sluice_latency_target_ms", "12.5", { latencyTargetMs: 12.5 }],
  ["sluice_max_batch_elements", "16384", { maxBatchElements: 16384 }],
  ["sluice_cost_input", "tokens", { costInput: "tokens" }],
  ["sluice_max_batch_cost", "4096", { maxBatchCost: 4096 }],
  ["sluice_length_buckets", "16, 64,512", { lengthBuckets: [16, 64, 512] }],
  [
    "sluice_length_axes",
    "ids:0, a:b:1",
    {
      lengthAxes: new Map([
        ["ids", 0],
        ["a:b", 1],
      ]),
    },
  ],
  ["sluice_cut_axes", "", { cutAxes: new Map() }],
  ["sluice_pad_value", "-1.5", { padValue: new Map([["", -1.5]]) }],
  ["sluice_mask_input", "mask", { maskInput: "mask" }],
  ["sluice_length_input", "lengths", { lengthInput: "lengths" }],
];

test("each of our parameters is read by its kind", () => {
  for (const [key, text, expected] of values)
    assert.deepEqual(resolveModelParameters(withParameter(key, text)), expected);
  assert.deepEqual(
    values.map(([key]) => key),
    Object.keys(modelParameters),
    "a parameter without a test",
  );
});

test("what is not set stays open", () => assert.deepEqual(resolveModelParameters({}), {}));

const badValues: [string, string, RegExp][] = [
  ["sluice_run_timeout_ms", "0", /'sluice_run_timeout_ms' is "0", expected an integer from 1 to 86400000 milliseconds/],
  ["sluice_prefetch", "2", /from 0 to 1/],
  ["sluice_split_oversized", "maybe", /true or false/],
  ["sluice_device", "tpu", /one of auto, cpu, webgpu, cuda/],
  ["sluice_batch_buckets", "", /ascending numbers/],
  ["sluice_batch_buckets", "4,2", /ascending numbers/],
  ["sluice_batch_buckets", "0,2", /ascending numbers/],
  ["sluice_batch_buckets", "1,two", /ascending numbers/],
  ["sluice_latency_target_ms", "0", /from 0.1 to 3600000 milliseconds/],
  ["sluice_max_batch_elements", "0", /an integer from 1/],
  ["sluice_length_buckets", "64,16", /at most 64 ascending lengths/],
  ["sluice_length_buckets", "0,16", /at most 64 ascending lengths/],
  [
    "sluice_length_axes",
    "ids",
    /'sluice_length_axes' is "ids", expected names and numbers of dimensions as in name:0,other:1/,
  ],
  ["sluice_length_axes", "ids:0,ids:1", /as in name:0,other:1/],
  ["sluice_length_axes", "ids:-1", /as in name:0,other:1/],
  ["sluice_pad_value", "ids:many", /expected names and numbers/],
  ["sluice_toString", "1", /unknown parameter 'sluice_toString'/],
];

for (const [key, text, message] of badValues) {
  test(`parameter refused: ${key} ${JSON.stringify(text)}`, () => {
    assert.throws(() => resolveModelParameters(withParameter(key, text)), { reason: "refused", message });
  });
}

test("buckets end at max_batch_size where that is known", () => {
  assert.throws(
    () => resolveModelParameters({ ...withParameter("sluice_batch_buckets", "4,8"), max_batch_size: 4 }),
    /up to max_batch_size \(4\)/,
  );
});

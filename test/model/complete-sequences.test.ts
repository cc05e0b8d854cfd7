import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { completeConfig } from "../../src/model/complete-config.ts";
import { parseConfigText } from "../../src/model/config-text.ts";
import { type ModelSummary, summarizeModel } from "../../src/model/onnx-summary.ts";
import { sequencePlan } from "../../src/model/sequence-plan.ts";
import { buildModel, value } from "./build-model.ts";

const FLOAT = 1;
const INT32 = 6;
const summaryOf = (inputs: object[], outputs: object[]): ModelSummary =>
  summarizeModel(buildModel({ input: inputs, output: outputs }));

/** X, START and a state of [N, 3] to Y and the next state. */
const model = summaryOf(
  [value("X", FLOAT, ["N", 2]), value("START", INT32, ["N", 1]), value("S", FLOAT, ["N", 3])],
  [value("Y", FLOAT, ["N", 2]), value("T", FLOAT, ["N", 3])],
);
const start = 'control_input { name: "START" control { kind: CONTROL_SEQUENCE_START int32_false_true: [ 0, 1 ] } }';
const state = (dims = "3", names = 'input_name: "S" output_name: "T"', type = "TYPE_FP32") =>
  `state { ${names} data_type: ${type} dims: [ ${dims} ] }`;

const complete = (text: string, summary = model) =>
  completeConfig(parseConfigText(text), summary, { name: "m", defaultMaxBatchSize: 64 });

const refused = (text: string, message: RegExp, summary = model) =>
  assert.throws(() => complete(text, summary), { reason: "refused", message });

describe("a model with sequences", () => {
  it("shows callers neither what the batcher fills in nor its states", () => {
    const { config, isBatchingToBeProven } = complete(`max_batch_size: 4 sequence_batching { ${start} ${state()} }`);
    assert.deepEqual(
      config.input?.map(({ name }) => name),
      ["X"],
    );
    assert.deepEqual(
      config.output?.map(({ name }) => name),
      ["Y"],
    );
    assert.equal(config.dynamic_batching, undefined, "one scheduler is enough");
    assert.equal(isBatchingToBeProven, false);
    assert.equal(config.sequence_batching?.max_sequence_idle_microseconds, 1_000_000);
  });

  it("shows a state output that the configuration lists", () => {
    const { config } = complete(
      `max_batch_size: 4 sequence_batching { ${start} ${state()} } output { name: "Y" } output { name: "T" }`,
    );
    assert.deepEqual(
      config.output?.map(({ name }) => name),
      ["Y", "T"],
    );
  });

  it("prefers full batches under the oldest strategy, as Triton completes it", () => {
    const { config } = complete(`max_batch_size: 4 sequence_batching { oldest { } ${start} ${state()} }`);
    assert.deepEqual(config.sequence_batching?.oldest, { preferred_batch_size: [4] });
    const plan = sequencePlan(config);
    assert.deepEqual([plan?.slots, plan?.idleMs], [4, 1000]);
    const many = sequencePlan({ sequence_batching: { oldest: { max_candidate_sequences: 9 } } });
    assert.deepEqual([many?.slots, many?.strategy], [9, { kind: "oldest", maxDelayMs: 0, preferredSizes: [1] }]);
  });

  it("takes one row at a time where max_batch_size is not written", () => {
    const one = summaryOf(
      [value("X", FLOAT, [1, 2]), value("S", FLOAT, [1, 3])],
      [value("Y", FLOAT, [1, 2]), value("T", FLOAT, [1, 3])],
    );
    const { config, batching } = complete(`sequence_batching { ${state("1, 3")} }`, one);
    assert.deepEqual(
      [config.max_batch_size, batching],
      [0, "off: the configuration of a model with sequences says no max_batch_size"],
    );
  });

  it("is refused where the file has no such tensors", () => {
    const batched = (rest: string) => `max_batch_size: 4 sequence_batching { ${rest} }`;
    const kind = "control { kind: CONTROL_SEQUENCE_START int32_false_true: [ 0, 1 ] }";
    refused(
      batched(`control_input { name: "Z" ${kind} } ${state()}`),
      /sequence control 'Z', but model does not provide that input/,
    );
    refused(
      batched(`control_input { name: "X" ${kind} } ${state()}`),
      /sequence control 'X' in model has dims \[2\] but dims \[1\] is expected/,
    );
    refused(
      batched(`${start.replace("int32", "fp32")} ${state()}`),
      /sequence control 'START', the model expects data-type INT32 but the model configuration specifies data-type TYPE_FP32/,
    );
    refused(
      batched(`${start} ${state("3", 'input_name: "Z" output_name: "T"')}`),
      /state input 'Z' is no input of the model/,
    );
    refused(
      batched(`${start} ${state("3", 'input_name: "S" output_name: "Z"')}`),
      /state output 'Z' is no output of the model/,
    );
    refused(
      batched(`${start} ${state("4")}`),
      /state input 'S': the model expects dims \[3\] but the model configuration specifies \[4\]/,
    );
    refused(
      batched(`${start} ${state("3", undefined, "TYPE_INT32")}`),
      /state input 'S': the model expects data-type FLOAT/,
    );
    refused(
      `${batched(`${start} ${state()}`)} input { name: "X" } input { name: "S" }`,
      /the sequence batcher fills in 'S'/,
    );
  });
});

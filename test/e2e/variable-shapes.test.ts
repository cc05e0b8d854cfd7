import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { lengthModel } from "../../bench/length-model.ts";
import { createRandom } from "../../bench/random.ts";
import { InferenceClient } from "../../src/client/inference-client.ts";
import { createTensor, readTensor } from "../../src/client/tensor-values.ts";
import { askConstant, constantOf } from "../support/constant-calls.ts";
import { constantModel, writeVersion } from "../support/constant-model.ts";
import { assertClose } from "../support/expected-cases.ts";
import { Metrics } from "../support/metrics.ts";
import { floats, OnnxAlone } from "../support/onnx-alone.ts";
import { raggedModel } from "../support/ragged-model.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startTestServer } from "../support/test-server.ts";

const tolerance = { relative: 1e-5, absolute: 1e-5 };
const parameter = (key: string, value: string) => `parameters { key: "${key}" value { string_value: "${value}" } }\n`;

async function serve(context: TestContext, name: string, bytes: Uint8Array, config: string) {
  const root = temporaryFolder(context);
  writeVersion(root, name, "1", bytes);
  writeFileSync(join(root, name, "config.pbtxt"), config);
  const server = await startTestServer(root);
  const client = InferenceClient.connect(server.grpcAddress, { maxAttempts: 1 });
  const alone = new OnnxAlone();
  context.after(async () => {
    alone.close();
    client.close();
    await server.stop();
  });
  return { server, client, alone, file: join(root, name, "1", "model.onnx") };
}

const lengthConfig =
  "max_batch_size: 8\ndynamic_batching { }\n" +
  parameter("sluice_length_buckets", "4,8,16,32") +
  parameter("sluice_pad_value", "3") +
  parameter("sluice_mask_input", "mask");

test("requests of different lengths share padded batches and get what they would get alone, at their own length", async (context) => {
  const bytes = lengthModel({ vocabulary: 50, width: 8, hidden: 16 });
  const { server, client, alone, file } = await serve(context, "text", bytes, lengthConfig);
  const random = createRandom(7);
  const questions = Array.from({ length: 200 }, () => {
    const [rows, length] = [1 + Math.floor(3 * random()), 1 + Math.floor(32 * random())];
    return {
      rows,
      length,
      ids: BigInt64Array.from({ length: rows * length }, () => BigInt(Math.floor(50 * random()))),
    };
  });
  const expected = await alone.run(
    file,
    questions.map(({ rows, length, ids }) => ({
      ids: { type: "int64", dims: [rows, length], data: ids },
      mask: floats([rows, length], new Float32Array(rows * length).fill(1)),
    })),
  );
  const answers = await Promise.all(
    questions.map(({ rows, length, ids }) =>
      client.infer({ model: "text", inputs: [createTensor("ids", "INT64", [rows, length], ids)] }),
    ),
  );
  for (const [i, { outputs }] of answers.entries()) {
    const { rows, length } = questions[i]!;
    const [pooled, scores] = outputs;
    const { pooled: wantPooled, scores: wantScores } = expected[i]!;
    assert.deepEqual([pooled?.name, scores?.name], ["pooled", "scores"]);
    assertClose(pooled!, createTensor("pooled", "FP32", [rows, 8], wantPooled!.data as Float32Array), tolerance);
    assertClose(scores!, createTensor("scores", "FP32", [rows, length], wantScores!.data as Float32Array), tolerance);
  }
  const metrics = await Metrics.scrape(server.httpAddress);
  const labels = { sluice_model_name: "text" };
  const executions = metrics.value("sluice_batch_size_count", labels);
  assert.ok(executions < 180, `${executions} executions for 200 requests`);
  const requested = metrics.value("sluice_batch_elements_total", { ...labels, sluice_content: "request" });
  assert.equal(
    requested,
    questions.reduce((sum, { ids }) => sum + ids.length, 0),
  );
  const padding = metrics.value("sluice_batch_elements_total", { ...labels, sluice_content: "padding" });
  assert.ok(padding > 0 && padding < 31 * requested);
  for (const length of [4, 8, 16, 32]) {
    metrics.value("sluice_batch_run_row_seconds", { ...labels, sluice_shape_bucket: `length ${length}` });
  }
});

test("a request of more rows than a batch is padded part by part, and the lengths of its rows are filled in", async (context) => {
  const bytes = lengthModel({ vocabulary: 50, width: 8, hidden: 16, hasLengths: true });
  const config =
    lengthConfig + parameter("sluice_length_input", "lengths") + parameter("sluice_split_oversized", "true");
  const { client, alone, file } = await serve(context, "text", bytes, config);
  const [rows, length] = [21, 5];
  const ids = BigInt64Array.from({ length: rows * length }, (_, i) => BigInt(i % 50));
  const [expected] = await alone.run(file, [
    {
      ids: { type: "int64", dims: [rows, length], data: ids },
      mask: floats([rows, length], new Float32Array(rows * length).fill(1)),
      lengths: { type: "int32", dims: [rows, 1], data: new Int32Array(rows).fill(length) },
    },
  ]);
  const { outputs } = await client.infer({
    model: "text",
    inputs: [createTensor("ids", "INT64", [rows, length], ids)],
  });
  const want = (name: string, shape: readonly number[]) =>
    createTensor(name, "FP32", shape, expected![name]!.data as Float32Array);
  assertClose(outputs[0]!, want("pooled", [rows, 8]), tolerance);
  assertClose(outputs[1]!, want("scores", [rows, length]), tolerance);
});

test("a latency target lets batches wait for more rows", async (context) => {
  const config = `max_batch_size: 32\ndynamic_batching { }\n${parameter("sluice_latency_target_ms", "200")}`;
  const { server, client } = await serve(context, "model", constantModel(1), config);
  // Eight callers that ask again a few milliseconds after their answer: without a target most would run by themselves.
  for (let round = 0; round < 8; round++) {
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        await setTimeout(Math.random() * 5);
        constantOf(await client.infer(askConstant("model", "one")));
      }),
    );
  }
  const metrics = await Metrics.scrape(server.httpAddress);
  const labels = { sluice_model_name: "model" };
  const waited = metrics.value("sluice_batches_total", { ...labels, sluice_reason: "target" });
  const rows = metrics.value("sluice_batch_size_sum", labels) / metrics.value("sluice_batch_size_count", labels);
  assert.ok(waited > 0 && rows > 2, `${waited} batches waited, ${rows} rows a batch`);
});

test("a model that pads shows neither its mask nor longer rows, and says how long they may be", async (context) => {
  const { client } = await serve(context, "text", lengthModel({ vocabulary: 50, width: 8, hidden: 16 }), lengthConfig);
  const metadata = await client.metadata("text");
  assert.deepEqual(
    metadata.inputs.map(({ name }) => name),
    ["ids"],
  );
  const ask = (length: number) =>
    client.infer({ model: "text", inputs: [createTensor("ids", "INT64", [1, length], new BigInt64Array(length))] });
  await assert.rejects(ask(33), /input 'ids' has length 33 along axis 0, expected 1 to 32 \(sluice_length_buckets\)/);
  await assert.rejects(ask(0), /length 0 along axis 0, expected 1 to 32/);
});

const raggedConfig = `
max_batch_size: 8
dynamic_batching { max_queue_delay_microseconds: 20000 }
input { name: "values" data_type: TYPE_FP32 dims: [ -1 ] allow_ragged_batch: true }
output { name: "sum" data_type: TYPE_FP32 dims: [ 1 ] }
output { name: "doubled" data_type: TYPE_FP32 dims: [ -1 ] }
output { name: "share" data_type: TYPE_FP32 dims: [ 1 ] }
batch_input { kind: BATCH_ACCUMULATED_ELEMENT_COUNT target_name: "ends" data_type: TYPE_INT32 source_input: "values" }
batch_input { kind: BATCH_MAX_ELEMENT_COUNT_AS_SHAPE target_name: "largest" data_type: TYPE_INT32 source_input: "values" }
batch_output { target_name: "doubled" kind: BATCH_SCATTER_WITH_INPUT_SHAPE source_input: "values" }
`;

test("a ragged batch is flattened, told apart by its batch inputs, and scattered back", async (context) => {
  const { server, client } = await serve(context, "ragged", raggedModel(), raggedConfig);
  const lengths = [3, 1, 5, 2, 4, 7, 6, 1];
  const answers = await Promise.all(
    lengths.map((length, i) => {
      const values = Float32Array.from({ length }, (_, k) => 10 * i + k);
      return client.infer({ model: "ragged", inputs: [createTensor("values", "FP32", [1, length], values)] });
    }),
  );
  const metrics = await Metrics.scrape(server.httpAddress);
  assert.equal(metrics.value("sluice_batch_size_count", { sluice_model_name: "ragged" }), 1);
  for (const [i, { outputs }] of answers.entries()) {
    const length = lengths[i]!;
    const values = Array.from({ length }, (_, k) => 10 * i + k);
    const sum = values.reduce((total, value) => total + value, 0);
    const tensor = (name: string, shape: readonly number[], data: readonly number[]) =>
      createTensor(name, "FP32", shape, data);
    assertClose(outputs[0]!, tensor("sum", [1, 1], [sum]), tolerance);
    assertClose(
      outputs[1]!,
      tensor(
        "doubled",
        [1, length],
        values.map((value) => 2 * value),
      ),
      tolerance,
    );
    assertClose(outputs[2]!, tensor("share", [1, 1], [sum / 7]), tolerance); // the largest of the batch has 7
  }
  const { batch_input } = await client.configuration("ragged");
  assert.equal((batch_input as readonly unknown[]).length, 2);
  const lone = await client.infer({ model: "ragged", inputs: [createTensor("values", "FP32", [1, 2], [1, 2])] });
  assert.deepEqual([...(readTensor(lone.outputs[0]!) as Float32Array)], [3]);
});

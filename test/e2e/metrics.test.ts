import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { InferenceClient } from "../../src/client/inference-client.ts";
import { createTensor } from "../../src/client/tensor-values.ts";
import type { RunningServer } from "../../src/serve.ts";
import { fixtureFolder } from "../support/expected-cases.ts";
import { Metrics } from "../support/metrics.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startTestServer } from "../support/test-server.ts";

const names = ["gather_fails", "identity_fp32", "batch_mean"] as const;

async function start(context: TestContext) {
  const root = temporaryFolder(context);
  for (const name of names) cpSync(join(fixtureFolder("zoo"), name), join(root, name, "1"), { recursive: true });
  const server = await startTestServer(root, { modelControl: "explicit", loadModel: ["*"] });
  const client = InferenceClient.connect(server.grpcAddress, { maxAttempts: 1 });
  context.after(async () => {
    client.close();
    await server.stop();
  });
  return { server, client };
}

test("the numbers of /metrics are those that the client counted", async (context) => {
  const { server, client } = await start(context);

  // 20 requests of 1 to 5 rows, one after another: as many executions.
  let rows = 0;
  for (let i = 0; i < 20; i++) {
    await client.infer(identity(1 + (i % 5)));
    rows += 1 + (i % 5);
  }
  // 200 messages on a stream, three of which are malformed.
  let [answers, errors] = [0, 0];
  const questions = Array.from({ length: 200 }, (_, i) => (i % 80 === 0 ? wrongShape() : identity(1)));
  for await (const { response } of client.inferStream(questions)) response === undefined ? errors++ : answers++;
  assert.deepEqual([answers, errors], [197, 3]);
  rows += answers;
  // Five runs that fail in ONNX Runtime, two that do not.
  for (const index of [4, 5, 1, 6, 7, 2, 8]) await client.infer(gather(index)).catch(() => {});
  await assert.rejects(client.infer({ ...identity(1), model: "absent" }), { status: "NOT_FOUND" });

  const metrics = await Metrics.scrape(server.httpAddress);
  const identityModel = { sluice_model_name: "identity_fp32", sluice_model_version: "1" };
  const gatherModel = { sluice_model_name: "gather_fails", sluice_model_version: "1" };
  const [statistics] = await client.statistics("identity_fp32");
  assert.ok(statistics);
  assert.deepEqual(
    {
      succeeded: metrics.value("sluice_request_duration_seconds_count", { ...identityModel, error_type: undefined }),
      invalid: metrics.value("sluice_request_duration_seconds_count", { ...identityModel, error_type: "invalid" }),
      rejected: metrics.value("sluice_requests_rejected_total", { ...identityModel, sluice_reason: "invalid" }),
      rows: metrics.value("sluice_batch_size_sum", identityModel),
      executions: metrics.value("sluice_batch_size_count", identityModel),
      batches: metrics.sum("sluice_batches_total", identityModel),
      queued: metrics.value("sluice_queue_size", identityModel),
    },
    {
      succeeded: 20 + answers,
      invalid: errors,
      rejected: errors,
      rows,
      executions: statistics.executionCount,
      batches: statistics.executionCount,
      queued: 0,
    },
  );
  assert.equal(statistics.inferenceCount, rows);
  assert.equal(statistics.success.count, 20 + answers);
  for (const stage of ["queue", "compute_input", "compute_infer", "compute_output"]) {
    const count = metrics.value("sluice_request_stage_duration_seconds_count", {
      ...identityModel,
      sluice_stage: stage,
    });
    assert.equal(count, 20 + answers, stage);
  }
  assert.equal(metrics.value("sluice_request_duration_seconds_count", { ...gatherModel, error_type: "runtime" }), 5);
  assert.equal(metrics.value("sluice_request_duration_seconds_count", { ...gatherModel, error_type: undefined }), 2);

  const unary = { rpc_method: "inference.GRPCInferenceService/ModelInfer" };
  const stream = { rpc_method: "inference.GRPCInferenceService/ModelStreamInfer" };
  const calls = (status: string) =>
    metrics.value("rpc_server_call_duration_seconds_count", { ...unary, rpc_status_code: status });
  assert.deepEqual([calls("OK"), calls("INTERNAL"), calls("NOT_FOUND")], [22, 5, 1]);
  const messages = (direction: string) =>
    metrics.value("sluice_stream_messages_total", { ...stream, sluice_direction: direction });
  assert.deepEqual([messages("received"), messages("sent")], [200, 200]);
});

test("the series of an unloaded model disappear and begin again at nought, its neighbours' stay", async (context) => {
  const { server, client } = await start(context);
  await client.infer(identity(1));
  await client.infer(gather(1));
  const count = async (name: string) => {
    const model = { sluice_model_name: name, error_type: undefined };
    return (await Metrics.scrape(server.httpAddress)).value("sluice_request_duration_seconds_count", model);
  };
  assert.equal(await count("identity_fp32"), 1);
  await client.unload("identity_fp32");
  const after = await Metrics.scrape(server.httpAddress);
  assert.deepEqual(after.seriesWith("identity_fp32"), []);
  assert.equal(await count("gather_fails"), 1);
  await client.load("identity_fp32");
  await client.infer(identity(1));
  assert.equal(await count("identity_fp32"), 1);
});

test("the health of server and models over HTTP follows what is loaded", async (context) => {
  const { server, client } = await start(context);
  assert.equal(await statusOf(server, "/v2/health/live"), 200);
  assert.equal(await statusOf(server, "/v2/health/ready"), 200);
  assert.equal(await statusOf(server, "/v2/models/identity_fp32/ready"), 200);
  assert.equal(await statusOf(server, "/v2/models/identity_fp32/versions/1/ready"), 200);
  await client.unload("identity_fp32");
  assert.notEqual(await statusOf(server, "/v2/models/identity_fp32/ready"), 200);
  assert.equal(await statusOf(server, "/v2/models/gather_fails/ready"), 200);
  assert.equal(await statusOf(server, "/v2/health/ready"), 200, "unloading is no failure");
  assert.equal(await statusOf(server, "/v2/models/absent/ready"), 404);
  assert.equal(await statusOf(server, "/elsewhere"), 404);
});

async function statusOf(server: RunningServer, path: string): Promise<number> {
  const response = await fetch(`http://${server.httpAddress}${path}`);
  await response.body?.cancel();
  return response.status;
}

function identity(rows: number) {
  return { model: "identity_fp32", inputs: [createTensor("X", "FP32", [rows, 4], new Float32Array(rows * 4))] };
}

function wrongShape() {
  return { model: "identity_fp32", inputs: [createTensor("X", "FP32", [1, 5], new Float32Array(5))] };
}

/** Valid for ONNX Runtime's eyes only when `index` is below 4. */
function gather(index: number) {
  return { model: "gather_fails", inputs: [createTensor("index", "INT64", [1, 1], [index])] };
}

test("health checks are counted under their own name, and the page tells the version", async (context) => {
  const { server, client } = await start(context);
  await client.health();
  const metrics = await Metrics.scrape(server.httpAddress);
  const check = { rpc_method: "grpc.health.v1.Health/Check", rpc_status_code: "OK" };
  assert.equal(metrics.value("rpc_server_call_duration_seconds_count", check), 1);
  const { version } = await client.serverMetadata();
  assert.equal(metrics.value("target_info", { service_version: version }), 1);
});

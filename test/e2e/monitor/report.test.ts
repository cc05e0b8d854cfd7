import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { InferenceClient } from "../../../src/client/inference-client.ts";
import { createTensor } from "../../../src/client/tensor-values.ts";
import { constantModel } from "../../support/constant-model.ts";
import { eventuallyTrue } from "../../support/eventually.ts";
import { Metrics } from "../../support/metrics.ts";
import { MonitorStub } from "../../support/monitor-stub.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { startTestServer } from "../../support/test-server.ts";

function writeModel(root: string, name: string, version = "1"): void {
  mkdirSync(join(root, name, version), { recursive: true });
  writeFileSync(join(root, name, version, "model.onnx"), constantModel(1));
}

async function start(context: TestContext, root: string) {
  const server = await startTestServer(root, { modelControl: "explicit", loadModel: ["*"], logLevel: "error" });
  const client = InferenceClient.connect(server.grpcAddress, { maxAttempts: 1 });
  const stub = new MonitorStub(server.grpcAddress);
  context.after(async () => {
    client.close();
    stub.close();
    await server.stop();
  });
  const report = async (request: object = {}) => (await stub.call("GetMonitorReport", request)).report;
  return { server, client, report, stub };
}

type Message = any;

const namesOf = (report: any) => report.models.map((model: any) => `${model.model_name}/${model.model_version}`);

test("the report has every model version that is loaded, and who made it", async (context) => {
  const root = temporaryFolder(context);
  for (const version of ["1", "2", "10"]) writeModel(root, "b", version);
  writeFileSync(join(root, "b", "config.pbtxt"), 'version_policy: { all: {} }\nmax_batch_size: 8\nname: "b"\n');
  writeModel(root, "a");
  const { client, report } = await start(context, root);
  const all = await report();
  assert.deepEqual(namesOf(all), ["a/1", "b/1", "b/2", "b/10"]);
  assert.match(all.server_instance, /^[0-9a-f-]{36}$/);
  assert.ok(Math.abs(all.at.seconds - Date.now() / 1000) < 60);
  assert.ok(all.started_at.seconds <= all.at.seconds);
  const [first] = all.models;
  assert.equal(first.state, "READY");
  assert.equal(first.execution_provider, "cpu");
  assert.deepEqual(namesOf(await report({ model_name: "b" })), ["b/1", "b/2", "b/10"]);
  assert.deepEqual(namesOf(await report({ model_name: "b", model_version: "2" })), ["b/2"]);
  assert.deepEqual(namesOf(await report({ model_name: "c" })), []);
  await client.unload("b");
  assert.deepEqual(namesOf(await report()), ["a/1"]);
});

test("a monitor.yaml that is wrong refuses the load, and what serves goes on", async (context) => {
  const root = temporaryFolder(context);
  writeModel(root, "good");
  writeModel(root, "bad");
  writeFileSync(join(root, "bad", "monitor.yaml"), "tsak: binary\n");
  const { client, report } = await start(context, root);
  const message = "monitor.yaml: unknown key 'tsak', did you mean 'task'?";
  const standings = (await report()).models.map((model: any) => [model.model_name, model.state, model.state_reason]);
  assert.deepEqual(standings, [
    ["bad", "UNAVAILABLE", message],
    ["good", "READY", ""],
  ]);
  assert.equal((await client.repositoryIndex()).find(({ name }) => name === "bad")?.reason, message);
  await assert.rejects(client.load("bad"), {
    status: "FAILED_PRECONDITION",
    message: new RegExp(message.slice(0, 30)),
  });

  writeFileSync(join(root, "good", "1", "monitor.yaml"), "windows: {blocks: 0}\n");
  await assert.rejects(client.load("good"), { status: "FAILED_PRECONDITION" });
  assert.equal((await client.repositoryIndex()).find(({ name }) => name === "good")?.state, "READY");

  rmSync(join(root, "bad", "monitor.yaml"));
  await client.load("bad");
  assert.deepEqual(namesOf(await report()), ["bad/1", "good/1"]);
});

test("what should not be among the inputs is in the report and on /metrics, with the rates of rows and the traffic", async (context) => {
  const root = temporaryFolder(context);
  writeModel(root, "sum");
  writeFileSync(join(root, "sum", "monitor.yaml"), "windows: {blockSeconds: 1}\n");
  const { server, client, report } = await start(context, root);
  const [nan, infinite] = [Number.NaN, Number.NEGATIVE_INFINITY];
  const ask = (values: readonly number[]) =>
    client.infer({ model: "sum", inputs: [createTensor("X", "FP32", [values.length / 4, 4], values)] });
  for (let i = 0; i < 20; i++) await ask([nan, 1, 2, 3, 4, 5, infinite, 7]);
  await assert.rejects(client.infer({ model: "sum", inputs: [createTensor("X", "FP32", [1, 3], [nan, nan, nan])] }));
  let found: Message = {};
  await eventuallyTrue("an interval with the traffic has ended", async () => {
    [found] = (await report()).models;
    return found.history.length > 0 && found.data.rows_per_second > 0;
  });
  const counts = found.data.signals.map((signal: Message) => [
    signal.name,
    ...signal.anomalies.map(({ kind, count }: Message) => `${count} ${kind}`),
  ]);
  assert.deepEqual(counts, [
    ["X[0]", "20 nan"],
    ["X[1]"],
    ["X[2]", "20 inf"],
    ["X[3]"],
    ["Y[0]", "20 nan"],
    ["Y[1]"],
    ["Y[2]", "20 inf"],
    ["Y[3]"],
  ]);
  assert.equal(found.data.window.rows, 40);
  const total = (field: string) => found.history.reduce((sum: number, point: Message) => sum + point[field], 0);
  assert.deepEqual([total("requests"), total("failures"), total("rows")], [20, 1, 40]);
  const metrics = await Metrics.scrape(server.httpAddress);
  const of = { sluice_model_name: "sum", sluice_feature: "X[0]", sluice_kind: "nan" };
  assert.equal(metrics.value("sluice_feature_anomalies_total", of), 20);
  const rows = (sampled: string) =>
    metrics.value("sluice_monitor_rows_total", { sluice_model_name: "sum", sluice_sampled: sampled });
  assert.deepEqual([rows("true"), rows("false")], [40, 0]);
});

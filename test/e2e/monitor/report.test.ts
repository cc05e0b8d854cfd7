import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { InferenceClient } from "../../../src/client/inference-client.ts";
import { constantModel } from "../../support/constant-model.ts";
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
  assert.deepEqual(namesOf(await report()), ["good/1"]);
  const message = "monitor.yaml: unknown key 'tsak', did you mean 'task'?";
  assert.equal((await client.repositoryIndex()).find(({ name }) => name === "bad")?.reason, message);
  await assert.rejects(client.load("bad"), {
    status: "FAILED_PRECONDITION",
    message: new RegExp(message.slice(0, 30)),
  });

  writeFileSync(join(root, "good", "1", "monitor.yaml"), "windows: {blocks: 0}\n");
  await assert.rejects(client.load("good"), { status: "FAILED_PRECONDITION" });
  assert.deepEqual(namesOf(await report()), ["good/1"]);
  assert.equal((await client.repositoryIndex()).find(({ name }) => name === "good")?.state, "READY");

  rmSync(join(root, "bad", "monitor.yaml"));
  await client.load("bad");
  assert.deepEqual(namesOf(await report()), ["bad/1", "good/1"]);
});

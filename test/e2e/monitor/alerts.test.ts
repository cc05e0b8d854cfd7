import assert from "node:assert/strict";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { ClientReadableStream, StatusObject } from "@grpc/grpc-js";
import { InferenceClient } from "../../../src/client/inference-client.ts";
import { createTensor, readTensor } from "../../../src/client/tensor-values.ts";
import type { ServeConfig } from "../../../src/config.ts";
import { resolveConfig } from "../../../src/config.ts";
import { startServer } from "../../../src/serve.ts";
import { eventually } from "../../support/eventually.ts";
import { Metrics } from "../../support/metrics.ts";
import { MonitorStub } from "../../support/monitor-stub.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { startTestServer } from "../../support/test-server.ts";
import { WebhookReceiver } from "../../support/webhook-receiver.ts";

const examples = join(import.meta.dirname, "../../../examples");

type Rows = readonly (readonly number[])[];

/** The rows of the demo model's table, without the target. */
function demoRows(): Rows {
  const [, ...lines] = readFileSync(join(examples, "data/breast_cancer.csv"), "utf8").trim().split("\n");
  return lines.map((line) => line.split(",").slice(0, -1).map(Number));
}

/** A WatchMonitors call and what it has heard. */
class Watching {
  readonly heard: string[] = [];
  readonly call: ClientReadableStream<any>;
  readonly ended: Promise<StatusObject>;

  constructor(stub: MonitorStub, request: object = {}) {
    this.call = (stub.client as any).WatchMonitors(request);
    this.call.on("data", ({ alert }) => this.heard.push(`${alert.name} ${alert.state.replace("ALERT_STATE_", "")}`));
    this.call.on("error", () => {});
    this.ended = new Promise((resolve) => this.call.on("status", resolve));
  }

  /** The states of one alert, in their order. */
  statesOf(name: string): readonly string[] {
    return this.heard.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1));
  }
}

async function serve(context: TestContext, yaml: string, options: Partial<ServeConfig> = {}) {
  const folder = temporaryFolder(context);
  cpSync(join(examples, "repository/breast_cancer"), join(folder, "breast_cancer"), { recursive: true });
  writeFileSync(join(folder, "breast_cancer", "monitor.yaml"), yaml);
  const server = await startTestServer(folder, { modelControl: "explicit", loadModel: ["*"], ...options });
  const client = InferenceClient.connect(server.grpcAddress);
  const stub = new MonitorStub(server.grpcAddress);
  context.after(async () => {
    client.close();
    stub.close();
    await server.stop();
  });
  const ask = async (rows: Rows) => {
    const inputs = [createTensor("features", "FP32", [rows.length, 30], rows.flat())];
    await client.infer({ model: "breast_cancer", inputs });
  };
  return { server, client, stub, ask };
}

const yaml = `
windows: { blockSeconds: 1 }
quality: { maxRowsPerSecond: 100000 }
drift: { windowRows: 500, windows: 1 }
alerts:
  - name: drift
    severity: critical
    message: Look at the scales.
  - { name: idle, metric: request_rate, comparison: below, threshold: 0.001, webhook: false }
  - { name: data_quality, enabled: false }
`;

test("an alert comes and goes with corrupted inputs: on a watcher, by webhook, in the metrics and in the report", {
  timeout: 120_000,
}, async (context) => {
  const receiver = await WebhookReceiver.start(context);
  const { server, stub, ask } = await serve(context, yaml, { alertWebhook: receiver.url });
  const rows = demoRows();
  const corrupted = rows.map((row) => row.map((value, i) => (i === 3 ? value / 10 : value)));
  const watching = new Watching(stub);
  const level = async () => {
    const metrics = await Metrics.scrape(server.httpAddress);
    return metrics.value("sluice_alert_state", { sluice_alert: "drift", sluice_model_name: "breast_cancer" });
  };
  await eventually(() => assert.deepEqual(watching.statesOf("drift"), ["UNKNOWN"]));
  assert.ok(!watching.heard.some((line) => line.startsWith("data_quality")), "it is switched off");
  assert.equal(await level(), -1);

  const until = (sent: Rows, state: string) =>
    eventually(async () => {
      for (let i = 0; i < 3; i++) await ask(sent);
      assert.equal(watching.statesOf("drift").at(-1), state);
    });
  await until(rows, "OK");
  assert.equal(await level(), 0);
  assert.equal(receiver.received.length, 0, "nothing has fired");
  await until(corrupted, "FIRING");
  assert.equal(await level(), 2);
  await eventually(() => assert.equal(receiver.received.length, 1));
  const [alert] = JSON.parse(receiver.received[0]!.body).alerts;
  assert.deepEqual([alert.name, alert.state, alert.severity], ["drift", "firing", "critical"]);
  assert.match(
    alert.message,
    /^drifted_features \(.*mean area.*\) is \d+, above 0 \(\d+ rows\)\. Look at the scales\.$/,
  );
  const { report } = await stub.call("GetMonitorReport", {});
  const reported = report.models[0].alerts.find(({ name }: { name: string }) => name === "drift");
  assert.equal(reported.state, "ALERT_STATE_FIRING");
  assert.ok(reported.value > 0 && reported.sample_count >= 500);

  await until(rows, "OK");
  await eventually(() => assert.equal(receiver.received.length, 2));
  assert.equal(JSON.parse(receiver.received[1]!.body).alerts[0].state, "ok");
  assert.deepEqual(watching.statesOf("drift"), ["UNKNOWN", "OK", "FIRING", "OK"]);
});

test("wrong answers make the default alert fire; a webhook that hangs holds neither requests nor the stop up", {
  timeout: 60_000,
}, async (context) => {
  const receiver = await WebhookReceiver.start(context);
  receiver.answer = () => {};
  const options = { alertWebhook: receiver.url, exitTimeoutMs: 3_000 };
  const { server, client, stub, ask } = await serve(context, "windows: { blockSeconds: 1 }", options);
  const watching = new Watching(stub, { model_name: "breast_cancer" });
  const rows = demoRows();
  const predict = async (id: string) => {
    const inputs = [createTensor("features", "FP32", [rows.length, 30], rows.flat())];
    const answer = await client.infer({ model: "breast_cancer", inputs, parameters: { sluice_prediction_id: id } });
    const predicted = [...(readTensor(answer.outputs[0]!) as BigInt64Array)];
    // The truth is the other class, whatever was predicted.
    return predicted.map((label, row) => ({ predictionId: id, row, classIndex: 1 - Number(label) }));
  };
  const told = await client.reportOutcomes([...(await predict("a")), ...(await predict("b"))]);
  assert.ok(told.every(({ status }) => status === "ACCEPTED"));
  await eventually(() => assert.equal(watching.statesOf("accuracy_drop").at(-1), "FIRING"));
  await eventually(() => assert.equal(receiver.received.length, 1));
  for (let i = 0; i < 20; i++) await ask(rows);
  const beganMs = performance.now();
  assert.equal(await server.stop(), true);
  assert.ok(performance.now() - beganMs < 6_000, "the exit timeout and some patience");
});

test("alerts of a model that is unloaded are heard of a last time, and a stop ends those who watch", async (context) => {
  const { server, client, stub } = await serve(context, yaml);
  const [all, other] = [new Watching(stub), new Watching(stub, { model_name: "other" })];
  await eventually(() => assert.ok(all.heard.includes("drift UNKNOWN")));
  await client.unload("breast_cancer");
  await eventually(() => assert.ok(all.heard.includes("drift REMOVED")));
  await client.load("breast_cancer");
  await eventually(() => assert.deepEqual(all.statesOf("drift"), ["UNKNOWN", "REMOVED", "UNKNOWN"]));
  assert.deepEqual(other.heard, []);
  const beganMs = performance.now();
  assert.equal(await server.stop(), true, "watchers hold nothing up");
  assert.ok(performance.now() - beganMs < 8_000);
  assert.deepEqual([(await all.ended).code, (await other.ended).code], [14, 14]);
});

test("a webhook that cannot be meant stops the server before it starts", async () => {
  const config = resolveConfig({ grpcPort: 0, httpPort: 0, alertWebhook: "ftp://x" });
  await assert.rejects(startServer(join(examples, "repository"), config), /--alert-webhook is no http or https URL/);
  const off = resolveConfig({ grpcPort: 0, httpPort: 0, alertWebhook: "http://x", metrics: false });
  await assert.rejects(startServer(join(examples, "repository"), off), /--alert-webhook needs --metrics/);
});

import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { InferenceClient } from "../../../src/client/inference-client.ts";
import { createTensor } from "../../../src/client/tensor-values.ts";
import { constantModel, writeVersion } from "../../support/constant-model.ts";
import { eventually } from "../../support/eventually.ts";
import { Metrics } from "../../support/metrics.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { startTestServer } from "../../support/test-server.ts";

const model = { sluice_model_name: "m", sluice_model_version: "1" };

async function start(context: TestContext, payloadLog: string, folder = join(temporaryFolder(context), "payloads")) {
  const root = temporaryFolder(context);
  writeVersion(root, "m", "1", constantModel(1));
  writeFileSync(join(root, "m", "monitor.yaml"), `payloadLog: ${payloadLog}\n`);
  const server = await startTestServer(root, { payloadLogFolder: folder });
  const client = InferenceClient.connect(server.grpcAddress, { maxAttempts: 1 });
  context.after(async () => {
    client.close();
    await server.stop();
  });
  const lines = () => {
    const texts = readdirSync(folder)
      .sort()
      .map((name) => readFileSync(join(folder, name), "utf8"));
    return texts
      .join("")
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  };
  return { server, client, folder, lines, metrics: () => Metrics.scrape(server.httpAddress) };
}

function rows(...values: readonly number[]) {
  const data = Float32Array.from(values.flatMap((value) => [value, 0, 0, 0]));
  return { model: "m", inputs: [createTensor("X", "FP32", [values.length, 4], data)] };
}

test("chosen requests are written with what went in, what came out, and how long it took", async (context) => {
  const { client, folder, lines, server, metrics } = await start(context, "{ share: 1 }");
  await client.infer({ ...rows(1, 2), id: "first", parameters: { sluice_prediction_id: "p1", user: "ann" } });
  for await (const _ of client.inferStream([rows(3), rows(4)])) {
    // answers are not the point
  }
  await assert.rejects(client.infer({ ...rows(1), parameters: { sluice_timeout_ms: 0.0001 } }));
  await eventually(async () => assert.equal((await metrics()).value("sluice_payload_log_records_total", model), 3));
  await server.stop();
  const [first, ...rest] = lines();
  const { time, timing, ...told } = first;
  assert.deepEqual(told, {
    model: "m",
    version: "1",
    id: "first",
    prediction_id: "p1",
    tenant: "default",
    rows: 2,
    status: "OK",
    parameters: { sluice_prediction_id: "p1", user: "ann" },
    inputs: [
      {
        name: "X",
        datatype: "FP32",
        shape: [2, 4],
        data: [
          [1, 0, 0, 0],
          [2, 0, 0, 0],
        ],
      },
    ],
    outputs: [
      {
        name: "Y",
        datatype: "FP32",
        shape: [2, 4],
        data: [
          [2, 1, 1, 1],
          [3, 1, 1, 1],
        ],
      },
    ],
  });
  assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000);
  const stages = ["total_ms", "queue_ms", "compute_input_ms", "compute_infer_ms", "compute_output_ms"];
  assert.deepEqual(Object.keys(timing), stages);
  assert.deepEqual(
    rest.map(({ outputs }) => outputs[0].data[0][0]),
    [4, 5],
  );
  const [file] = readdirSync(folder);
  assert.match(file!, /^m@1@\d{8}T\d{9}Z-0\.jsonl$/);
  assert.equal(statSync(join(folder, file!)).mode & 0o777, 0o600);
});

test("what is redacted is nowhere in the file", async (context) => {
  const redact = "{ tensors: [Y], columns: { X: [0] }, parameters: [user], ids: true, tenant: true }";
  const { client, lines, server, folder } = await start(context, `{ share: 1, redact: ${redact} }`);
  const parameters = { sluice_prediction_id: "hidden-id", user: "hidden-user" };
  await client.infer({ ...rows(98765), id: "hidden-request", parameters });
  await server.stop();
  const [line] = lines();
  assert.deepEqual(line.inputs[0].data, [[null, 0, 0, 0]]);
  assert.equal(line.outputs[0].redacted, true);
  assert.deepEqual(line.parameters, {});
  const text = readFileSync(join(folder, readdirSync(folder)[0]!), "utf8");
  assert.doesNotMatch(text, /hidden|98765|98766|tenant/);
});

test("a folder that vanishes costs nobody an answer, and records are written again when it is back", async (context) => {
  const folder = join(temporaryFolder(context), "payloads");
  const { client, lines, metrics, server } = await start(context, "{ share: 1 }", folder);
  await client.infer(rows(1));
  await eventually(() => assert.equal(lines().length, 1));
  rmSync(folder, { recursive: true });
  await client.infer(rows(2));
  const dropped = { sluice_monitor: "payload_log", sluice_reason: "write_failed" };
  await eventually(async () => assert.equal((await metrics()).value("sluice_monitor_dropped_total", dropped), 1));
  await client.infer(rows(3));
  await eventually(() =>
    assert.deepEqual(
      lines().map(({ inputs }) => inputs[0].data[0][0]),
      [3],
    ),
  );
  await server.stop();
});

test("without the server's leave nothing is written, whatever the model asks for", async (context) => {
  const root = temporaryFolder(context);
  writeVersion(root, "m", "1", constantModel(1));
  writeFileSync(join(root, "m", "monitor.yaml"), "payloadLog: { share: 1 }\n");
  const server = await startTestServer(root);
  context.after(() => server.stop());
  assert.deepEqual(await server.started, []);
  const client = InferenceClient.connect(server.grpcAddress, { maxAttempts: 1 });
  context.after(() => client.close());
  await client.infer(rows(1));
});

test("a redaction of what the model does not have refuses the load", async (context) => {
  const { server } = await start(context, "{ share: 1, redact: { tensors: [x] } }");
  const [failure] = await server.started;
  assert.match(failure?.reason ?? "", /payloadLog\.redact\.tensors has 'x', the model has X, Y/);
});

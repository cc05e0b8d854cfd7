import assert from "node:assert/strict";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { InferenceClient } from "../../src/client/inference-client.ts";
import { createTensor } from "../../src/client/tensor-values.ts";
import { OtlpReceiver } from "../monitor/telemetry/otlp-receiver.ts";
import { eventuallyTrue } from "../support/eventually.ts";
import { fixtureFolder } from "../support/expected-cases.ts";
import { addRequest } from "../support/sequence-calls.ts";
import { sumModel, sumState, writeSequenceModel } from "../support/sequence-models.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startTestServer } from "../support/test-server.ts";

/** Every request whose caller is traced has a span under the caller's, whatever model it goes to and however it ends. */

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const callerSpanId = "00f067aa0ba902b7";
const unary = "inference.GRPCInferenceService/ModelInfer";
const stream = "inference.GRPCInferenceService/ModelStreamInfer";
const stageNames = ["sluice.queue", "sluice.compute_input", "sluice.compute_infer", "sluice.compute_output"];

async function start(context: TestContext) {
  const root = temporaryFolder(context);
  for (const name of ["identity_fp32", "gather_fails"]) {
    cpSync(join(fixtureFolder("zoo"), name), join(root, name, "1"), { recursive: true });
  }
  mkdirSync(join(root, "rows", "1"), { recursive: true });
  cpSync(join(fixtureFolder("zoo"), "identity_fp32", "model.onnx"), join(root, "rows", "1", "model.onnx"));
  writeFileSync(
    join(root, "rows", "config.pbtxt"),
    'parameters { key: "sluice_chunk_axis" value { string_value: "0" } }',
  );
  const sequences = `sequence_batching { max_sequence_idle_microseconds: 60000000 direct { } ${sumState} }`;
  writeSequenceModel(root, "sum", sumModel(), `max_batch_size: 8\n${sequences}`);
  const receiver = new OtlpReceiver();
  await receiver.start("http");
  const server = await startTestServer(root, {
    otlpEndpoint: receiver.endpoint,
    otlpProtocol: "http",
    otlpInterval: 0.2,
    traceSampleRatio: 0,
    logLevel: "warn",
  });
  assert.deepEqual(await server.started, []);
  const metadata = { traceparent: `00-${traceId}-${callerSpanId}-01` };
  const traced = InferenceClient.connect(server.grpcAddress, { maxAttempts: 1, metadata });
  const untraced = InferenceClient.connect(server.grpcAddress, { maxAttempts: 1 });
  context.after(async () => {
    traced.close();
    untraced.close();
    await server.stop();
    receiver.stop();
  });
  return { receiver, traced, untraced };
}

const rows = (model: string, height: number, columns = 4) => ({
  model,
  inputs: [createTensor("X", "FP32", [height, columns], new Float32Array(height * columns))],
});

const gather = (index: number) => ({
  model: "gather_fails",
  inputs: [createTensor("index", "INT64", [1, 1], [index])],
});

test("requests of every kind, answered and refused, and the log lines that they cause", async (context) => {
  const { receiver, traced, untraced } = await start(context);
  await untraced.infer(rows("identity_fp32", 1));
  await traced.infer(rows("identity_fp32", 1));
  for await (const { error } of traced.inferStream([rows("identity_fp32", 1), rows("identity_fp32", 2)])) {
    assert.equal(error, undefined);
  }
  for await (const { error } of traced.inferStream([rows("rows", 3)])) assert.equal(error, undefined);
  await traced.infer(addRequest("sum", 7, "1", "start"));
  await assert.rejects(traced.infer(rows("identity_fp32", 1, 5)), { status: "INVALID_ARGUMENT" });
  await assert.rejects(traced.infer(rows("absent", 1)), { status: "NOT_FOUND" });
  for await (const { error } of traced.inferStream([rows("absent", 1)])) assert.notEqual(error, undefined);
  await assert.rejects(traced.infer(gather(9)), { status: "INTERNAL" });

  const requests = () => receiver.spans.filter(({ name }) => name === unary || name === stream);
  await eventuallyTrue("all spans and a log record", () => requests().length >= 9 && receiver.logs.length > 0);
  const seen = requests().map((span) => {
    assert.equal(span.traceId, traceId);
    assert.equal(span.parentSpanId, callerSpanId);
    const [model, error] = [span.attributes.get("sluice.model.name"), span.attributes.get("error.type")];
    const children = receiver.spans.filter(({ parentSpanId }) => parentSpanId === span.spanId);
    assert.deepEqual(
      children.map(({ name }) => name),
      stagesOf(error),
      `${model} ${error}`,
    );
    return `${span.name === unary ? "unary" : "stream"} ${model} ${error ?? "answered"}`;
  });
  assert.deepEqual(seen.sort(), [
    "stream identity_fp32 answered",
    "stream identity_fp32 answered",
    "stream rows answered",
    "stream undefined not_found",
    "unary gather_fails runtime",
    "unary identity_fp32 answered",
    "unary identity_fp32 invalid",
    "unary sum answered",
    "unary undefined not_found",
  ]);

  const failed = requests().find(({ attributes }) => attributes.get("error.type") === "runtime");
  const line = receiver.logs.find(({ body }) => body.includes("gather_fails"));
  assert.equal(line?.traceId, traceId);
  assert.equal(line?.spanId, failed?.spanId);
});

/** A run that fails has no times, so only its wait shows. */
function stagesOf(error: string | undefined): readonly string[] {
  if (error === undefined) return stageNames;
  return error === "runtime" ? stageNames.slice(0, 1) : [];
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { InferenceError } from "../../src/errors.ts";
import { statusCodes } from "../../src/protocol/status.ts";
import { answerTo, describe, FakeModel, FakeRepository, ImmediateModel } from "../support/fake-repository.ts";
import { encodeRequest, frame, GrpcHarness, rawStatus } from "../support/grpc-harness.ts";

test("a unary call is answered by the model that it names", async (t) => {
  const harness = await GrpcHarness.start(t, new FakeRepository(new ImmediateModel("seed")));
  const { code, responses } = await harness.client().infer(encodeRequest("seed", "a"));
  assert.equal(code, statusCodes.OK);
  assert.equal(responses[0]?.id, "a");
  assert.equal(responses[0]?.modelVersion, "1");
  assert.deepEqual([...(responses[0]?.outputs[0]?.data ?? [])], [0, 0, 0, 0]);
  await harness.assertIdle();
  assert.deepEqual(harness.observer.ended, [{ method: "inference.GRPCInferenceService/ModelInfer", code: 0 }]);
  assert.deepEqual(harness.observer.refusedRequests, []);
});

test("the bytes of a call's messages are counted, those of other methods are not known", async (t) => {
  const harness = await GrpcHarness.start(t, new FakeRepository(new ImmediateModel("seed")));
  const request = encodeRequest("seed", "a", undefined, 100);
  await harness.client().infer(request);
  await harness.control().call("ServerLive", {});
  await harness.assertIdle();
  const [[received, sent] = [], others] = harness.observer.sizes;
  assert.equal(received, request.length);
  assert.ok(sent !== undefined && sent > 20, `${sent} bytes sent`);
  assert.deepEqual(others, [undefined, undefined]);
});

test("errors become statuses, with a pushback and without headers before them", async (t) => {
  const repository = new FakeRepository(
    new FakeModel("full", ({ reply }) =>
      reply.fail(new InferenceError("queue_full", "Exceeds maximum queue size", { retryAfterMs: 7.2 })),
    ),
  );
  const harness = await GrpcHarness.start(t, repository);
  const full = await harness.client().infer(encodeRequest("full", ""));
  assert.equal(full.code, statusCodes.UNAVAILABLE);
  assert.equal(full.details, "Exceeds maximum queue size");
  assert.deepEqual(full.metadata.get("grpc-retry-pushback-ms"), ["8"]);

  const unknown = await harness.client().infer(encodeRequest("nobody", ""));
  assert.equal(unknown.code, statusCodes.NOT_FOUND);
  assert.equal(unknown.details, "Request for unknown model: 'nobody' is not found");
  assert.deepEqual(harness.observer.refusedRequests, ["not_found"], "what came to a model is the model's to tell");

  const stream = harness.http2().open("ModelInfer");
  stream.end(frame(encodeRequest("full", "")));
  let headerBlocks = 0;
  stream.on("response", () => headerBlocks++).on("trailers", () => headerBlocks++);
  assert.equal((await rawStatus(stream)).grpc, statusCodes.UNAVAILABLE);
  assert.equal(headerBlocks, 1, "trailers only, or clients would not retry");
  await harness.assertIdle();
});

test("an exception of a model is an internal error, told to the log and not to the caller", async (t) => {
  const secret = new Error("/srv/models/secret.onnx is broken");
  const repository = new FakeRepository(
    new FakeModel("broken", () => {
      throw secret;
    }),
  );
  const harness = await GrpcHarness.start(t, repository);
  const { code, details } = await harness.client().infer(encodeRequest("broken", ""));
  assert.equal(code, statusCodes.INTERNAL);
  assert.equal(details, "internal error");
  assert.deepEqual(
    harness.log.lines.filter(({ level }) => level === "error").map(({ fields }) => fields.error),
    [secret],
  );
  await harness.assertIdle();
});

test("malformed protobuf is INVALID_ARGUMENT", async (t) => {
  const harness = await GrpcHarness.start(t, new FakeRepository(new ImmediateModel("seed")));
  const { code, details } = await harness.client().infer(Buffer.from([0x0a, 0xff]));
  assert.equal(code, statusCodes.INVALID_ARGUMENT);
  assert.match(details, /malformed ModelInferRequest/);
  assert.deepEqual(harness.observer.refusedRequests, ["invalid"]);
  await harness.assertIdle();
});

test("the deadline of the call and of the request reach the model", async (t) => {
  const model = new FakeModel("slow");
  const harness = await GrpcHarness.start(t, new FakeRepository(model));
  const before = performance.now();
  const deadline = harness.client().infer(encodeRequest("slow", ""), { deadline: Date.now() + 150 });
  const none = harness.client().infer(encodeRequest("slow", "", new Map([["sluice_timeout_ms", 5_000]])));
  await model.untilAsked(2);
  const [first, second] = model.asked.map(({ context }) => context.deadlineMs - before).sort((a, b) => a - b);
  assert.ok(first !== undefined && first > 0 && first < 400, `call deadline after ${first} ms`);
  assert.ok(second !== undefined && second > 4_900 && second < 6_000, `request deadline after ${second} ms`);
  assert.equal((await deadline).code, statusCodes.DEADLINE_EXCEEDED);
  for (const { request, reply } of model.asked) reply.respond(answerTo(request), true);
  assert.equal((await none).code, statusCodes.OK);
  await harness.assertIdle();
});

test("a caller that goes away aborts the signal", async (t) => {
  const model = new FakeModel("slow");
  const harness = await GrpcHarness.start(t, new FakeRepository(model));
  const stream = harness.http2().open("ModelInfer");
  stream.end(frame(encodeRequest("slow", "")));
  await model.untilAsked(1);
  const { signal } = model.asked[0]!.context;
  assert.equal(signal.aborted, false);
  const aborted = new Promise((resolve) => signal.addEventListener("abort", resolve));
  stream.close(8);
  await aborted;
  model.asked[0]!.reply.respond(answerTo(model.asked[0]!.request), true); // reaches nobody and hurts nobody
  await harness.assertIdle();
  assert.equal(harness.observer.ended[0]?.code, statusCodes.CANCELLED);
});

test("trace context is handed on as it came", async (t) => {
  const model = new FakeModel("traced", ({ request, reply }) => reply.respond(answerTo(request), true));
  const harness = await GrpcHarness.start(t, new FakeRepository(model));
  await harness
    .client()
    .infer(encodeRequest("traced", ""), { metadata: { traceparent: "00-1-2-01", tracestate: "a=b" } });
  assert.equal(model.asked[0]?.context.traceParent, "00-1-2-01");
  assert.equal(model.asked[0]?.context.traceState, "a=b");
  assert.equal(model.asked[0]?.context.tenant, "default");
});

test("outputs are typed on request, by parameter or metadata", async (t) => {
  const harness = await GrpcHarness.start(t, new FakeRepository(new ImmediateModel("seed")));
  const raw = await rawAnswer(harness, encodeRequest("seed", ""));
  const typed = await rawAnswer(harness, encodeRequest("seed", "", new Map([["sluice_output_contents", "typed"]])));
  const byMetadata = await rawAnswer(harness, encodeRequest("seed", ""), { "sluice-output-contents": "typed" });
  assert.ok(!typed.equals(raw), "the wire differs");
  assert.ok(byMetadata.equals(typed));
});

async function rawAnswer(harness: GrpcHarness, message: Buffer, headers: Record<string, string> = {}): Promise<Buffer> {
  const stream = harness.http2().open("ModelInfer", headers);
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  stream.end(frame(message));
  assert.equal((await rawStatus(stream)).grpc, statusCodes.OK);
  return Buffer.concat(chunks);
}

test("a decoupled model is refused, and more than one answer is an error", async (t) => {
  const decoupled = describe("many", { config: { model_transaction_policy: { decoupled: true } } });
  const twice = new FakeModel("twice", ({ request, reply }) => {
    reply.respond(answerTo(request), false);
    reply.respond(answerTo(request), true);
  });
  const harness = await GrpcHarness.start(t, new FakeRepository(new FakeModel("many", undefined, decoupled), twice));
  const many = await harness.client().infer(encodeRequest("many", ""));
  assert.equal(many.code, statusCodes.UNIMPLEMENTED);
  assert.equal(many.details, "ModelInfer RPC doesn't support models with decoupled transaction policy");
  const two = await harness.client().infer(encodeRequest("twice", ""));
  assert.equal(two.code, statusCodes.INTERNAL);
  assert.equal(two.details, "expected a single response, got 2");
});

test("an answer above the message limit is RESOURCE_EXHAUSTED and is not to be retried", async (t) => {
  const big = new FakeModel("big", ({ request, reply }) =>
    reply.respond(answerTo(request, { shape: [1, 1024], data: new Uint8Array(4096) }), true),
  );
  const harness = await GrpcHarness.start(t, new FakeRepository(big), { maxMessageBytes: 2048 });
  const { code, details, metadata } = await harness.client().infer(encodeRequest("big", ""));
  assert.equal(code, statusCodes.RESOURCE_EXHAUSTED);
  assert.match(details, /the answer has 4\d{3} bytes, more than the 2048/);
  assert.deepEqual(metadata.get("grpc-retry-pushback-ms"), ["-1"]);
  await harness.assertIdle();
});

test("a server that holds all the bytes it may sheds unary calls", async (t) => {
  const model = new FakeModel("slow");
  const harness = await GrpcHarness.start(t, new FakeRepository(model), { maxBufferedBytes: 2 ** 20 });
  const first = harness.client().infer(encodeRequest("slow", "", undefined, 200_000));
  await model.untilAsked(1);
  const second = await harness.client().infer(encodeRequest("slow", "", undefined, 100_000));
  assert.equal(second.code, statusCodes.UNAVAILABLE);
  assert.deepEqual(second.metadata.get("grpc-retry-pushback-ms"), ["100"]);
  assert.deepEqual(harness.observer.refusedRequests, ["shed"]);
  model.asked[0]!.reply.respond(answerTo(model.asked[0]!.request), true);
  assert.equal((await first).code, statusCodes.OK);
  await harness.assertIdle();
});

test("classes are ranked with the model's labels", async (t) => {
  const harness = await GrpcHarness.start(t, new FakeRepository(new ImmediateModel("seed")));
  const { encodeInferRequest } = await import("../../src/protocol/infer-request.ts");
  const message = encodeInferRequest({
    modelName: "seed",
    modelVersion: "",
    id: "",
    parameters: new Map(),
    inputs: [{ name: "x", datatype: "FP32", shape: [1, 1], data: new Uint8Array(4) }],
    requestedOutputs: [{ name: "y", classificationCount: 3 }],
    byteLength: 0,
  });
  const { responses } = await harness.client().infer(message);
  const output = responses[0]?.outputs[0];
  assert.equal(output?.datatype, "BYTES");
  assert.equal(
    Buffer.from(output?.data ?? [])
      .subarray(4)
      .toString(),
    "0.000000:0:cat",
  );
});

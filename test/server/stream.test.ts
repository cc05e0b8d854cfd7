import assert from "node:assert/strict";
import { test } from "node:test";
import { InferenceError } from "../../src/errors.ts";
import { statusCodes } from "../../src/protocol/status.ts";
import { type Asked, answerTo, FakeModel, FakeRepository, ImmediateModel } from "../support/fake-repository.ts";
import { encodeRequest, eventually, GrpcHarness } from "../support/grpc-harness.ts";

const respond = ({ request, reply }: Asked, isFinal = true) => reply.respond(answerTo(request), isFinal);

test("answers leave in request order, whichever model is ready first", async (t) => {
  const slow = new FakeModel("slow");
  const harness = await GrpcHarness.start(t, new FakeRepository(slow, new ImmediateModel("fast")));
  const stream = harness.client().stream();
  stream.send(
    encodeRequest("slow", "1"),
    encodeRequest("fast", "2"),
    encodeRequest("nobody", "3"),
    encodeRequest("slow", "4"),
    encodeRequest("fast", "5"),
  );
  await slow.untilAsked(2);
  respond(slow.asked[1]!);
  await eventually(() => harness.observer.received === 5, "all five are in");
  assert.deepEqual(stream.ids, []);
  respond(slow.asked[0]!);
  const { code, metadata } = await stream.finish();
  assert.deepEqual(stream.ids, ["1", "2", "3", "4", "5"]);
  assert.equal(code, statusCodes.OK);
  assert.deepEqual(metadata.get("sluice-items-received"), ["5"]);
  assert.deepEqual(metadata.get("sluice-items-answered"), ["5"]);
  await harness.assertIdle();
});

test("with sluice-unordered they leave as they are ready", async (t) => {
  const slow = new FakeModel("slow");
  const harness = await GrpcHarness.start(t, new FakeRepository(slow, new ImmediateModel("fast")));
  const stream = harness.client().stream({ "sluice-unordered": "true" });
  stream.send(encodeRequest("slow", "1"), encodeRequest("fast", "2"), encodeRequest("slow", "3"));
  await stream.untilAnswered(1);
  await slow.untilAsked(2);
  respond(slow.asked[1]!);
  await stream.untilAnswered(2);
  respond(slow.asked[0]!);
  assert.equal((await stream.finish()).code, statusCodes.OK);
  assert.deepEqual(stream.ids, ["2", "3", "1"]);
  await harness.assertIdle();
});

test("a failed request is answered in its place and the stream lives on", async (t) => {
  const failing = new FakeModel("failing");
  const harness = await GrpcHarness.start(t, new FakeRepository(failing, new ImmediateModel("fast")));
  const stream = harness.client().stream();
  const numbered = (number: number) => new Map([["sluice_sequence_number", number]]);
  stream.send(
    encodeRequest("nobody", "before", numbered(7)),
    encodeRequest("failing", "during", numbered(8)),
    Buffer.from([0x0a, 0xff]),
    encodeRequest("fast", "good", numbered(9)),
  );
  await failing.untilAsked(1);
  await eventually(() => harness.observer.received === 4, "all are in");
  failing.asked[0]!.reply.fail(new InferenceError("queue_full", "Exceeds maximum queue size", { retryAfterMs: 20 }));
  await stream.untilAnswered(4);
  const [before, during, malformed, good] = stream.responses;

  assert.equal(before?.errorMessage, "Request for unknown model: 'nobody' is not found");
  assert.equal(before?.response.id, "before");
  assert.equal(before?.response.modelName, "", "before issue: the id alone");
  assert.equal(before?.response.parameters.get("sluice_status_code"), statusCodes.NOT_FOUND);
  assert.equal(before?.response.parameters.get("sluice_sequence_number"), 7);
  assert.equal(before?.response.parameters.has("triton_final_response"), false);

  assert.equal(during?.errorMessage, "Exceeds maximum queue size");
  assert.equal(during?.response.modelName, "failing");
  assert.equal(during?.response.modelVersion, "", "as the request gave it");
  assert.equal(during?.response.parameters.get("sluice_status_code"), statusCodes.UNAVAILABLE);
  assert.equal(during?.response.parameters.get("sluice_retry_after_ms"), 20);
  assert.equal(during?.response.parameters.get("triton_final_response"), true);
  assert.equal(during?.response.parameters.get("sluice_sequence_number"), 8);

  assert.match(malformed?.errorMessage ?? "", /malformed ModelInferRequest/);
  assert.equal(good?.errorMessage, "");
  assert.equal(good?.response.modelVersion, "1");
  assert.equal(good?.response.parameters.get("triton_final_response"), true);
  assert.equal(good?.response.parameters.get("sluice_sequence_number"), 9);
  assert.equal((await stream.finish()).code, statusCodes.OK);
  await harness.assertIdle();
});

test("with triton_grpc_error the first error ends the stream with its status, after the answers before it", async (t) => {
  const slow = new FakeModel("slow");
  const harness = await GrpcHarness.start(t, new FakeRepository(slow));
  const stream = harness.client().stream({ triton_grpc_error: "true" });
  stream.send(encodeRequest("slow", "1"), encodeRequest("nobody", "2"), encodeRequest("slow", "3"));
  await slow.untilAsked(2);
  const { signal } = slow.asked[1]!.context;
  respond(slow.asked[0]!);
  const { code, details } = await stream.status;
  assert.equal(code, statusCodes.NOT_FOUND);
  assert.equal(details, "Request for unknown model: 'nobody' is not found");
  assert.deepEqual(stream.ids, ["1"]);
  assert.equal(signal.aborted, true, "nobody waits for the third");
  await harness.assertIdle();
});

test("a request may have several answers, in its place", async (t) => {
  const many = new FakeModel("many");
  const harness = await GrpcHarness.start(t, new FakeRepository(many));
  const stream = harness.client().stream();
  stream.send(encodeRequest("many", "a"), encodeRequest("many", "b"));
  await many.untilAsked(2);
  const [a, b] = many.asked;
  respond(b!, false);
  respond(a!, false);
  respond(b!, true);
  respond(a!, true);
  assert.equal((await stream.finish()).code, statusCodes.OK);
  assert.deepEqual(stream.ids, ["a", "a", "b", "b"]);
  const isFinal = stream.responses.map(({ response }) => response.parameters.get("triton_final_response"));
  assert.deepEqual(isFinal, [false, true, false, true]);
  await harness.assertIdle();
});

test("after the half-close what is in flight is finished, then OK", async (t) => {
  const slow = new FakeModel("slow");
  const harness = await GrpcHarness.start(t, new FakeRepository(slow));
  const stream = harness.client().stream();
  stream.send(encodeRequest("slow", "1"));
  stream.call.end();
  await slow.untilAsked(1);
  respond(slow.asked[0]!);
  const { code, metadata } = await stream.status;
  assert.equal(code, statusCodes.OK);
  assert.deepEqual(stream.ids, ["1"]);
  assert.deepEqual(metadata.get("sluice-items-answered"), ["1"]);
});

test("a client that cancels aborts all its requests", async (t) => {
  const slow = new FakeModel("slow");
  const harness = await GrpcHarness.start(t, new FakeRepository(slow));
  const stream = harness.client().stream();
  stream.send(encodeRequest("slow", "1"), encodeRequest("slow", "2"));
  await slow.untilAsked(2);
  const signals = slow.asked.map(({ context }) => context.signal);
  stream.call.cancel();
  await eventually(() => signals.every(({ aborted }) => aborted), "all signals are aborted");
  for (const asked of slow.asked) respond(asked);
  await harness.assertIdle();
});

test("sluice_cancel cancels one request, has no answer and takes no place", async (t) => {
  const slow = new FakeModel("slow");
  const harness = await GrpcHarness.start(t, new FakeRepository(slow));
  const stream = harness.client().stream();
  stream.send(
    encodeRequest("slow", "1"),
    encodeRequest("slow", "2"),
    encodeRequest("", "", new Map([["sluice_cancel", "1"]])),
  );
  await slow.untilAsked(2);
  const [first, second] = slow.asked;
  await eventually(() => first!.context.signal.aborted, "the first is cancelled");
  assert.equal(second!.context.signal.aborted, false);
  first!.reply.fail(new InferenceError("cancelled", "cancelled"));
  respond(second!);
  const { metadata } = await stream.finish();
  assert.deepEqual(metadata.get("sluice-items-received"), ["2"]);
  assert.equal(stream.responses[0]?.response.parameters.get("sluice_status_code"), statusCodes.CANCELLED);
  await harness.assertIdle();
});

test("while the server drains, messages of open streams are refused in-band", async (t) => {
  const slow = new FakeModel("slow");
  const harness = await GrpcHarness.start(t, new FakeRepository(slow));
  const stream = harness.client().stream();
  stream.send(encodeRequest("slow", "1"));
  await slow.untilAsked(1);
  await harness.server.drain();
  stream.send(encodeRequest("slow", "2"));
  await eventually(() => harness.observer.received === 2, "the second is in");
  respond(slow.asked[0]!);
  await stream.untilAnswered(2);
  assert.match(stream.responses[1]?.errorMessage ?? "", /shutting down and has stopped accepting new requests/);
  assert.equal(stream.responses[1]?.response.parameters.get("sluice_status_code"), statusCodes.UNAVAILABLE);
  assert.deepEqual(harness.observer.refusedRequests, ["draining"]);
  assert.equal((await stream.finish()).code, statusCodes.OK);
});

test("a deadline of one message counts from its arrival", async (t) => {
  const slow = new FakeModel("slow");
  const harness = await GrpcHarness.start(t, new FakeRepository(slow));
  const stream = harness.client().stream();
  stream.send(encodeRequest("slow", "1", new Map([["sluice_timeout_ms", 1_000]])), encodeRequest("slow", "2"));
  await slow.untilAsked(2);
  const [first, second] = slow.asked.map(({ context }) => context);
  assert.equal(first!.deadlineMs, first!.arrivalTimeMs + 1_000);
  assert.equal(second!.deadlineMs, Number.POSITIVE_INFINITY);
  for (const asked of slow.asked) respond(asked);
  await stream.finish();
});

test("a failure that quotes a long id is shortened, because an answer above the message limit would end the stream", async (t) => {
  const failing = new FakeModel("failing", ({ request, reply }) =>
    reply.fail(new InferenceError("invalid", `[request id: ${request.id}] wrong`)),
  );
  const repository = new FakeRepository(failing, new ImmediateModel("fast"));
  const harness = await GrpcHarness.start(t, repository, { maxMessageBytes: 16_384 });
  const stream = harness.client().stream();
  const long = "x".repeat(9_000);
  stream.send(
    encodeRequest("failing", long),
    encodeRequest("failing", "x".repeat(16_000)),
    encodeRequest("fast", "good"),
  );
  assert.equal((await stream.finish()).code, statusCodes.OK);
  assert.deepEqual(stream.ids, [long, "", "good"]);
  await harness.assertIdle();
});

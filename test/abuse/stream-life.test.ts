import assert from "node:assert/strict";
import { test } from "node:test";
import { InferenceError } from "../../src/errors.ts";
import { statusCodes } from "../../src/protocol/status.ts";
import { answerTo, FakeModel, FakeRepository, ImmediateModel } from "../support/fake-repository.ts";
import { encodeRequest, eventually, frame, GrpcHarness, rawStatus } from "../support/grpc-harness.ts";
import { randomNumbers } from "../support/random-numbers.ts";

test("a storm of cancelled calls, unary and streamed, leaves nothing behind", async (t) => {
  const random = randomNumbers(7);
  const model = new FakeModel("slow", ({ request, reply }) => {
    const moment = random() * 8;
    const answer = () => reply.respond(answerTo(request), true);
    if (moment < 2) answer();
    else if (moment < 3) reply.fail(new InferenceError("runtime", "failed"));
    else setTimeout(answer, moment);
  });
  const harness = await GrpcHarness.start(t, new FakeRepository(model, new ImmediateModel("seed")));
  const clients = Array.from({ length: 8 }, () => harness.http2());
  const ends: Promise<unknown>[] = [];
  for (let i = 0; i < 1_000; i++) {
    const isUnary = random() < 0.5;
    const stream = clients[i % clients.length]!.open(isUnary ? "ModelInfer" : "ModelStreamInfer");
    ends.push(new Promise((resolve) => stream.on("close", resolve)));
    stream.resume();
    const message = frame(encodeRequest("slow", String(i)));
    const cut = Math.floor(random() * message.length);
    const stage = random();
    if (stage < 0.2) stream.write(message.subarray(0, cut));
    else if (isUnary) stream.end(message);
    else for (let k = 0; k < 4; k++) stream.write(message);
    if (stage > 0.8) stream.end();
    setTimeout(() => stream.close(8), random() * 12);
    if (i % 100 === 99) await new Promise((resolve) => setTimeout(resolve, 4));
  }
  await Promise.all(ends);
  await harness.assertIdle();
  assert.equal((await harness.client().infer(encodeRequest("seed", ""))).code, statusCodes.OK);
  const codes = new Set(harness.observer.ended.map(({ code }) => code));
  assert.ok(codes.has(statusCodes.CANCELLED) && codes.has(statusCodes.OK), "the storm hit both kinds");
  assert.deepEqual(
    harness.log.lines.filter(({ level }) => level === "error"),
    [],
  );
});

test("connections that vanish in the middle leave nothing behind", async (t) => {
  const model = new FakeModel("slow");
  const harness = await GrpcHarness.start(t, new FakeRepository(model));
  for (let i = 0; i < 20; i++) {
    const client = harness.http2();
    const unary = client.open("ModelInfer");
    unary.end(frame(encodeRequest("slow", "")));
    const stream = client.open("ModelStreamInfer");
    stream.write(frame(encodeRequest("slow", "")));
    await model.untilAsked(2 * i + 2);
    client.session.destroy();
  }
  await harness.assertIdle();
  assert.ok(model.asked.every(({ context }) => context.signal.aborted));
  for (const { request, reply } of model.asked) reply.respond(answerTo(request), true);
  await harness.assertIdle();
});

test("a model that throws, answers twice or answers late hurts its own request only", async (t) => {
  const rude = new FakeModel("rude", ({ request, reply }) => {
    reply.respond(answerTo(request), true);
    reply.respond(answerTo(request), true);
    reply.fail(new InferenceError("internal", "internal error"));
    throw new Error("and throws");
  });
  const harness = await GrpcHarness.start(t, new FakeRepository(rude, new ImmediateModel("seed")));
  const stream = harness.client().stream();
  stream.send(encodeRequest("rude", "1"), encodeRequest("seed", "2"), encodeRequest("rude", "3"));
  const { code } = await stream.finish();
  assert.equal(code, statusCodes.OK);
  assert.deepEqual(stream.ids, ["1", "2", "3"]);
  assert.equal((await harness.client().infer(encodeRequest("rude", ""))).code, statusCodes.OK);
  await harness.assertIdle();
});

test("an output that cannot be encoded is an error of its request", async (t) => {
  const odd = new FakeModel("odd", ({ request, reply }) => {
    reply.respond(answerTo(request, { data: new Float32Array(1) as never }), true);
  });
  const harness = await GrpcHarness.start(t, new FakeRepository(odd, new ImmediateModel("seed")));
  const stream = harness.client().stream();
  stream.send(encodeRequest("odd", "1"), encodeRequest("seed", "2"));
  assert.equal((await stream.finish()).code, statusCodes.OK);
  assert.notEqual(stream.responses[0]?.errorMessage, "");
  assert.equal(stream.responses[1]?.errorMessage, "");
  await harness.assertIdle();
});

test("a status text with half a character or of a megabyte still reaches the client", async (t) => {
  for (const name of ["\ud83d", "x".repeat(1_000_000), "a\nb\u0000c"]) {
    const failing = new FakeModel("failing", ({ reply }) =>
      reply.fail(new InferenceError("invalid", `no '${name}' here`)),
    );
    const harness = await GrpcHarness.start(t, new FakeRepository(failing));
    const { code, details } = await harness.client().infer(encodeRequest("failing", ""));
    assert.equal(code, statusCodes.INVALID_ARGUMENT);
    assert.match(details, /^no '/);
    await harness.assertIdle();
  }
});

test("a stream whose upload breaks off in a message shows what was received", async (t) => {
  const harness = await GrpcHarness.start(t, new FakeRepository(new ImmediateModel("seed")));
  const stream = harness.http2().open("ModelStreamInfer");
  const message = frame(encodeRequest("seed", ""));
  let received = "";
  stream.on("trailers", (trailers) => (received = String(trailers["sluice-items-received"])));
  stream.end(Buffer.concat([message, message, message.subarray(0, 9)]));
  assert.equal((await rawStatus(stream)).grpc, statusCodes.OK);
  assert.equal(received, "2");
  await harness.assertIdle();
});

test("one-byte DATA frames make a message like any other", async (t) => {
  const harness = await GrpcHarness.start(t, new FakeRepository(new ImmediateModel("seed")));
  const stream = harness.http2().open("ModelInfer");
  for (const byte of frame(encodeRequest("seed", "slow"))) {
    stream.write(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  stream.end();
  assert.equal((await rawStatus(stream)).grpc, statusCodes.OK);
  await harness.assertIdle();
});

test("calls beyond the cap of a connection wait or are refused, and the others go on", async (t) => {
  const slow = new FakeModel("slow");
  const harness = await GrpcHarness.start(t, new FakeRepository(slow), { maxConcurrentStreams: 4 });
  const client = harness.client();
  const calls = Array.from({ length: 12 }, (_, i) => client.infer(encodeRequest("slow", String(i))));
  await slow.untilAsked(4);
  await eventually(() => harness.server.load.openCalls === 4, "four are open");
  for (let i = 0; i < 12; i++) {
    await slow.untilAsked(i + 1);
    assert.ok(slow.asked.length <= i + 4);
    slow.asked[i]!.reply.respond(answerTo(slow.asked[i]!.request), true);
  }
  assert.ok((await Promise.all(calls)).every(({ code }) => code === statusCodes.OK));
  await harness.assertIdle();
});

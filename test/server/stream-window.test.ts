import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeStreamResponse } from "../../src/protocol/infer-response.ts";
import { statusCodes } from "../../src/protocol/status.ts";
import type { Model } from "../../src/runtime/model.ts";
import { answerTo, FakeModel, FakeRepository } from "../support/fake-repository.ts";
import { encodeRequest, eventually, frame, GrpcHarness, rawStatus } from "../support/grpc-harness.ts";

/** Lets everything that is under way arrive: a few round trips of the same connection. */
async function settle(harness: GrpcHarness): Promise<void> {
  for (let i = 0; i < 5; i++) await harness.control().call("ServerLive");
}

test("a full window stops reading, and each answer lets one more message in", async (t) => {
  const slow = new FakeModel("slow");
  const harness = await GrpcHarness.start(t, new FakeRepository(slow), { streamWindow: 4 });
  const stream = harness.client().stream();
  for (let i = 0; i < 100; i++) stream.send(encodeRequest("slow", String(i)));
  await slow.untilAsked(4);
  await settle(harness);
  assert.equal(slow.asked.length, 4);
  for (let i = 0; i < 100; i++) {
    await slow.untilAsked(i + 1);
    assert.ok(slow.asked.length <= i + 4, `${slow.asked.length} in the model after ${i} answers`);
    slow.asked[i]!.reply.respond(answerTo(slow.asked[i]!.request), true);
  }
  const { code, metadata } = await stream.finish();
  assert.equal(code, statusCodes.OK);
  assert.deepEqual(metadata.get("sluice-items-answered"), ["100"]);
  assert.deepEqual(
    stream.ids,
    Array.from({ length: 100 }, (_, i) => String(i)),
  );
  await harness.assertIdle();
});

test("the window counts bytes too, and one message is always let in", async (t) => {
  const slow = new FakeModel("slow");
  const harness = await GrpcHarness.start(t, new FakeRepository(slow), { streamWindowBytes: 10_000 });
  const stream = harness.client().stream();
  for (let i = 0; i < 6; i++) stream.send(encodeRequest("slow", String(i), undefined, 5_000)); // 20,000 bytes each
  for (let i = 0; i < 6; i++) {
    await slow.untilAsked(i + 1);
    await settle(harness);
    assert.equal(slow.asked.length, i + 1);
    slow.asked[i]!.reply.respond(answerTo(slow.asked[i]!.request), true);
  }
  assert.equal((await stream.finish()).code, statusCodes.OK);
  await harness.assertIdle();
});

test("messages that cannot be read take places like any other", async (t) => {
  const slow = new FakeModel("slow");
  const harness = await GrpcHarness.start(t, new FakeRepository(slow), { streamWindow: 4 });
  const stream = harness.client().stream();
  stream.send(encodeRequest("slow", "first"));
  for (let i = 0; i < 100; i++) stream.send(Buffer.from([0xff]));
  await slow.untilAsked(1);
  await settle(harness);
  assert.equal(harness.observer.received, 5, "a window, and one read ahead");
  slow.asked[0]!.reply.respond(answerTo(slow.asked[0]!.request), true);
  const { code, metadata } = await stream.finish();
  assert.equal(code, statusCodes.OK);
  assert.deepEqual(metadata.get("sluice-items-answered"), ["101"]);
  assert.deepEqual(stream.ids.slice(0, 2), ["first", ""]);
  await harness.assertIdle();
});

test("the bytes of the whole server pause streams, and they go on when there is room", async (t) => {
  const slow = new FakeModel("slow");
  const harness = await GrpcHarness.start(t, new FakeRepository(slow), { maxBufferedBytes: 2 ** 20 });
  const streams = [harness.client().stream(), harness.client().stream()];
  for (const stream of streams) {
    for (let i = 0; i < 4; i++) stream.send(encodeRequest("slow", String(i), undefined, 2 ** 17)); // half a megabyte each
  }
  await slow.untilAsked(2);
  await settle(harness);
  // Full at two; a third may have been asked for before the second arrived.
  assert.ok(slow.asked.length <= 3, `${slow.asked.length} messages let in`);
  assert.ok(harness.server.load.pausedStreams >= 1);
  for (let i = 0; i < 8; i++) {
    await slow.untilAsked(i + 1);
    slow.asked[i]!.reply.respond(answerTo(slow.asked[i]!.request), true);
  }
  for (const stream of streams) assert.equal((await stream.finish()).code, statusCodes.OK);
  await harness.assertIdle();
});

test("a reader that takes nothing holds a window of answers and no more, then its stream is given up", async (t) => {
  const answerBytes = 32 * 1024;
  const streamWindow = 8;
  const model = new FakeModel("big", ({ request, reply }) =>
    reply.respond(answerTo(request, { shape: [1, answerBytes / 4], data: new Uint8Array(answerBytes) }), true),
  );
  const harness = await GrpcHarness.start(t, new FakeRepository(model), { streamWindow, writeStallTimeoutMs: 200 });
  const stream = harness.http2().open("ModelStreamInfer");
  const status = new Promise<number>((resolve) => stream.on("close", () => resolve(stream.rstCode ?? 0)));
  let highest = 0;
  for (let i = 0; i < 200; i++) stream.write(frame(encodeRequest("big", String(i))));
  const watch = setInterval(() => (highest = Math.max(highest, harness.server.load.bufferedBytes)), 1);
  t.after(() => clearInterval(watch));
  assert.equal(await status, 11, "ENHANCE_YOUR_CALM, which clients show as RESOURCE_EXHAUSTED");
  const bound = streamWindow * (answerBytes + 1024);
  assert.ok(highest > 0 && highest <= bound, `held ${highest} bytes, at most ${bound} allowed`);
  // The client's HTTP/2 window took some answers beyond the stream's window.
  assert.ok(model.asked.length <= streamWindow + 4, `${model.asked.length} requests let in`);
  await harness.assertIdle();
  assert.equal(harness.observer.ended[0]?.code, statusCodes.RESOURCE_EXHAUSTED);
});

test("a slow reader that goes on reading is not given up", async (t) => {
  const model = new FakeModel("big", ({ request, reply }) =>
    reply.respond(answerTo(request, { shape: [1, 8192], data: new Uint8Array(32_768) }), true),
  );
  const harness = await GrpcHarness.start(t, new FakeRepository(model), { writeStallTimeoutMs: 200 });
  const stream = harness.http2().open("ModelStreamInfer");
  for (let i = 0; i < 60; i++) stream.write(frame(encodeRequest("big", String(i))));
  stream.end();
  let received = 0;
  stream.on("data", (chunk: Buffer) => {
    received += chunk.length;
    stream.pause();
    setTimeout(() => stream.resume(), 5);
  });
  assert.equal((await rawStatus(stream, false)).grpc, statusCodes.OK);
  assert.ok(received > 60 * 32_768);
  await harness.assertIdle();
});

test("progress within one large answer counts: a slow reader is not given up, one that stops in the middle is", async (t) => {
  const answerBytes = 4 * 2 ** 20;
  const data = Uint8Array.from({ length: answerBytes }, (_, i) => i % 251);
  const model = new FakeModel("big", ({ request, reply }) =>
    reply.respond(answerTo(request, { shape: [1, answerBytes / 4], data }), true),
  );
  const harness = await GrpcHarness.start(t, new FakeRepository(model), { writeStallTimeoutMs: 1_000 });
  const slow = harness.http2().open("ModelStreamInfer");
  slow.end(frame(encodeRequest("big", "slow")));
  const chunks: Buffer[] = [];
  slow.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    slow.pause();
    setTimeout(() => slow.resume(), 8);
  });
  const stopping = harness.http2().open("ModelStreamInfer");
  stopping.end(frame(encodeRequest("big", "stopping")));
  stopping.once("data", () => stopping.pause());
  const stopped = new Promise<number>((resolve) => stopping.on("close", () => resolve(stopping.rstCode ?? 0)));
  assert.equal((await rawStatus(slow, false)).grpc, statusCodes.OK);
  const { errorMessage, response } = decodeStreamResponse(Buffer.concat(chunks).subarray(5));
  assert.equal(errorMessage, "");
  assert.ok(Buffer.from(data).equals(response.outputs[0]!.data), "every piece in its place");
  assert.equal(await stopped, 11, "ENHANCE_YOUR_CALM");
  await harness.assertIdle();
  assert.ok(harness.log.lines.some(({ level, message }) => level === "warn" && /readers took nothing/.test(message)));
});

/** Remembers how deep the stack was at the deepest look-up. */
class DepthRepository extends FakeRepository {
  deepest = 0;
  override find(name: string, version: string): Model {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 200;
    this.deepest = Math.max(this.deepest, new Error().stack?.split("\n").length ?? 0);
    Error.stackTraceLimit = limit;
    return super.find(name, version);
  }
}

test("thousands of small messages that wait decoded are taken one after the other, not within each other", async (t) => {
  const slow = new FakeModel("slow");
  const options = { maxBufferedBytes: 2 ** 20, streamWindow: 65_536 };
  const repository = new DepthRepository(slow);
  const harness = await GrpcHarness.start(t, repository, options);
  const hog = harness.client().infer(encodeRequest("slow", "hog", undefined, (2 ** 20 - 4_096) / 4));
  await slow.untilAsked(1);
  const stream = harness.http2().open("ModelStreamInfer");
  // One DATA frame: the first message fills the budget, so the others wait in grpc-js.
  const first = frame(encodeRequest("slow", "first", undefined, 1_100));
  const count = Math.floor((16_384 - first.length) / 5);
  stream.end(Buffer.concat([first, ...Array.from({ length: count }, () => frame(Buffer.alloc(0)))]));
  await slow.untilAsked(2);
  await eventually(() => harness.server.load.pausedStreams === 1, "the stream waits for room");
  assert.equal(harness.observer.received, 1);
  for (const { request, reply } of slow.asked) reply.respond(answerTo(request), true);
  assert.equal((await hog).code, statusCodes.OK);
  assert.equal((await rawStatus(stream)).grpc, statusCodes.OK);
  assert.equal(harness.observer.received, 1 + count);
  assert.ok(repository.deepest > 0 && repository.deepest < 100, `the stack was ${repository.deepest} deep`);
  await harness.assertIdle();
});

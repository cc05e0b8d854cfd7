import assert from "node:assert/strict";
import { test } from "node:test";
import { statusCodes } from "../../src/protocol/status.ts";
import { answerTo, FakeModel, FakeRepository, ImmediateModel } from "../support/fake-repository.ts";
import { encodeRequest, frame, GrpcHarness } from "../support/grpc-harness.ts";

test("an idle server with open connections stops at once", async (t) => {
  const harness = await GrpcHarness.start(t, new FakeRepository(new ImmediateModel("seed")));
  await harness.client().infer(encodeRequest("seed", ""));
  const start = performance.now();
  assert.equal(await harness.server.stop(start + 5_000), true);
  assert.ok(performance.now() - start < 1_000);
  assert.equal(harness.server.load.connections, 0);
});

test("calls that finish within the time are finished", async (t) => {
  const slow = new FakeModel("slow");
  const harness = await GrpcHarness.start(t, new FakeRepository(slow));
  const unary = harness.client().infer(encodeRequest("slow", "u"));
  const stream = harness.client().stream();
  stream.send(encodeRequest("slow", "s"));
  await slow.untilAsked(2);
  const stopped = harness.server.stop(performance.now() + 5_000);
  for (const { request, reply } of slow.asked) reply.respond(answerTo(request), true);
  const first = await unary;
  assert.equal(first.code, statusCodes.OK, first.details);
  assert.equal((await stream.finish()).code, statusCodes.OK);
  assert.equal(await stopped, true);
});

test("a stream that waits for its caller does not hold up the stop, and hears why it ends", async (t) => {
  const harness = await GrpcHarness.start(t, new FakeRepository(new ImmediateModel("seed")));
  const stream = harness.client().stream();
  stream.send(encodeRequest("seed", "1"));
  await stream.untilAnswered(1);
  const start = performance.now();
  assert.equal(await harness.server.stop(start + 30_000), true);
  assert.ok(performance.now() - start < 5_000);
  const { code, metadata } = await stream.status;
  assert.equal(code, statusCodes.UNAVAILABLE);
  assert.deepEqual(metadata.get("sluice-items-received"), ["1"], "also where the server ends the stream");
  assert.deepEqual(metadata.get("sluice-items-answered"), ["1"]);
});

test("stuck calls end within the time, and no client sees CANCELLED", async (t) => {
  const big = new FakeModel("big", ({ request, reply }) =>
    reply.respond(answerTo(request, { shape: [1, 65_536], data: new Uint8Array(262_144) }), true),
  );
  const stuck = new FakeModel("stuck");
  const harness = await GrpcHarness.start(t, new FakeRepository(stuck, big));
  const unary = harness.client().infer(encodeRequest("stuck", ""));
  const waiting = harness.client().stream();
  waiting.send(encodeRequest("stuck", "1"));
  const idle = harness.client().stream();
  const unread = harness.http2().open("ModelStreamInfer");
  const rst = new Promise<number>((resolve) => unread.on("close", () => resolve(unread.rstCode ?? 0)));
  for (let i = 0; i < 4; i++) unread.write(frame(encodeRequest("big", "")));
  const halfSent = harness.http2().open("ModelInfer");
  halfSent.write(Buffer.from([0, 0, 0, 1, 0, 1, 2, 3]));
  const halfStatus = new Promise<number>((resolve) =>
    halfSent.on("response", (headers) => resolve(Number(headers["grpc-status"]))),
  );
  await stuck.untilAsked(2);
  await big.untilAsked(4);

  const start = performance.now();
  assert.equal(await harness.server.stop(start + 1_000), false);
  const elapsed = performance.now() - start;
  assert.ok(elapsed > 700 && elapsed < 1_500, `stopped after ${elapsed} ms`);
  for (const outcome of [await unary, await waiting.status, await idle.status]) {
    assert.equal(outcome.code, statusCodes.UNAVAILABLE);
    assert.match(outcome.details, /shutting down/);
    assert.deepEqual(outcome.metadata.get("grpc-retry-pushback-ms"), ["100"]);
  }
  const { metadata } = await waiting.status;
  assert.deepEqual(metadata.get("sluice-items-received"), ["1"]);
  assert.deepEqual(metadata.get("sluice-items-answered"), ["0"], "so that what is missing shows");
  assert.equal(await halfStatus, statusCodes.UNAVAILABLE);
  assert.equal(await rst, 7, "REFUSED_STREAM, which clients show as UNAVAILABLE");
  assert.ok(stuck.asked.every(({ context }) => context.signal.aborted));
  await harness.assertIdle();
  assert.equal(harness.server.load.connections, 0);
});

test("a drain delay longer than the time to stop does not hold it up", async (t) => {
  const harness = await GrpcHarness.start(t, new FakeRepository(), { drainDelayMs: 60_000 });
  const start = performance.now();
  await harness.server.stop(start + 300);
  assert.ok(performance.now() - start < 1_000);
});

test("a stopped server takes no connections", async (t) => {
  const harness = await GrpcHarness.start(t, new FakeRepository(new ImmediateModel("seed")));
  await harness.server.stop(performance.now() + 1_000);
  assert.equal((await harness.client().infer(encodeRequest("seed", ""))).code, statusCodes.UNAVAILABLE);
});

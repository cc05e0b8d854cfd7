import assert from "node:assert/strict";
import { test } from "node:test";
import { statusCodes } from "../../src/protocol/status.ts";
import { answerTo, FakeModel, FakeRepository } from "../support/fake-repository.ts";
import { encodeRequest, eventually, GrpcHarness, type StreamTestCall } from "../support/grpc-harness.ts";
import { randomNumbers } from "../support/random-numbers.ts";

const cancelOf = (id: string): Buffer => encodeRequest("", "", new Map([["sluice_cancel", id]]));

/** Status of each answer, 0 for a good one, by request id. */
function statuses({ responses }: StreamTestCall): ReadonlyMap<string, number> {
  return new Map(
    responses.map(({ response }) => [response.id, Number(response.parameters.get("sluice_status_code") ?? 0)]),
  );
}

test("a cancellation gets through a full window, and the request is answered before its model is done", async (t) => {
  const slow = new FakeModel("slow");
  const harness = await GrpcHarness.start(t, new FakeRepository(slow), { streamWindow: 2 });
  const stream = harness.client().stream();
  stream.send(encodeRequest("slow", "1"), encodeRequest("slow", "2"), cancelOf("1"));
  await stream.untilAnswered(1);
  assert.equal(stream.responses[0]?.response.id, "1");
  assert.equal(stream.responses[0]?.response.parameters.get("sluice_status_code"), statusCodes.CANCELLED);
  assert.equal(slow.asked[0]!.context.signal.aborted, true);
  assert.equal(slow.asked[1]!.context.signal.aborted, false);

  stream.send(encodeRequest("slow", "3"));
  await eventually(() => harness.observer.received === 4, "the fourth message was read ahead");
  assert.equal(slow.asked.length, 2, "the place of the first is taken until its model has let go of it");
  slow.asked[0]!.reply.respond(answerTo(slow.asked[0]!.request), true);
  await slow.untilAsked(3);
  for (const { request, reply } of slow.asked.slice(1)) reply.respond(answerTo(request), true);
  const { code, metadata } = await stream.finish();
  assert.equal(code, statusCodes.OK);
  assert.deepEqual(stream.ids, ["1", "2", "3"], "one answer each");
  assert.deepEqual(metadata.get("sluice-items-received"), ["3"]);
  assert.deepEqual(metadata.get("sluice-items-answered"), ["3"]);
  await harness.assertIdle();
});

test("the answer to a cancelled request keeps its place in the order", async (t) => {
  const slow = new FakeModel("slow");
  const harness = await GrpcHarness.start(t, new FakeRepository(slow));
  const stream = harness.client().stream();
  stream.send(encodeRequest("slow", "1"), encodeRequest("slow", "2"), encodeRequest("slow", "3"), cancelOf("2"));
  await slow.untilAsked(3);
  await eventually(() => slow.asked[1]!.context.isCancelled, "the second is cancelled");
  slow.asked[2]!.reply.respond(answerTo(slow.asked[2]!.request), true);
  assert.deepEqual(stream.ids, []);
  slow.asked[0]!.reply.respond(answerTo(slow.asked[0]!.request), true);
  await stream.untilAnswered(3);
  slow.asked[1]!.reply.respond(answerTo(slow.asked[1]!.request), true);
  assert.equal((await stream.finish()).code, statusCodes.OK);
  assert.deepEqual(
    [...statuses(stream)],
    [
      ["1", 0],
      ["2", statusCodes.CANCELLED],
      ["3", 0],
    ],
  );
  await harness.assertIdle();
});

test("what is cancelled twice, after its answer, or is unknown, changes nothing", async (t) => {
  const slow = new FakeModel("slow");
  const harness = await GrpcHarness.start(t, new FakeRepository(slow));
  const stream = harness.client().stream({ "sluice-unordered": "1" });
  stream.send(encodeRequest("slow", "1"), encodeRequest("slow", "2"));
  await slow.untilAsked(2);
  slow.asked[0]!.reply.respond(answerTo(slow.asked[0]!.request), true);
  await stream.untilAnswered(1);
  stream.send(cancelOf("1"), cancelOf("nobody"), cancelOf("2"), cancelOf("2"));
  await stream.untilAnswered(2);
  const { metadata } = await stream.finish();
  slow.asked[1]!.reply.respond(answerTo(slow.asked[1]!.request), true);
  assert.deepEqual([...statuses(stream).values()], [0, statusCodes.CANCELLED]);
  assert.deepEqual(metadata.get("sluice-items-received"), ["2"]);
  await harness.assertIdle();
});

test("a cancelled request whose model lets go of it before its answer may leave gives its place and bytes back once", async (t) => {
  const slow = new FakeModel("slow");
  const harness = await GrpcHarness.start(t, new FakeRepository(slow), { streamWindow: 2 });
  const stream = harness.client().stream();
  stream.send(encodeRequest("slow", "1"), encodeRequest("slow", "2"), cancelOf("2"));
  await eventually(() => slow.asked[1]?.context.isCancelled === true, "the second is cancelled");
  slow.asked[1]!.reply.respond(answerTo(slow.asked[1]!.request), true);
  slow.asked[0]!.reply.respond(answerTo(slow.asked[0]!.request), true);
  await stream.untilAnswered(2);
  await eventually(() => harness.server.load.bufferedBytes === 0, `${harness.server.load.bufferedBytes} bytes held`);
  for (const id of ["3", "4", "5", "6"]) stream.send(encodeRequest("slow", id));
  await eventually(() => harness.observer.received === 6, "one message beyond the window was read ahead");
  assert.equal(slow.asked.length, 4, "the window is as large as before");
  for (let i = 2; i < 6; i++) {
    await slow.untilAsked(i + 1);
    slow.asked[i]!.reply.respond(answerTo(slow.asked[i]!.request), true);
  }
  assert.equal((await stream.finish()).code, statusCodes.OK);
  await harness.assertIdle();
});

test("a stream may end while models still work on its cancelled requests", async (t) => {
  const slow = new FakeModel("slow");
  const harness = await GrpcHarness.start(t, new FakeRepository(slow));
  const stream = harness.client().stream();
  stream.send(encodeRequest("slow", "1"), cancelOf("1"));
  assert.equal((await stream.finish()).code, statusCodes.OK);
  await harness.assertIdle();
  slow.asked[0]!.reply.respond(answerTo(slow.asked[0]!.request), true);
  await harness.assertIdle();
});

test("a storm of cancellations: each request is answered once, in order, and nothing is left behind", async (t) => {
  const random = randomNumbers(11);
  const model = new FakeModel("slow", ({ request, reply }) => {
    setTimeout(() => reply.respond(answerTo(request), true), random() * 6);
  });
  const harness = await GrpcHarness.start(t, new FakeRepository(model), { streamWindow: 16 });
  const streams = [harness.client().stream(), harness.client().stream()];
  const count = 1_000;
  for (let i = 0; i < count; i++) {
    for (const stream of streams) {
      stream.send(encodeRequest("slow", String(i)));
      if (random() < 0.5) stream.send(cancelOf(String(Math.max(0, i - Math.floor(random() * 20)))));
    }
    if (i % 50 === 49) await new Promise((resolve) => setTimeout(resolve, 2));
  }
  for (const stream of streams) {
    const { code, metadata } = await stream.finish();
    assert.equal(code, statusCodes.OK);
    const expected = Array.from({ length: count }, (_, i) => String(i));
    assert.deepEqual(stream.ids, expected);
    assert.deepEqual(metadata.get("sluice-items-answered"), [String(count)]);
    const seen = new Set(statuses(stream).values());
    assert.deepEqual([...seen].sort(), [0, statusCodes.CANCELLED]);
  }
  await harness.assertIdle();
});

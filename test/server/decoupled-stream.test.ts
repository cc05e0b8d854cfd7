import assert from "node:assert/strict";
import { test } from "node:test";
import { InferenceError } from "../../src/errors.ts";
import type { Answer, AnswerSource } from "../../src/inference.ts";
import { statusCodes } from "../../src/protocol/status.ts";
import {
  type Asked,
  answerTo,
  describe,
  FakeModel,
  FakeRepository,
  ImmediateModel,
} from "../support/fake-repository.ts";
import { encodeRequest, eventually, frame, GrpcHarness, rawStatus } from "../support/grpc-harness.ts";

const decoupled = (name: string, behaviour: (asked: Asked) => void = () => {}) =>
  new FakeModel(name, behaviour, describe(name, { config: { model_transaction_policy: { decoupled: true } } }));

/** So many answers of so many floats. */
class CountedSource implements AnswerSource {
  readonly byteLength: number;
  readonly #asked: Asked;
  readonly #count: number;
  readonly #floats: number;
  made = 0;
  isAbandoned = false;

  constructor(asked: Asked, count: number, floats = 1) {
    this.#asked = asked;
    this.#count = count;
    this.#floats = floats;
    this.byteLength = count * floats * 4;
  }

  next(): Answer | undefined {
    if (this.#asked.context.isCancelled) throw new InferenceError("cancelled", "cancelled");
    if (this.#count === 0) return undefined;
    this.made++;
    const output = { shape: [1, this.#floats], data: new Uint8Array(4 * this.#floats) };
    return { response: answerTo(this.#asked.request, output), isFinal: this.made === this.#count };
  }

  abandon(): void {
    this.isAbandoned = true;
  }
}

const give = (asked: Asked, count: number, floats?: number) => {
  const source = new CountedSource(asked, count, floats);
  asked.reply.respondFrom?.(source);
  return source;
};
/** More than a client takes before its next message arrives, and less than a window of bytes. */
const manyAnswers = 10_000;
const askForEmpty = new Map([["triton_enable_empty_final_response", true]]);

test("answers of a decoupled model leave as they are made, and hold nobody up", async (t) => {
  const slow = new FakeModel("slow");
  const many = decoupled("many");
  const harness = await GrpcHarness.start(t, new FakeRepository(slow, many, new ImmediateModel("fast")));
  const stream = harness.client().stream();
  stream.send(encodeRequest("slow", "1"), encodeRequest("many", "2"), encodeRequest("many", "3"));
  await many.untilAsked(2);
  const [second, third] = many.asked;
  third!.reply.respond(answerTo(third!.request), false);
  second!.reply.respond(answerTo(second!.request), false);
  third!.reply.respond(answerTo(third!.request), true);
  await stream.untilAnswered(3);
  slow.asked[0]!.reply.respond(answerTo(slow.asked[0]!.request), true);
  stream.send(encodeRequest("fast", "4"));
  await stream.untilAnswered(5);
  second!.reply.respond(answerTo(second!.request), true);
  const { code, metadata } = await stream.finish();
  assert.equal(code, statusCodes.OK);
  assert.deepEqual(stream.ids, ["3", "2", "3", "1", "4", "2"]);
  assert.deepEqual(metadata.get("sluice-items-answered"), ["4"]);
  await harness.assertIdle();
});

test("a request without answers ends silently, or with an empty answer when it asks for that", async (t) => {
  const none = decoupled("none", (asked) => give(asked, 0));
  const harness = await GrpcHarness.start(t, new FakeRepository(none, new ImmediateModel("fast")));
  const stream = harness.client().stream();
  stream.send(encodeRequest("none", "silent"), encodeRequest("none", "told", askForEmpty), encodeRequest("fast", "f"));
  await stream.untilAnswered(2);
  await eventually(() => harness.server.load.bufferedBytes === 0, "nothing is charged on the open stream");
  const { code, metadata } = await stream.finish();
  assert.equal(code, statusCodes.OK);
  assert.deepEqual(stream.ids, ["told", "f"]);
  const [{ response, errorMessage } = assert.fail()] = stream.responses;
  assert.equal(errorMessage, "");
  assert.deepEqual([response.modelName, response.modelVersion, response.outputs], ["none", "", []]);
  assert.deepEqual(response.parameters, new Map([["triton_final_response", true]]));
  assert.deepEqual(metadata.get("sluice-items-received"), ["3"]);
  assert.deepEqual(metadata.get("sluice-items-answered"), ["3"], "an end without an answer is an end");
  await harness.assertIdle();
});

test("no empty answer follows a last one that came", async (t) => {
  const two = decoupled("two", (asked) => give(asked, 2));
  const harness = await GrpcHarness.start(t, new FakeRepository(two));
  const stream = harness.client().stream();
  stream.send(encodeRequest("two", "a", askForEmpty));
  await stream.untilAnswered(2);
  await eventually(() => harness.server.load.bufferedBytes === 0, "nothing is charged on the open stream");
  assert.equal((await stream.finish()).code, statusCodes.OK);
  const finals = stream.responses.map(({ response }) => response.parameters.get("triton_final_response"));
  assert.deepEqual(finals, [false, true]);
});

test("a request holds its place in the window until its last answer", async (t) => {
  const many = decoupled("many");
  const harness = await GrpcHarness.start(t, new FakeRepository(many), { streamWindow: 2 });
  const stream = harness.client().stream();
  stream.send(...["1", "2", "3"].map((id) => encodeRequest("many", id)));
  await many.untilAsked(2);
  const [first] = many.asked;
  first!.reply.respond(answerTo(first!.request), false);
  await stream.untilAnswered(1);
  assert.equal(many.asked.length, 2);
  first!.reply.respond(answerTo(first!.request), true);
  await many.untilAsked(3);
  for (const asked of many.asked.slice(1)) give(asked, 1);
  assert.equal((await stream.finish()).code, statusCodes.OK);
  await harness.assertIdle();
});

test("answers are made no faster than they are read, and their source is charged until the last", async (t) => {
  const count = 1_000;
  const floats = 16_384; // 64 KB an answer
  let source: CountedSource | undefined;
  const many = decoupled("many", (asked) => {
    source = give(asked, count, floats);
  });
  const harness = await GrpcHarness.start(t, new FakeRepository(many), { writeStallTimeoutMs: 60_000 });
  const stream = harness.http2().open("ModelStreamInfer");
  stream.write(frame(encodeRequest("many", "1")));
  stream.end();
  await eventually(() => (source?.made ?? 0) > 0, "the first answers are made");
  await harness.control().call("ServerLive");
  // 256 KB ahead, and what HTTP/2 has let through to the client.
  assert.ok(source!.made <= 10, `${source!.made} answers made for a reader that takes none`);
  assert.ok(harness.server.load.bufferedBytes >= source!.byteLength, "what they are made from counts");
  let received = 0;
  let madeAhead = 0;
  stream.on("data", (chunk: Buffer) => {
    received += chunk.length;
    madeAhead = Math.max(madeAhead, source!.made - received / (4 * floats));
  });
  assert.equal((await rawStatus(stream, false)).grpc, statusCodes.OK);
  assert.equal(source!.made, count);
  assert.equal(source!.isAbandoned, false, "a source that has ended is left alone");
  assert.ok(madeAhead <= 10, `${madeAhead} answers ahead of the reader`);
  await harness.assertIdle();
});

test("a cancelled request has no further answers", async (t) => {
  let source: CountedSource | undefined;
  const many = decoupled("many", (asked) => {
    source = give(asked, manyAnswers, 1_024);
  });
  const harness = await GrpcHarness.start(t, new FakeRepository(many));
  const stream = harness.client().stream();
  stream.send(encodeRequest("many", "1"));
  await stream.untilAnswered(1);
  stream.send(encodeRequest("", "", new Map([["sluice_cancel", "1"]])));
  assert.equal((await stream.finish()).code, statusCodes.OK);
  assert.ok(source!.made < manyAnswers);
  assert.ok(source!.isAbandoned);
  const last = stream.responses.at(-1);
  assert.equal(last?.response.parameters.get("sluice_status_code"), statusCodes.CANCELLED);
  assert.equal(last?.response.parameters.get("triton_final_response"), true);
  await harness.assertIdle();
});

test("a caller that goes away stops the answers and frees what they are made from", async (t) => {
  let source: CountedSource | undefined;
  const many = decoupled("many", (asked) => {
    source = give(asked, manyAnswers, 1_024);
  });
  const harness = await GrpcHarness.start(t, new FakeRepository(many));
  const stream = harness.client().stream();
  stream.send(encodeRequest("many", "1"));
  await stream.untilAnswered(1);
  stream.call.cancel();
  await harness.assertIdle();
  assert.ok(source!.made < manyAnswers);
  assert.ok(source!.isAbandoned);
});

test("the requests of several sources end in the order of their sources", async (t) => {
  const many = decoupled("many");
  const harness = await GrpcHarness.start(t, new FakeRepository(many));
  const stream = harness.client().stream();
  stream.send(encodeRequest("many", "1"), encodeRequest("many", "2"));
  await many.untilAsked(2);
  for (const asked of many.asked) give(asked, 200);
  assert.equal((await stream.finish()).code, statusCodes.OK);
  assert.deepEqual(stream.ids, [...new Array(200).fill("1"), ...new Array(200).fill("2")]);
});

test("with triton_grpc_error a failing decoupled request ends the stream", async (t) => {
  const failing = decoupled("failing", ({ reply }) => reply.fail(new InferenceError("runtime", "broken")));
  const harness = await GrpcHarness.start(t, new FakeRepository(failing));
  const stream = harness.client().stream({ triton_grpc_error: "true" });
  stream.send(encodeRequest("failing", "1"));
  assert.equal((await stream.status).code, statusCodes.INTERNAL);
  await harness.assertIdle();
});

test("with triton_grpc_error a source that fails ends the stream, and the sources behind it are dropped", async (t) => {
  const sources: CountedSource[] = [];
  const many = decoupled("many");
  const harness = await GrpcHarness.start(t, new FakeRepository(many));
  const stream = harness.client().stream({ triton_grpc_error: "true" });
  stream.send(encodeRequest("many", "1"), encodeRequest("many", "2"));
  await many.untilAsked(2);
  const failing = new CountedSource(many.asked[0]!, manyAnswers);
  const next = failing.next.bind(failing);
  failing.next = () => {
    if (failing.made === 100) throw new InferenceError("runtime", "broken");
    return next();
  };
  many.asked[0]!.reply.respondFrom?.(failing);
  sources.push(give(many.asked[1]!, 100));
  assert.equal((await stream.status).code, statusCodes.INTERNAL);
  assert.deepEqual(
    sources.map(({ made, isAbandoned }) => [made, isAbandoned]),
    [[0, true]],
  );
  await harness.assertIdle();
});

test("a source that comes too late is told so: after the request was cancelled, and after its caller left", async (t) => {
  const many = decoupled("many");
  const harness = await GrpcHarness.start(t, new FakeRepository(many));
  const stream = harness.client().stream();
  stream.send(encodeRequest("many", "1"), encodeRequest("many", "2"));
  await many.untilAsked(2);
  stream.send(encodeRequest("", "", new Map([["sluice_cancel", "1"]])));
  await stream.untilAnswered(1);
  assert.ok(give(many.asked[0]!, 5).isAbandoned, "cancelled");
  stream.call.cancel();
  await eventually(() => many.asked[1]!.context.isCancelled, "the caller has left");
  const late = give(many.asked[1]!, 5);
  assert.ok(late.isAbandoned, "left");
  assert.equal(late.made, 0);
  await harness.assertIdle();
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { InferOptions } from "../../src/client/infer-options.ts";
import { ResumingStream } from "../../src/client/resuming-stream.ts";
import type { StreamResume, StreamSummary } from "../../src/client/stream-parts.ts";
import { encodeStreamRequest } from "../../src/client/stream-request.ts";
import type { StreamResult } from "../../src/client/stream-result.ts";
import { createTensor, readTensor } from "../../src/client/tensor-values.ts";
import { InferenceError } from "../../src/errors.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FakeStreamServers } from "../support/fake-stream-servers.ts";

const limits = {
  window: 4,
  windowBytes: 1_000_000,
  itemAttempts: 3,
  resumeAttempts: 3,
  resumeTimeoutMs: 10_000,
  backoffMs: 100,
  maxBackoffMs: 1_000,
};

const question = (value: number, id = `r${value}`): InferOptions => ({
  model: "m",
  id,
  inputs: [createTensor("x", "FP32", [1], [value])],
});

/** The client's promises run until nothing moves any more. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A stream over fake servers, read as fast as answers come. */
class Subject {
  readonly servers: FakeStreamServers;
  readonly clock = new FakeClock();
  readonly results: StreamResult[] = [];
  readonly resumes: StreamResume[] = [];
  readonly #stream: ResumingStream<InferOptions>;
  /** Ends the stream from outside. */
  fail = (_error: unknown): void => {};
  summary: StreamSummary | undefined;
  failure: { code?: number; message: string } | undefined;
  isDone = false;
  readonly #reading: Promise<void>;

  constructor(
    requests: Iterable<InferOptions> | AsyncIterable<InferOptions>,
    changed: Partial<typeof limits> = {},
    isEchoing = true,
  ) {
    this.servers = new FakeStreamServers(isEchoing);
    this.#stream = new ResumingStream<InferOptions>({
      watch: (fail) => {
        this.fail = fail;
        return () => {};
      },
      release: () => {},
      connect: this.servers.connect,
      encode: encodeStreamRequest,
      limits: { ...limits, ...changed },
      clock: this.clock,
      random: () => 0.5,
      onResume: (resume) => this.resumes.push(resume),
      onEnd: (summary) => (this.summary = summary),
    });
    this.#reading = this.#read(requests);
  }

  get server() {
    return this.servers.current;
  }

  /** Indexes of requests that the current server has received. */
  get received(): number[] {
    return this.server.received.map(({ parameters }) => Number(parameters.get("sluice_sequence_number")));
  }

  /** What the caller has got: its own values, or texts of errors. */
  get values(): (number | string)[] {
    return this.results.map(answerValue);
  }

  async ended(): Promise<void> {
    await this.#reading;
  }

  async #read(requests: Iterable<InferOptions> | AsyncIterable<InferOptions>): Promise<void> {
    try {
      for await (const result of this.#stream.run(requests)) this.results.push(result);
    } catch (error) {
      this.failure = error as Error;
    }
    this.isDone = true;
  }
}

function answerValue({ response, error }: StreamResult): number | string {
  const output = response?.outputs[0];
  return output === undefined ? (error?.message ?? "") : Number((readTensor(output) as Float32Array)[0]);
}

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

test("answers come in order, the stream is closed when all is sent and ends with the server's status", async () => {
  const subject = new Subject(numbers(6).map((i) => question(i)));
  await settle();
  assert.deepEqual(subject.received, [0, 1, 2, 3], "a window of four");
  assert.ok(!subject.server.isHalfClosed);
  subject.server.answer(4);
  await settle();
  assert.ok(subject.server.isHalfClosed);
  subject.server.answer(2);
  subject.server.end();
  await subject.ended();
  assert.deepEqual(subject.values, numbers(6));
  assert.deepEqual(
    subject.results.map(({ index, id }) => [index, id]),
    numbers(6).map((i) => [i, `r${i}`]),
  );
  assert.deepEqual(subject.summary, { requests: 6, answered: 6, failed: 0, resumes: 0 });
});

test("what a dying server left unanswered goes to the next one at once", async () => {
  const subject = new Subject(numbers(5).map((i) => question(i)));
  await settle();
  subject.server.answer(2);
  subject.server.close(14, "Connection dropped");
  await settle();
  assert.equal(subject.servers.connections.length, 2);
  assert.deepEqual(subject.received, [2, 3, 4]);
  const [resume] = subject.resumes;
  assert.deepEqual(
    [resume?.server, resume?.unanswered, resume?.delayMs, resume?.cause.message],
    ["server-0:1", 2, 0, "Connection dropped"],
  );
  subject.server.answer(3);
  subject.server.end();
  await subject.ended();
  assert.deepEqual(subject.values, numbers(5));
  assert.equal(subject.summary?.resumes, 1);
});

test("without any server it tries again with growing waits, and ends when the time is up", async () => {
  const subject = new Subject([question(0)], { resumeTimeoutMs: 1_000 });
  await settle();
  subject.server.close(14, "Connection dropped");
  for (let i = 0; i < 20 && !subject.isDone; i++) {
    subject.server.peer = undefined;
    subject.server.close(14, "ECONNREFUSED");
    await settle();
    subject.clock.advance(subject.resumes.at(-1)?.delayMs ?? 0);
    await settle();
  }
  assert.deepEqual(
    subject.resumes.map(({ delayMs }) => Math.round(delayMs)),
    [0, 100, 200, 400, 300],
  );
  assert.equal(subject.failure?.code, 14);
  assert.match(
    subject.failure?.message ?? "",
    /^ECONNREFUSED; the stream cannot be resumed with 1 requests unanswered: no server answered for 1000 ms/,
  );
  assert.deepEqual(subject.summary, { requests: 1, answered: 0, failed: 0, resumes: 5 });
});

test("servers that take the stream and drop it again are tried so many times in a row; an answer starts anew", async () => {
  const subject = new Subject(numbers(9).map((i) => question(i)));
  await settle();
  for (let i = 0; i < 6; i++) {
    subject.server.answer(1);
    subject.server.close(14, "Connection dropped");
    await settle();
  }
  for (let i = 0; i < 3; i++) {
    assert.ok(!subject.isDone);
    subject.server.close(14, "Connection dropped");
    await settle();
    subject.clock.advance(500);
    await settle();
  }
  assert.match(subject.failure?.message ?? "", /3 requests unanswered: 4 connections in a row/);
  assert.deepEqual(subject.values, numbers(6));
});

test("an error that is not the connection's ends the stream as it is", async () => {
  const subject = new Subject([question(0)]);
  await settle();
  subject.server.close(7, "not allowed");
  await subject.ended();
  assert.deepEqual([subject.failure?.code, subject.failure?.message], [7, "not allowed"]);
});

test("an early end in good order is resumed as a loss is", async () => {
  const subject = new Subject(numbers(6).map((i) => question(i)));
  await settle();
  subject.server.answer(4);
  subject.server.end();
  await settle();
  assert.deepEqual(subject.received, [4, 5]);
  subject.server.answer(2);
  subject.server.end();
  await subject.ended();
  assert.deepEqual(subject.values, numbers(6));
});

test("a stream that waits for its caller connects again when there is something to send", async () => {
  const more = Promise.withResolvers<void>();
  async function* requests() {
    yield question(0);
    await more.promise;
    yield question(1);
  }
  const subject = new Subject(requests());
  await settle();
  subject.server.answer(1);
  subject.server.close(14, "Server is stopping");
  await settle();
  subject.clock.advance(100_000);
  await settle();
  assert.equal(subject.servers.connections.length, 1);
  more.resolve();
  await settle();
  assert.equal(subject.servers.connections.length, 2);
  subject.server.answer(1);
  subject.server.end();
  await subject.ended();
  assert.deepEqual(subject.values, [0, 1]);
});

test("a server lost after the last answer is no failure", async () => {
  const subject = new Subject([question(0)]);
  await settle();
  subject.server.answer(1);
  subject.server.close(14, "Connection dropped");
  await subject.ended();
  assert.equal(subject.failure, undefined);
  assert.deepEqual(subject.values, [0]);
});

test("a refused request is sent again on the same stream in its place", async () => {
  const full = new InferenceError("queue_full", "full", { retryAfterMs: 200 });
  const subject = new Subject(numbers(6).map((i) => question(i)));
  await settle();
  subject.server.answer(1);
  subject.server.fail(full);
  subject.server.answer(2);
  await settle();
  assert.deepEqual(subject.values, [0]);
  assert.deepEqual(subject.received, [0, 1, 2, 3], "nothing new while the server wants to be left alone");
  subject.clock.advance(200);
  await settle();
  assert.deepEqual(subject.received, [0, 1, 2, 3, 1, 4]);
  subject.server.answer(10);
  await settle();
  subject.server.answer(10);
  subject.server.end();
  await subject.ended();
  assert.deepEqual(subject.values, numbers(6));
  assert.deepEqual(subject.summary, { requests: 6, answered: 6, failed: 0, resumes: 0 });
});

test("what is refused after the stream was closed goes over another one", async () => {
  const full = new InferenceError("queue_full", "full", { retryAfterMs: 200 });
  const subject = new Subject([question(0), question(1)]);
  await settle();
  assert.ok(subject.server.isHalfClosed);
  subject.server.fail(full);
  subject.server.answer(1);
  subject.server.end();
  await settle();
  assert.equal(subject.servers.connections.length, 1, "the server wants to be left alone");
  subject.clock.advance(200);
  await settle();
  assert.equal(subject.servers.connections.length, 2);
  assert.deepEqual(subject.received, [0]);
  subject.server.answer(1);
  subject.server.end();
  await subject.ended();
  assert.deepEqual(subject.values, [0, 1]);
});

test("a request that is refused too often is answered with the refusal, and the stream goes on", async () => {
  const full = new InferenceError("queue_full", "full", { retryAfterMs: 10 });
  async function* requests() {
    yield* [question(0), question(1)];
    await new Promise<never>(() => {});
  }
  const subject = new Subject(requests());
  await settle();
  for (let i = 0; i < 3; i++) {
    subject.server.fail(full);
    subject.clock.advance(1_000);
    subject.server.answer(subject.server.open.length > 1 ? 1 : 0);
    await settle();
  }
  assert.deepEqual(subject.values, ["full", 1]);
});

test("streams with sequences and decoupled answers are not resumed, and say so", async () => {
  const sequence = new Subject([{ ...question(0), parameters: { sequence_id: 7, sequence_start: true } }, question(1)]);
  await settle();
  sequence.server.answer(1);
  sequence.server.close(14, "Connection dropped");
  await sequence.ended();
  assert.match(
    sequence.failure?.message ?? "",
    /^Connection dropped; the stream cannot be resumed with 1 requests unanswered: request 0 belongs to a sequence/,
  );
  const decoupled = new Subject([question(0)]);
  await settle();
  decoupled.server.answerMore();
  decoupled.server.close(14, "Connection dropped");
  await decoupled.ended();
  assert.match(decoupled.failure?.message ?? "", /cannot be resumed .* decoupled model/);
  assert.equal(decoupled.results.length, 1);
});

test("a server that leaves out an answer, or counts otherwise, does not go unnoticed", async () => {
  const silent = new Subject([question(0), question(1)]);
  await settle();
  silent.server.answer(1);
  silent.server.end();
  await silent.ended();
  assert.equal(silent.failure?.code, 15);
  assert.match(silent.failure?.message ?? "", /1 requests unanswered: 2 were sent and 1 answers came/);
  for (const [trailer, text] of [
    ["sluice-items-received", /the server counts 1 and 2/],
    ["sluice-items-answered", /the server counts 2 and 1/],
  ] as const) {
    const subject = new Subject([question(0), question(1)]);
    await settle();
    subject.server.answer(2);
    subject.server.end({ [trailer]: "1" });
    await subject.ended();
    assert.match(subject.failure?.message ?? "", text);
  }
});

test("a connection that takes no more is written to when it does again", async () => {
  async function* requests() {
    for (const i of numbers(4)) yield question(i);
  }
  const subject = new Subject(requests());
  subject.server.writableAfter = 2;
  await settle();
  assert.deepEqual(subject.received, [0, 1]);
  subject.server.drain();
  await settle();
  assert.deepEqual(subject.received, [0, 1, 2, 3]);
  subject.fail(undefined);
  await subject.ended();
});

test("a connection that cannot even be tried ends the stream, whoever asked for it", async () => {
  const subject = new Subject([question(0)]);
  await settle();
  subject.servers.refusal = new Error("the client is closed");
  subject.server.close(14, "Connection dropped");
  await settle();
  assert.ok(subject.isDone, "the reader waits for ever");
  assert.equal(subject.failure?.message, "the client is closed");
  assert.deepEqual(subject.summary, { requests: 1, answered: 0, failed: 0, resumes: 1 });
});

test("a reader that takes nothing pauses the connection; taking lets it go on", async () => {
  const servers = new FakeStreamServers();
  const stream = new ResumingStream<InferOptions>({
    watch: () => () => {},
    release: () => {},
    connect: servers.connect,
    encode: encodeStreamRequest,
    limits: { ...limits, window: 2 },
    clock: new FakeClock(),
    random: () => 0.5,
    onResume: undefined,
    onEnd: undefined,
  });
  const results = stream.run(numbers(9).map((i) => question(i)));
  const first = results.next();
  servers.current.answer(1);
  await first;
  servers.current.answer(2);
  assert.ok(servers.current.isPaused);
  await results.next();
  assert.ok(!servers.current.isPaused);
  await results.return();
  assert.ok(servers.current.isCancelled);
});

test("a cancellation of another request is sent and has no answer", async () => {
  const cancellation: InferOptions = { model: "", inputs: [], parameters: { sluice_cancel: "r0" } };
  const subject = new Subject([question(0), cancellation, question(1)]);
  await settle();
  assert.equal(subject.server.received.length, 3);
  subject.server.answer(2);
  subject.server.end();
  await subject.ended();
  assert.deepEqual(subject.values, [0, 1]);
  assert.equal(subject.failure, undefined);
});

test("a cancellation does not overtake the request that it names, neither where a connection takes no more nor where there is none", async () => {
  const cancellation: InferOptions = { model: "", inputs: [], parameters: { sluice_cancel: "r1" } };
  const sent = (subject: Subject) =>
    subject.server.received.map(({ id, parameters }) => id || parameters.get("sluice_cancel"));
  async function* requests() {
    yield* [question(0), question(1), cancellation, question(2)];
  }
  const subject = new Subject(requests());
  subject.server.writableAfter = 1;
  await settle();
  assert.deepEqual(sent(subject), ["r0"]);
  subject.server.drain();
  await settle();
  assert.deepEqual(sent(subject), ["r0", "r1", "r2", "r1"]);
  const lost = new Subject(requests());
  lost.server.close(14, "Connection dropped");
  await settle();
  assert.deepEqual(sent(lost).slice(0, 3), ["r0", "r1", "r1"]);
});

test("cancellations that cannot be sent are drawn no further than the window", async () => {
  let drawn = 0;
  function* cancellations() {
    for (;;) {
      drawn++;
      yield { model: "", inputs: [], parameters: { sluice_cancel: "r0" } } satisfies InferOptions;
      if (drawn === 20) return;
    }
  }
  async function* requests() {
    yield question(0);
    yield* cancellations();
  }
  const subject = new Subject(requests());
  subject.server.writableAfter = 1;
  await settle();
  assert.equal(drawn, limits.window);
  subject.server.drain();
  await settle();
  assert.equal(drawn, 20);
  assert.equal(subject.server.received.length, 21);
  subject.server.answer();
  subject.server.end();
  await subject.ended();
  assert.deepEqual(subject.values, [0]);
});

test("the last request may be cancelled, even if the connection takes no more when the source ends", async () => {
  const cancellation: InferOptions = { model: "", inputs: [], parameters: { sluice_cancel: "r0" } };
  async function* requests() {
    yield* [question(0), cancellation];
  }
  const subject = new Subject(requests());
  subject.server.writableAfter = 1;
  await settle();
  assert.deepEqual([subject.server.received.length, subject.server.isHalfClosed], [1, false]);
  subject.server.drain();
  await settle();
  assert.deepEqual([subject.server.received.length, subject.server.isHalfClosed], [2, true]);
});

test("thousands of cancellations in a row are drawn one after the other, not within each other", async () => {
  const cancellation: InferOptions = { model: "", inputs: [], parameters: { sluice_cancel: "r0" } };
  const subject = new Subject([question(0), ...new Array<InferOptions>(20_000).fill(cancellation), question(1)]);
  await settle();
  assert.equal(subject.failure, undefined);
  assert.equal(subject.server.received.length, 20_002);
  subject.server.answer(2);
  subject.server.end();
  await subject.ended();
  assert.deepEqual(subject.values, [0, 1]);
});

test("a sequence number of the caller's own is refused", async () => {
  const subject = new Subject([{ ...question(0), parameters: { sluice_sequence_number: 1 } }]);
  await subject.ended();
  assert.match(subject.failure?.message ?? "", /'sluice_sequence_number' of request 0 is set by the client itself/);
});

/** What servers do to a stream. */
const disaster = fc.record({
  kind: fc.constantFrom("answer", "answer", "answer", "kill", "drain", "refuse", "wait", "block"),
  which: fc.nat({ max: 20 }),
});

test("servers may die, drain and refuse at any point: every request is answered once, in order, with its own answer", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(disaster, { maxLength: 80 }),
      fc.integer({ min: 1, max: 12 }),
      fc.boolean(),
      fc.boolean(),
      async (disasters, window, isEchoing, hasIds) => {
        const requests = numbers(40).map((i) => question(i, hasIds ? `r${i}` : ""));
        const endless = { resumeAttempts: 1_000_000, itemAttempts: 1_000_000, resumeTimeoutMs: 1e9 };
        const subject = new Subject(requests, { ...endless, window }, isEchoing);
        const strike = async (kind: string, which: number) => {
          const { server } = subject;
          if (kind === "answer") server.answer(which % 5, isEchoing ? which % Math.max(1, server.open.length) : 0);
          else if (kind === "kill") server.close(14, "Connection dropped");
          else if (kind === "drain") {
            server.answer(server.open.length);
            server.close(14, "Server is stopping", { "grpc-retry-pushback-ms": String(which) });
          } else if (kind === "refuse" && isEchoing && server.open.length > 0) {
            const refusal = new InferenceError("queue_full", "full", { retryAfterMs: which });
            server.fail(refusal, which % server.open.length);
          } else if (kind === "wait") subject.clock.advance(which * 100);
          else if (kind === "block") server.writableAfter = server.received.length + (which % 3);
          await settle();
        };
        for (const { kind, which } of disasters) await strike(kind, which);
        for (let round = 0; !subject.isDone; round++) {
          assert.ok(round < 500, `stuck with ${subject.results.length} answers`);
          subject.clock.advance(2_000);
          subject.server.drain();
          subject.server.answer(subject.server.open.length);
          await settle();
          if (subject.server.isHalfClosed && subject.server.open.length === 0) subject.server.end();
          await settle();
        }
        assert.equal(subject.failure, undefined);
        assert.deepEqual(subject.values, numbers(40));
        assert.equal(subject.clock.timers, 0);
      },
    ),
    { numRuns: 150 },
  );
});

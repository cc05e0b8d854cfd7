import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { Metadata } from "@grpc/grpc-js";
import { reportStream } from "../../src/client/outcome-stream.ts";
import type { ConnectionListener, StreamConnection } from "../../src/client/stream-connection.ts";
import type { Outcome } from "../../src/outcome.ts";
import { decodeOutcome, outcomeOfStream } from "../../src/protocol/outcome-messages.ts";
import { encodeStreamResult } from "../../src/protocol/outcome-results.ts";

/** A server at the other end that answers when the test says so. */
class FakeConnection implements StreamConnection {
  readonly peer = "fake";
  readonly sent: Outcome[] = [];
  listener: ConnectionListener | undefined;
  isFinished = false;
  isCancelled = false;
  isFull = false;
  #answered = 0;

  readonly connect = (listener: ConnectionListener): StreamConnection => {
    this.listener = listener;
    return this;
  };
  write(message: Buffer): boolean {
    this.sent.push(decodeOutcome(outcomeOfStream(message)));
    return !this.isFull;
  }
  finish(): void {
    this.isFinished = true;
  }
  cancel(): void {
    this.isCancelled = true;
  }
  pause(): void {}
  resume(): void {}

  answer(count: number): void {
    for (let i = 0; i < count; i++) {
      this.listener?.onMessage(encodeStreamResult(this.#answered++, { status: "ACCEPTED", message: "" }));
    }
  }
  end(code = 0, details = ""): void {
    this.listener?.onClosed({ code, details, metadata: new Metadata() });
  }
}

const outcome = (index: number): Outcome => ({ predictionId: `${index}`, classIndex: 0 });
const outcomes = (count: number) => Array.from({ length: count }, (_, index) => outcome(index));

function open(source: Iterable<Outcome> | AsyncIterable<Outcome>, window = 2, signal?: AbortSignal) {
  const connection = new FakeConnection();
  return { connection, results: reportStream(source, { connect: connection.connect, window, signal }) };
}

test("no more outcomes are without a result that was taken than the window has room for", async () => {
  let drawn = 0;
  const source = (function* () {
    for (const next of outcomes(5)) {
      drawn++;
      yield next;
    }
  })();
  const { connection, results } = open(source, 2);
  const first = results.next();
  await setImmediate();
  assert.equal(connection.sent.length, 2);
  assert.equal(drawn, 2);
  connection.answer(2);
  assert.equal((await first).value?.index, 0);
  await setImmediate();
  assert.equal(connection.sent.length, 3);
  connection.answer(1);
  for (const index of [1, 2]) assert.equal((await results.next()).value?.index, index);
  await setImmediate();
  connection.answer(2);
  assert.equal((await results.next()).value?.outcome.predictionId, "3");
  assert.equal((await results.next()).value?.outcome.predictionId, "4");
  await setImmediate();
  assert.equal(connection.isFinished, true);
  connection.end();
  assert.equal((await results.next()).done, true);
});

test("a connection that is full is written to again when it says so", async () => {
  const { connection, results } = open(outcomes(3), 64);
  connection.isFull = true;
  const first = results.next();
  await setImmediate();
  assert.equal(connection.sent.length, 1);
  connection.isFull = false;
  connection.listener?.onWritable();
  await setImmediate();
  assert.equal(connection.sent.length, 3);
  connection.answer(3);
  await first;
});

test("a stream that ends before every outcome has its result is an error, also when the server calls it a success", async () => {
  for (const [code, expected] of [
    [0, /ended the stream with 1 outcomes without a result/],
    [14, /going away/],
  ] as const) {
    const { connection, results } = open(outcomes(2), 64);
    const first = results.next();
    await setImmediate();
    connection.answer(1);
    connection.end(code, "going away");
    assert.equal((await first).value?.status, "ACCEPTED");
    await assert.rejects(results.next(), expected);
  }
});

test("a reader that leaves cancels the call and ends the source", async () => {
  let isReturned = false;
  const source = (function* () {
    try {
      yield* outcomes(100);
    } finally {
      isReturned = true;
    }
  })();
  const { connection, results } = open(source);
  const first = results.next();
  await setImmediate();
  connection.answer(1);
  await first;
  await results.return();
  await setImmediate();
  assert.equal(connection.isCancelled, true);
  assert.equal(isReturned, true);
});

test("what the source throws, and an outcome that cannot be sent, end the stream with that", async () => {
  const failing = (async function* () {
    yield outcome(0);
    throw new Error("planted");
  })();
  for (const [source, expected] of [
    [failing, /planted/],
    [[{ row: -1 }], /row of an outcome is -1/],
  ] as const) {
    const { connection, results } = open(source);
    await assert.rejects(Array.fromAsync(results), expected);
    assert.equal(connection.isCancelled, true);
  }
});

test("an aborted stream ends at once", async () => {
  const stop = new AbortController();
  const { connection, results } = open(outcomes(1), 1, stop.signal);
  const cancelled = assert.rejects(results.next(), { status: "CANCELLED" });
  await setImmediate();
  stop.abort();
  await cancelled;
  assert.equal(connection.isCancelled, true);
  await assert.rejects(open(outcomes(1), 1, AbortSignal.abort()).results.next(), { status: "CANCELLED" });
});

test("results that are not those asked for end the stream", async () => {
  const { connection, results } = open(outcomes(1));
  const refused = assert.rejects(results.next(), /answered outcome 7 in the place of 0/);
  await setImmediate();
  connection.listener?.onMessage(encodeStreamResult(7, { status: "ACCEPTED", message: "" }));
  await refused;
});

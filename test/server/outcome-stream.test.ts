import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { encodeStreamOutcome } from "../../src/protocol/outcome-messages.ts";
import { decodeStreamResult } from "../../src/protocol/outcome-results.ts";
import { Admission } from "../../src/server/admission.ts";
import type { Call, CallStatus } from "../../src/server/call.ts";
import { OutcomeStream } from "../../src/server/outcome-stream.ts";
import { TurnBudget } from "../../src/server/turn-budget.ts";
import { OutcomeSubject } from "../support/outcome-subject.ts";
import { RecordingSink } from "../support/recording-sink.ts";

/** A call whose reader takes results when the test says so. */
class FakeCall implements Call<Buffer> {
  readonly method = "sluice.monitor.v1.MonitorService/StreamOutcomes";
  readonly startMs = 0;
  readonly deadlineMs = Number.POSITIVE_INFINITY;
  readonly signal = AbortSignal.any([]);
  readonly written: Buffer[] = [];
  readonly #accepts: (() => void)[] = [];
  reads = 0;
  ended: CallStatus | undefined;

  get isOpen(): boolean {
    return this.ended === undefined;
  }
  metadata(): string | undefined {
    return undefined;
  }
  read(): void {
    this.reads++;
  }
  write(bytes: Buffer, onAccepted: () => void): void {
    this.written.push(bytes);
    this.#accepts.push(onAccepted);
  }
  end(status: CallStatus): void {
    this.ended ??= status;
  }
  reset(code: number): void {
    this.end({ code, details: "" });
  }
  /** The reader takes so many results. */
  accept(count: number): void {
    for (const accept of this.#accepts.splice(0, count)) accept();
  }
  get results() {
    return this.written.map(decodeStreamResult);
  }
}

function openStream(streamWindow = 2) {
  const subject = new OutcomeSubject();
  const sink = new RecordingSink();
  subject.predict(subject.open(sink), "a", 100);
  const call = new FakeCall();
  const admission = new Admission(2 ** 20);
  const failures: unknown[] = [];
  const stream = new OutcomeStream(call, {
    intake: subject.intake,
    admission,
    turns: new TurnBudget(),
    streamWindow,
    logInternal: (error) => void failures.push(error),
  });
  const send = async (row: number) => {
    stream.onMessage(encodeStreamOutcome({ predictionId: "a", row, classIndex: 1 }));
    await setImmediate();
  };
  return { subject, sink, call, admission, stream, send, failures };
}

test("each outcome has its result, in order, and a stream whose reader takes none reads no more", async () => {
  const { call, stream, send, sink } = openStream(2);
  assert.equal(call.reads, 1);
  await send(0);
  await send(0);
  assert.equal(call.reads, 2); // both results wait for the reader
  call.accept(1);
  assert.equal(call.reads, 3);
  await send(100);
  assert.equal(call.reads, 3);
  call.accept(2);
  assert.equal(call.reads, 4);
  assert.deepEqual(
    call.results.map(({ index, result }) => [index, result.status]),
    [
      [0, "ACCEPTED"],
      [1, "DUPLICATE"],
      [2, "INVALID"],
    ],
  );
  assert.equal(sink.outcomes.length, 1);
  assert.equal(stream.isIdle, true);
  stream.onHalfClose();
  assert.equal(call.ended?.code, 0);
  assert.deepEqual(stream.trailers, { "sluice-items-received": "3", "sluice-items-answered": "3" });
});

test("an outcome that is none has its result, a message that is none ends the stream", async () => {
  const { call, stream } = openStream();
  stream.onMessage(Buffer.from([0x0a, 2, 0x0a, 9]));
  await setImmediate();
  assert.equal(call.results[0]?.result.status, "INVALID");
  assert.match(call.results[0]?.result.message ?? "", /malformed Outcome/);
  assert.throws(() => stream.onMessage(Buffer.from([0x0a, 9])), /malformed StreamOutcomesRequest/);
});

test("a stopping server takes no further outcome", async () => {
  const { call, admission, send, sink } = openStream();
  await send(0);
  admission.drain();
  await send(1);
  assert.equal(call.ended?.code, 14);
  assert.equal(sink.outcomes.length, 1);
});

test("a bug of ours while an outcome is taken ends its stream as an internal error, and nothing else", async () => {
  const { call, sink, send, failures } = openStream();
  sink.record = () => {
    throw new Error("planted");
  };
  await send(0);
  assert.equal(call.ended?.code, 13);
  assert.equal(call.ended?.details, "internal error");
  assert.equal(failures.length, 1);
});

test("outcomes of a call that is over are not taken", async () => {
  const { call, stream, sink } = openStream();
  call.end({ code: 1, details: "" });
  stream.onMessage(encodeStreamOutcome({ predictionId: "a", classIndex: 1 }));
  await setImmediate();
  assert.equal(sink.outcomes.length, 0);
});

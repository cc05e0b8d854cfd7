import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ClientError } from "../../src/client/client-error.ts";
import { type LedgerLimits, StreamLedger } from "../../src/client/stream-ledger.ts";
import type { StreamAnswer, StreamResult } from "../../src/client/stream-result.ts";

const limits: LedgerLimits = {
  window: 4,
  windowBytes: 1000,
  itemAttempts: 3,
  backoffMs: 10,
  maxBackoffMs: 15,
};

interface Saying {
  readonly id?: string;
  /** Undefined: a server that does not echo it. */
  readonly number?: number;
  readonly isFinal?: boolean;
  readonly error?: ClientError;
}

function answer({ id = "", number, isFinal = true, error }: Saying): StreamAnswer {
  const common = { index: -1, id, isFinal, sequenceNumber: number };
  if (error !== undefined) return { ...common, error };
  return {
    ...common,
    response: { modelName: "m", modelVersion: "1", id, parameters: new Map(), outputs: [] },
  };
}

const refusal = (retryAfterMs: number) => new ClientError(14, "full", { retryAfterMs });

/** A ledger whose requests carry their index as their one byte. */
class Subject {
  readonly ledger: StreamLedger;

  constructor(changed: Partial<LedgerLimits> = {}) {
    this.ledger = new StreamLedger({ ...limits, ...changed });
  }

  add(...ids: string[]): void {
    for (const id of ids) {
      this.ledger.add({ message: Buffer.from([this.ledger.requests]), id, isSequence: id.startsWith("sequence") });
    }
  }

  /** Indexes of what is sent now. */
  send(nowMs = 0): number[] {
    const sent: number[] = [];
    if (nowMs < this.ledger.holdUntilMs) return sent;
    for (let next = this.ledger.nextToSend(); next !== undefined; next = this.ledger.nextToSend()) {
      sent.push(next[0] ?? -1);
    }
    return sent;
  }

  answer(saying: Saying, nowMs = 0): void {
    this.ledger.receive(answer(saying), 1, nowMs);
  }

  take(): (number | string)[] {
    const taken: (number | string)[] = [];
    for (let next = this.ledger.take(); next !== undefined; next = this.ledger.take()) taken.push(text(next));
    return taken;
  }
}

function text({ index, isFinal, error }: StreamResult): number | string {
  if (error !== undefined) return `${index} ${error.message}`;
  return isFinal ? index : `${index} more`;
}

test("answers are delivered in request order, however they come", () => {
  const subject = new Subject();
  subject.add("a", "b", "c");
  assert.deepEqual(subject.send(), [0, 1, 2]);
  subject.answer({ number: 2 });
  subject.answer({ number: 1 });
  assert.deepEqual(subject.take(), []);
  subject.answer({ number: 0 });
  assert.deepEqual(subject.take(), [0, 1, 2]);
});

test("without numbers an answer belongs to the oldest request, or to the one whose id it has", () => {
  const subject = new Subject();
  subject.add("a", "b", "c", "");
  subject.send();
  subject.answer({ id: "b" });
  subject.answer({ id: "" });
  subject.answer({ id: "c" });
  assert.deepEqual(subject.take(), [0, 1, 2]);
  subject.answer({ id: "made up by the server" });
  assert.deepEqual(subject.take(), [3]);
});

test("an answer without an id gets that of its request", () => {
  const subject = new Subject();
  subject.add("a");
  subject.send();
  subject.answer({ number: 0, error: new ClientError(3, "bad") });
  assert.equal(subject.ledger.take()?.id, "a");
  assert.equal(subject.ledger.failed, 1);
});

test("what a lost connection left unanswered is sent again, in order, and nothing else", () => {
  const subject = new Subject();
  subject.add("a", "b", "c", "d");
  assert.deepEqual(subject.send(), [0, 1, 2, 3]);
  subject.answer({ number: 2 });
  subject.answer({ number: 0 });
  subject.ledger.lose();
  assert.equal(subject.ledger.unanswered, 0);
  assert.ok(subject.ledger.hasUnsent);
  assert.deepEqual(subject.send(), [1, 3]);
  subject.answer({ id: "b" });
  subject.answer({ id: "d" });
  assert.deepEqual(subject.take(), [0, 1, 2, 3]);
  assert.ok(!subject.ledger.hasUnsent);
  assert.deepEqual([subject.ledger.messagesSent, subject.ledger.answersReceived], [2, 2]);
});

test("a second answer to the same number is an error of the server", () => {
  const subject = new Subject();
  subject.add("a", "b");
  subject.send();
  subject.answer({ number: 1 });
  assert.throws(() => subject.answer({ number: 1 }), { code: 13, message: /answered request 1 .* not open/ });
  assert.throws(() => subject.answer({ number: 5 }), { code: 13, message: /answered request 5 / });
});

test("a refused request is sent again after the time that the server asks for, before anything new", () => {
  const subject = new Subject();
  subject.add("a", "b", "c");
  subject.send();
  subject.answer({ number: 0 });
  subject.answer({ number: 1, error: refusal(100) }, 1000);
  subject.answer({ number: 2 });
  subject.add("d");
  assert.equal(subject.ledger.holdUntilMs, 1100);
  assert.deepEqual(subject.send(1099), []);
  assert.deepEqual(subject.take(), [0]);
  assert.deepEqual(subject.send(1100), [1, 3]);
  assert.equal(subject.ledger.holdUntilMs, 0);
  subject.answer({ number: 1 });
  assert.deepEqual(subject.take(), [1, 2]);
});

test("waits double up to their limit, and the last refusal is the answer", () => {
  const subject = new Subject({ itemAttempts: 4 });
  subject.add("a");
  for (const wait of [10, 15, 15]) {
    subject.send(1_000_000);
    subject.answer({ number: 0, error: refusal(1) }, 0);
    assert.equal(subject.ledger.holdUntilMs, wait);
  }
  subject.send(1_000_000);
  subject.answer({ number: 0, error: refusal(1) });
  assert.deepEqual(subject.take(), ["0 full"]);
});

test("a refusal stands without a time, with a negative one, for another reason, and in a sequence", () => {
  const subject = new Subject({ window: 8 });
  subject.add("a", "b", "c", "sequence");
  subject.send();
  subject.answer({ number: 0, error: new ClientError(14, "no time") });
  subject.answer({ number: 1, error: refusal(-1) });
  subject.answer({ number: 2, error: new ClientError(3, "wrong", { retryAfterMs: 5 }) });
  subject.answer({ number: 3, error: refusal(5) });
  assert.deepEqual(subject.take(), ["0 no time", "1 full", "2 wrong", "3 full"]);
});

test("a lost connection forgets its server's refusals", () => {
  const subject = new Subject();
  subject.add("a", "b");
  subject.send();
  subject.answer({ number: 0, error: refusal(100) }, 0);
  subject.ledger.lose();
  assert.deepEqual(subject.send(0), [0, 1]);
});

test("the window counts requests until their answer is taken, and bytes; one request always enters", () => {
  const subject = new Subject({ window: 2, windowBytes: 4 });
  subject.add("a", "b");
  assert.ok(!subject.ledger.hasRoom);
  subject.send();
  subject.answer({ number: 0 });
  assert.ok(!subject.ledger.hasRoom);
  subject.take();
  assert.ok(subject.ledger.hasRoom);
  subject.ledger.add({ message: Buffer.alloc(3), id: "", isSequence: false });
  assert.ok(!subject.ledger.hasRoom, "four bytes");

  const large = new StreamLedger({ ...limits, windowBytes: 4 });
  assert.ok(large.hasRoom);
  large.add({ message: Buffer.alloc(1000), id: "", isSequence: false });
  assert.ok(!large.hasRoom);
  large.nextToSend();
  large.receive(answer({ number: 0 }), 2000, 0);
  assert.ok(large.isReaderBehind);
  large.take();
  assert.ok(large.hasRoom && !large.isReaderBehind);
});

test("several answers are delivered as they come, and keep the stream from being resumed", () => {
  const subject = new Subject();
  subject.add("a", "b");
  subject.send();
  assert.equal(subject.ledger.obstacle, undefined);
  subject.answer({ number: 1, isFinal: false });
  subject.answer({ number: 0 });
  subject.answer({ number: 1, isFinal: false });
  subject.answer({ number: 1 });
  assert.deepEqual(subject.take(), ["1 more", 0, "1 more", 1]);
  assert.match(subject.ledger.obstacle ?? "", /decoupled/);
  assert.equal(subject.ledger.finished, 2);
});

test("answers that nobody asked for, as of decoupled models without final flags, are passed on", () => {
  const subject = new Subject();
  subject.add("a");
  subject.send();
  subject.answer({ id: "a" });
  subject.answer({ id: "a" });
  const [first, second] = [subject.ledger.take(), subject.ledger.take()];
  assert.deepEqual([first?.index, second?.index, second?.id], [0, -1, "a"]);
  assert.match(subject.ledger.obstacle ?? "", /decoupled/);
});

test("an answer that nobody asked for does not take that of a request that waits to be sent", () => {
  const subject = new Subject();
  subject.add("a", "b");
  assert.equal(subject.ledger.nextToSend()?.[0], 0);
  subject.answer({ id: "a" });
  subject.answer({ id: "a" });
  assert.equal(subject.ledger.nextToSend()?.[0], 1);
  subject.answer({ id: "b" });
  assert.deepEqual(subject.take(), [0, -1, 1]);
});

test("a sequence that was sent keeps the stream from being resumed, one that waits does not", () => {
  const subject = new Subject();
  subject.add("a", "sequence");
  assert.equal(subject.ledger.obstacle, undefined);
  subject.send();
  assert.match(subject.ledger.obstacle ?? "", /request 1 belongs to a sequence/);
});

/** What may happen to a stream, as numbers that pick among what is possible. */
const story = fc.record({
  window: fc.integer({ min: 1, max: 9 }),
  requests: fc.integer({ min: 1, max: 60 }),
  isEchoing: fc.boolean(),
  hasIds: fc.boolean(),
  steps: fc.array(
    fc.record({
      kind: fc.constantFrom("enter", "send", "answer", "answer", "answer", "take", "refuse", "lose", "wait"),
      which: fc.nat(),
    }),
    { maxLength: 300 },
  ),
});

test("whatever is lost and refused, every request is delivered once and in order", () => {
  fc.assert(
    fc.property(story, ({ window, requests, isEchoing, hasIds, steps }) => {
      const ledger = new StreamLedger({ ...limits, window, itemAttempts: 1000 });
      let nowMs = 0;
      let connection: number[] = [];
      const taken: number[] = [];
      const say = (position: number, error?: ClientError) => {
        const [index] = connection.splice(position, 1);
        if (index === undefined) return;
        const id = hasIds ? `r${index}` : "";
        ledger.receive(
          answer({ id, ...(isEchoing ? { number: index } : {}), ...(error === undefined ? {} : { error }) }),
          1,
          nowMs,
        );
      };
      const perform = (kind: string, which: number) => {
        if (kind === "enter" && ledger.hasRoom && ledger.requests < requests) {
          const index = ledger.requests;
          ledger.add({ message: Buffer.from([index]), id: hasIds ? `r${index}` : "", isSequence: false });
        } else if (kind === "send") {
          const message = nowMs < ledger.holdUntilMs ? undefined : ledger.nextToSend();
          if (message !== undefined) connection.push(message[0] ?? -1);
        } else if (kind === "answer") say(isEchoing ? which % Math.max(1, connection.length) : 0);
        else if (kind === "refuse" && isEchoing) say(which % Math.max(1, connection.length), refusal(which % 50));
        else if (kind === "take") {
          const result = ledger.take();
          if (result !== undefined) taken.push(result.index);
        } else if (kind === "lose") {
          connection = [];
          ledger.lose();
        } else if (kind === "wait") nowMs += which % 100;
        assert.ok(ledger.requests - taken.length <= window, "the window holds");
        assert.equal(ledger.unanswered, connection.length);
      };
      for (const { kind, which } of steps) perform(kind, which);
      for (let round = 0; taken.length < requests; round++) {
        assert.ok(round < 1000, `only ${taken.length} of ${requests} were delivered`);
        for (const kind of ["wait", "enter", "send", "answer", "take"]) perform(kind, 99);
      }
      assert.deepEqual(
        taken,
        Array.from({ length: requests }, (_, i) => i),
      );
      assert.equal(ledger.take(), undefined);
      assert.equal(ledger.finished, requests);
      assert.ok(!ledger.hasUnsent);
    }),
    { numRuns: 500 },
  );
});

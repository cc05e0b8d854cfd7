import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import fc from "fast-check";
import { statusCodes } from "../../src/protocol/status.ts";
import { ArrivingMessages, type Decoder } from "../../src/server/arriving-messages.ts";
import { bulkMessageBytes } from "../../src/server/bulk-memory.ts";
import { FakeRepository, ImmediateModel } from "../support/fake-repository.ts";
import { encodeRequest, eventually, frame, GrpcHarness, rawStatus } from "../support/grpc-harness.ts";

/** grpc-js' own, not among what it exports: its fields are what is tested against. */
const { StreamDecoder } = createRequire(import.meta.url)("@grpc/grpc-js/build/src/stream-decoder.js") as {
  StreamDecoder: new (maxBytes: number) => Decoder;
};

/** A call's receiving side: what arrives, and what is kept of it. */
class Receiver {
  readonly decoder: Decoder = new StreamDecoder(2 ** 30);
  readonly base = { decoder: this.decoder };
  readonly arrival;
  isGivenUp = false;

  constructor(all: ArrivingMessages) {
    this.arrival = all.follow(this.base, this);
  }

  giveUp(): void {
    this.isGivenUp = true;
  }

  receive(...chunks: Uint8Array[]): Buffer[] {
    return chunks.flatMap((chunk) => this.base.decoder.write(Buffer.from(chunk)));
  }
}

const numbered = (bytes: number) => Uint8Array.from({ length: bytes }, (_, i) => i % 251);

test("however messages are cut, they arrive as they were sent, and nothing of them is kept", () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat({ max: 3_000 }), { minLength: 1, maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 5 }),
      (sizes, cuts) => {
        const all = new ArrivingMessages(1);
        const receiver = new Receiver(all);
        const sent = sizes.map((size) => frame(numbered(size)));
        const bytes = Buffer.concat(sent);
        const received: Buffer[] = [];
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const end = at + (cuts[i % cuts.length] ?? 1);
          received.push(...receiver.receive(bytes.subarray(at, end)));
          at = end;
        }
        assert.deepEqual(received, sent);
        assert.equal(receiver.decoder.readPartialMessage.length, 0);
        assert.equal(all.bytes, 0);
      },
    ),
    { numRuns: 200 },
  );
});

test("a message of very small parts is kept in few pieces", () => {
  const receiver = new Receiver(new ArrivingMessages(2 ** 20));
  const message = frame(numbered(20_000));
  const parts = Array.from(message, (byte) => Uint8Array.of(byte));
  receiver.receive(...parts.slice(0, -1));
  assert.ok(receiver.decoder.readPartialMessage.length < 600, `${receiver.decoder.readPartialMessage.length} pieces`);
  assert.deepEqual(receiver.receive(...parts.slice(-1)), [message]);
});

test("beyond the limit the oldest message is given up, and what follows of it is not kept", () => {
  const all = new ArrivingMessages(3 * bulkMessageBytes);
  const [first, second, third] = [new Receiver(all), new Receiver(all), new Receiver(all)];
  const message = frame(numbered(2 * bulkMessageBytes));
  for (const receiver of [first, second]) receiver.receive(message.subarray(0, 5 + bulkMessageBytes));
  assert.equal(all.bytes, 2 * bulkMessageBytes);
  third.receive(message.subarray(0, -1));
  assert.deepEqual([first.isGivenUp, second.isGivenUp, third.isGivenUp], [true, false, false]);
  assert.equal(all.bytes, 3 * bulkMessageBytes - 1);
  assert.deepEqual(first.receive(message.subarray(5 + bulkMessageBytes), message), []);
  assert.equal(first.decoder.readPartialMessage.length, 0);
  assert.equal(third.receive(message.subarray(-1)).length, 1);
  second.arrival?.close();
  first.arrival?.close();
  assert.equal(all.bytes, 0);
});

test("the only message may be larger than the limit", () => {
  const all = new ArrivingMessages(1);
  const receiver = new Receiver(all);
  const message = frame(numbered(3 * bulkMessageBytes));
  receiver.receive(message.subarray(0, -1));
  assert.ok(!receiver.isGivenUp);
  assert.equal(receiver.receive(message.subarray(-1)).length, 1);
});

test("calls that send a part of a large message and no more hold a bounded part of the server's memory", async (t) => {
  const maxBufferedBytes = 2 ** 20;
  const harness = await GrpcHarness.start(t, new FakeRepository(new ImmediateModel("seed")), { maxBufferedBytes });
  const message = frame(encodeRequest("seed", "large", undefined, 150_000)); // 600 KB
  const part = message.subarray(0, 400_000);
  const calls = [];
  for (const method of ["ModelInfer", "ModelStreamInfer", "ModelStreamInfer", "ModelInfer"]) {
    const call = harness.http2().open(method);
    const status = rawStatus(call);
    call.write(part);
    const expected = Math.min(2, calls.length + 1) * (part.length - 5);
    await eventually(() => harness.server.load.arrivingBytes === expected, "all of it arrives");
    calls.push({ call, status });
  }
  for (const { status } of calls.slice(0, 2)) assert.equal((await status).grpc, statusCodes.UNAVAILABLE);
  for (const { call, status } of calls.slice(2)) {
    call.end(message.subarray(part.length));
    assert.equal((await status).grpc, statusCodes.OK);
  }
  await harness.assertIdle();
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  bodyOf,
  decodeRan,
  decodeReference,
  decodeRun,
  encodeBody,
  encodeJson,
  encodeRan,
  encodeReference,
  encodeRun,
  type Frame,
  FrameDecoder,
  fitsRanFrame,
  frameKind,
  maxFrameBytes,
} from "../../../src/runtime/process/frames.ts";
import { datatypes } from "../../../src/tensor.ts";

/** Records as object literals are. */
const record: typeof fc.record = (model: object) => fc.record(model as never, { noNullPrototype: true }) as never;
const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const size = fc.oneof(fc.integer({ min: 0, max: 1000 }), fc.maxSafeNat());
const shape = fc.array(size, { maxLength: 5 });
const milliseconds = fc.double({ min: 0, max: 1e9, noNaN: true });

const aRun = record({
  sessionId: u32,
  sequences: fc.array(record({ slot: u32, flags: fc.integer({ min: 0, max: 255 }) }), { maxLength: 6 }),
  leftovers: fc.array(u32, { maxLength: 6 }),
  inputs: fc.array(
    record({
      index: u16,
      shape,
      segments: fc.array(record({ arena: u16, offset: size, length: size, rows: u32 }), { maxLength: 4 }),
    }),
    { maxLength: 6 },
  ),
  outputs: fc.array(u16, { maxLength: 6 }),
  outputOffset: size,
  outputLimit: size,
});

const aRan = record({
  readMs: milliseconds,
  inferMs: milliseconds,
  writeMs: milliseconds,
  residentBytes: size,
  isFinal: fc.boolean(),
  outputs: fc.array(
    record({ index: u16, datatype: fc.constantFrom(...datatypes), shape, offset: size, length: size }),
    { maxLength: 6 },
  ),
  stateShapes: fc.array(u32, { maxLength: 6 }),
  inlined: fc.uint8Array({ maxLength: 1000 }).map((bytes) => Buffer.from(bytes)),
});

/** The one frame of an encoded message. */
function only(bytes: Buffer): Frame {
  const [frame, ...others] = new FrameDecoder().push(bytes);
  assert.equal(others.length, 0);
  assert.ok(frame !== undefined);
  return frame;
}

const isOurs = { name: "InferenceError", reason: "internal" } as const;

describe("frames", () => {
  it("run: decode(encode(x)) = x", () => {
    fc.assert(
      fc.property(u32, aRun, (id, run) => {
        const frame = only(encodeRun(id, run));
        assert.deepEqual([frame.id, frame.kind], [id, frameKind.run]);
        assert.deepEqual(decodeRun(frame.body), run);
      }),
    );
  });

  it("ran: decode(encode(x)) = x", () => {
    fc.assert(
      fc.property(u32, aRan, (id, ran) => {
        const frame = only(encodeRan(id, ran));
        assert.deepEqual([frame.id, frame.kind], [id, frameKind.ran]);
        assert.deepEqual(decodeRan(frame.body), ran);
      }),
    );
  });

  it("fitsRanFrame says yes only to what the encoder takes", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 8 }), { maxLength: 60 }), fc.nat({ max: 4096 }), (ranks, inlinedBytes) => {
        if (!fitsRanFrame(ranks, inlinedBytes)) return;
        const outputs = ranks.map((rank, index) => ({
          index,
          datatype: "FP32" as const,
          shape: new Array<number>(rank).fill(1),
          offset: 0,
          length: 0,
        }));
        const times = { readMs: 0, inferMs: 0, writeMs: 0, residentBytes: 0, isFinal: true, stateShapes: [] };
        const frame = only(encodeRan(1, { ...times, outputs, inlined: Buffer.alloc(inlinedBytes, 7) }));
        assert.equal(decodeRan(frame.body).inlined.length, inlinedBytes);
      }),
    );
  });

  it("JSON: parse(encode(x)) = x", () => {
    fc.assert(
      fc.property(u32, record({ message: fc.string({ unit: "grapheme", maxLength: 100 }) }), (id, value) => {
        assert.deepEqual(JSON.parse(only(encodeJson(frameKind.failed, id, value)).body.toString()), value);
      }),
    );
  });

  it("never exceed what a pipe takes at once", () => {
    assert.equal(encodeBody(frameKind.result, 1, new Uint8Array(maxFrameBytes - 9)).length, maxFrameBytes);
    assert.throws(() => encodeBody(frameKind.result, 1, new Uint8Array(maxFrameBytes - 8)), isOurs);
  });

  it("a message of very many inputs is whole, though no frame: its body decodes from elsewhere", () => {
    const inputs = Array.from({ length: 300 }, (_, index) => ({
      index,
      shape: [1, 2],
      segments: [{ arena: 0, offset: 8 * index, length: 8, rows: 1 }],
    }));
    const times = { sessionId: 1, sequences: [], leftovers: [], outputOffset: 0, outputLimit: 1 };
    const run = { ...times, inputs, outputs: [] };
    const message = encodeRun(7, run);
    assert.ok(message.length > maxFrameBytes);
    assert.deepEqual(decodeRun(bodyOf(message)), run);
    const reference = { offset: 2 ** 40, length: message.length };
    assert.deepEqual(decodeReference(only(encodeReference(frameKind.longRun, 7, reference)).body), reference);
  });
});

describe("FrameDecoder", () => {
  const someFrames = fc.array(
    record({ kind: fc.constantFrom(...Object.values(frameKind)), id: u32, body: fc.uint8Array({ maxLength: 300 }) }),
    {
      maxLength: 12,
    },
  );

  it("finds the same frames however the stream is cut", () => {
    fc.assert(
      fc.property(someFrames, fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }), (frames, cuts) => {
        const bytes = Buffer.concat(frames.map(({ kind, id, body }) => encodeBody(kind, id, body)));
        const decoder = new FrameDecoder();
        const found: Frame[] = [];
        for (let position = 0, cut = 0; position < bytes.length; cut++) {
          const end = position + (cuts[cut % cuts.length] as number);
          found.push(...decoder.push(bytes.subarray(position, end)));
          position = end;
        }
        assert.deepEqual(
          found.map(({ kind, id, body }) => ({ kind, id, body: new Uint8Array(body) })),
          frames,
        );
      }),
    );
  });

  it("keeps an unfinished frame to itself", () => {
    const bytes = encodeBody(frameKind.run, 7, new Uint8Array(20));
    const decoder = new FrameDecoder();
    assert.deepEqual(decoder.push(bytes.subarray(0, -1)), []);
    assert.equal(decoder.push(bytes.subarray(-1)).length, 1);
  });

  for (const length of [0, 4, maxFrameBytes + 1, 0xffffffff]) {
    it(`refuses a length of ${length}`, () => {
      const bytes = Buffer.alloc(16);
      bytes.writeUInt32LE(length);
      assert.throws(() => new FrameDecoder().push(bytes), isOurs);
    });
  }

  it("answers garbage with frames or our error, and holds back no more than a frame", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 64 }), { maxLength: 20 }), (chunks) => {
        const decoder = new FrameDecoder();
        try {
          for (const chunk of chunks)
            for (const { body } of decoder.push(Buffer.from(chunk))) assert.ok(body.length < maxFrameBytes);
        } catch (error) {
          assert.equal((error as Error).name, "InferenceError");
        }
      }),
    );
  });
});

it("an answer that is garbage makes an error, never an endless or oversized one", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        const { outputs } = decodeRan(Buffer.from(bytes));
        assert.ok(outputs.length <= bytes.length);
      } catch (error) {
        assert.ok(error instanceof Error);
      }
    }),
  );
});

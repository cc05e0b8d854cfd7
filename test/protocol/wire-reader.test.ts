import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import Long from "long";
import protobuf from "protobufjs";
import { InferenceError } from "../../src/errors.ts";
import { maxGroupDepth, WireReader } from "../../src/protocol/wire-reader.ts";

const reader = (...bytes: number[]) => new WireReader(Buffer.from(bytes), "Test");

function fails(read: (reader: WireReader) => unknown, bytes: number[], text: RegExp): void {
  assert.throws(
    () => read(reader(...bytes)),
    (error) => error instanceof InferenceError && error.reason === "invalid" && text.test(error.message),
    `expected ${text}`,
  );
}

describe("WireReader", () => {
  test("reads any 64-bit varint as protobufjs writes it", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        const bytes = protobuf.Writer.create().int64(Long.fromString(value.toString())).finish();
        const read = new WireReader(Buffer.from(bytes), "Test").int64();
        assert.equal(BigInt(read), value);
        assert.equal(typeof read, Number.isSafeInteger(Number(value)) ? "number" : "bigint");
        const unsigned = new WireReader(Buffer.from(bytes), "Test").uint64();
        assert.equal(BigInt(unsigned), BigInt.asUintN(64, value));
      }),
    );
  });

  test("reads the edges of varints", () => {
    assert.equal(reader(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01).int64(), -1);
    assert.equal(reader(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01).int64(), -(2n ** 63n));
    assert.equal(reader(0x80, 0x00).int64(), 0, "an overlong zero is a zero");
    assert.equal(reader(0x80, 0x80, 0x80, 0x80, 0x80, 0x01).bool(), true, "bits beyond 32 count for a bool");
  });

  test("names what is malformed and where", () => {
    fails((r) => r.int64(), [], /^malformed Test: varint cut short at byte 0$/);
    fails((r) => r.int64(), [0x80, 0x80], /varint cut short at byte 0/);
    fails((r) => r.int64(), [...new Array(9).fill(0x80), 0x02], /varint longer than 64 bits at byte 0/);
    fails((r) => r.int64(), new Array(11).fill(0x80), /varint longer than 64 bits at byte 0/);
    fails((r) => r.tag(), [0x02], /field number 0 at byte 0/);
    fails((r) => r.tag(), [0xff, 0xff, 0xff, 0xff, 0x7f], /field number 4294967295 above 536870911/);
    fails((r) => r.bytesField(), [3, 1, 2], /length 3 beyond the 2 bytes left at byte 0/);
    fails((r) => r.bytesField(), [5, 1, 2], /length 5 beyond the 2 bytes left at byte 0/);
    fails((r) => r.bytesField(), [...new Array(9).fill(0xff), 0x01], /length 18446744073709552000 beyond/);
    fails((r) => r.double(), [1, 2, 3], /fixed 64-bit value cut short/);
    fails((r) => r.skip(0x0a, 1), [0], /field 1 with wire type 2/);
    fails((r) => r.skip(r.tag(), 1), [0x14], /end of group 2 that was not begun/);
    fails((r) => r.skip(r.tag(), 1), [0x16], /unknown wire type 6/);
    fails((r) => r.skip(r.tag(), 1), [0x13], /group 2 without an end/);
    fails((r) => r.skip(r.tag(), 1), [0x13, 0x1c], /end of group 3 inside group 2/);
  });

  test("refuses strings that are not UTF-8, as strings and as names", () => {
    for (const bytes of [[0xc0, 0xaf], [0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80], [0xff], [0x41, 0xc3]]) {
      fails((r) => r.string(), [bytes.length, ...bytes], /string that is not UTF-8 at byte 1/);
      fails((r) => r.name(), [bytes.length, ...bytes], /string that is not UTF-8 at byte 1/);
    }
    const long = [...new Array(60).fill(0x41), 0xff];
    fails((r) => r.string(), [long.length, ...long], /not UTF-8/);
  });

  test("reads strings of any length and alphabet", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary", maxLength: 120 }), fc.string({ maxLength: 120 })), (text) => {
        const bytes = Buffer.from(protobuf.Writer.create().string(text).finish());
        assert.equal(new WireReader(bytes, "Test").string(), text);
        assert.equal(new WireReader(bytes, "Test").name(), text);
        assert.equal(new WireReader(bytes, "Test").name(), text, "the second time from the cache");
      }),
    );
  });

  test("skips nested groups up to the limit", () => {
    const nested = (depth: number) => [...new Array(depth).fill(0x13), ...new Array(depth).fill(0x14)];
    const whole = reader(...nested(maxGroupDepth));
    whole.skip(whole.tag(), 1);
    assert.equal(whole.tag(), 0);
    fails((r) => r.skip(r.tag(), 1), nested(maxGroupDepth + 1), /groups nested deeper than 100/);
  });

  test("skips every wire type", () => {
    const r = reader(
      0x10,
      0x80,
      0x01,
      0x11,
      1,
      2,
      3,
      4,
      5,
      6,
      7,
      8,
      0x12,
      2,
      9,
      9,
      0x15,
      1,
      2,
      3,
      4,
      0x13,
      0x08,
      1,
      0x14,
    );
    for (let tag = r.tag(); tag !== 0; tag = r.tag()) r.skip(tag, 1);
    assert.equal(r.position, r.bytes.length);
  });
});

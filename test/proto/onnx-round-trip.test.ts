import assert from "node:assert/strict";
import { test } from "node:test";
import Long from "long";
import protobuf from "protobufjs";
import { root } from "./descriptor-root.ts";

const ModelProto = root.lookupType("onnx.ModelProto");
const AttributeProto = root.lookupType("onnx.AttributeProto");
const largestInt64 = Long.MAX_VALUE;

/** Decodes as a rewriter has to: fields that the definitions do not know are kept. */
function decodeKeepingUnknown(type: protobuf.Type, bytes: Uint8Array): protobuf.Message {
  const reader = protobuf.Reader.create(bytes);
  reader.discardUnknown = false;
  return type.decode(reader);
}

const encode = (type: protobuf.Type, message: object): Buffer => Buffer.from(type.encode(message).finish());
const append = (bytes: Buffer, ...more: number[]): Buffer => Buffer.concat([bytes, Buffer.from(more)]);

/** A length-delimited field with a number below 16. */
const field = (number: number, content: Buffer): Buffer =>
  append(Buffer.from([(number << 3) | 2, content.length]), ...content);

/** Field 1000, varint 7: known to nobody. */
const unknownField = [0xc0, 0x3e, 0x07];

const attribute = append(
  encode(AttributeProto, {
    name: "end",
    f: 0,
    i: Long.ZERO,
    s: Buffer.alloc(0),
    ints: [largestInt64, Long.ZERO],
    type: 99,
  }),
  ...unknownField,
);
const node = append(field(4, Buffer.from("Slice")), ...field(5, attribute), ...unknownField);
const graph = append(field(1, node), ...unknownField);
const model = append(Buffer.from([0x08, 0x0a]), ...field(7, graph), ...unknownField);

/** The only attribute of the only node. */
function attributeOf(decoded: protobuf.Message): Record<string, unknown> {
  const { graph } = decoded as unknown as { graph: { node: { attribute: Record<string, unknown>[] }[] } };
  return graph.node[0]!.attribute[0]!;
}

test("decode and encode give the same bytes, unknown fields of every level included", () => {
  assert.deepEqual(encode(ModelProto, decodeKeepingUnknown(ModelProto, model)), model);
});

test("without the switch on the reader, unknown fields are lost", () => {
  assert.equal(protobuf.Reader.discardUnknown, true, "the global default stays: it guards what comes from the network");
  assert.notDeepEqual(encode(ModelProto, ModelProto.decode(model)), model);
});

test("a zero that is set stays set, and a value that is not set stays away", () => {
  const decoded = attributeOf(decodeKeepingUnknown(ModelProto, model));
  for (const name of ["f", "i", "s"]) assert.ok(Object.hasOwn(decoded, name), `${name} is set`);
  for (const name of ["t", "g", "doc_string"]) assert.ok(!Object.hasOwn(decoded, name), `${name} is not set`);
});

test("int64 beyond 2^53 keeps every bit", () => {
  const [end] = attributeOf(decodeKeepingUnknown(ModelProto, model)).ints as Long[];
  assert.equal(end?.toString(), "9223372036854775807");
});

test("a bigint has to become a Long: the encoder writes it as zero without a word, fromObject converts it", () => {
  const exact = encode(AttributeProto, { i: largestInt64 });
  assert.notDeepEqual(encode(AttributeProto, { i: 9223372036854775807n }), exact);
  assert.deepEqual(encode(AttributeProto, AttributeProto.fromObject({ i: 9223372036854775807n })), exact);
});

test("an attribute type that nobody knows yet stays in its place", () => {
  assert.equal(attributeOf(decodeKeepingUnknown(ModelProto, model)).type, 99);
});

test("numbers are read packed or unpacked, and written as the format writes them", () => {
  const packed = Buffer.from([(8 << 3) | 2, 2, 3, 4]);
  const unpacked = Buffer.from([8 << 3, 3, 8 << 3, 4]);
  for (const bytes of [packed, unpacked]) {
    assert.deepEqual(encode(AttributeProto, decodeKeepingUnknown(AttributeProto, bytes)), unpacked);
  }
  const TensorProto = root.lookupType("onnx.TensorProto");
  const packedData = Buffer.from([(7 << 3) | 2, 2, 3, 4]);
  for (const bytes of [packedData, Buffer.from([7 << 3, 3, 7 << 3, 4])]) {
    assert.deepEqual(encode(TensorProto, decodeKeepingUnknown(TensorProto, bytes)), packedData);
  }
});

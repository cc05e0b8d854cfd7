import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import Long from "long";
import protobuf from "protobufjs";
import type { InferenceRequest, InferenceResponse } from "../../src/inference.ts";
import { decodeInferRequest, encodeInferRequest } from "../../src/protocol/infer-request.ts";
import {
  decodeInferResponse,
  decodeStreamResponse,
  encodeInferResponse,
  encodeStreamResponse,
} from "../../src/protocol/infer-response.ts";
import type { Tensor } from "../../src/tensor.ts";
import { parameters, tensor, text } from "./arbitrary-messages.ts";
import { plain, requestBytes, requestType, responseType, streamResponseType } from "./reference-messages.ts";

/** Tensors as comparable data. */
const bare = (tensors: readonly Tensor[]) => tensors.map((t) => ({ ...t, data: Buffer.from(t.data).toString("hex") }));

/** What is read as a number of JavaScript (by protobufjs, and for typed contents) may come out with another NaN: all are one here. */
const quiet = (tensors: readonly Tensor[]) =>
  tensors.map((t) => {
    const copy = Buffer.from(t.data);
    if (t.datatype === "FP32") {
      for (let at = 0; at < copy.length; at += 4)
        if (Number.isNaN(copy.readFloatLE(at))) copy.writeUInt32LE(0x7fc00000, at);
    } else if (t.datatype === "FP64") {
      for (let at = 0; at < copy.length; at += 8)
        if (Number.isNaN(copy.readDoubleLE(at))) copy.writeBigUInt64LE(0x7ff8000000000000n, at);
    }
    return { ...t, data: copy };
  });

const request = fc
  .record({
    modelName: text,
    modelVersion: text,
    id: text,
    parameters,
    inputs: fc.uniqueArray(tensor, { maxLength: 4, selector: (input) => input.name }),
    requestedOutputs: fc.uniqueArray(
      fc.record({ name: text, classificationCount: fc.nat() }, { noNullPrototype: true }),
      {
        maxLength: 3,
        selector: (output) => output.name,
      },
    ),
    byteLength: fc.constant(0),
  })
  .map((value): InferenceRequest => value);

const response = fc
  .record({ modelName: text, modelVersion: text, id: text, parameters, outputs: fc.array(tensor, { maxLength: 4 }) })
  .map((value): InferenceResponse => value);

test("what encodeInferRequest writes, decodeInferRequest and protobufjs read", () => {
  fc.assert(
    fc.property(request, (expected) => {
      const bytes = encodeInferRequest(expected);
      const decoded = decodeInferRequest(bytes);
      assert.deepEqual(
        { ...decoded, inputs: bare(decoded.inputs), byteLength: 0 },
        { ...expected, inputs: bare(expected.inputs) },
      );
      const reference = plain(requestType, bytes);
      assert.equal(reference.model_name, expected.modelName);
      assert.equal(reference.id, expected.id);
      assert.deepEqual(
        reference.inputs.map((input: any) => input.shape.map(Number)),
        expected.inputs.map((input) => input.shape),
      );
      assert.deepEqual(
        reference.raw_input_contents.map((raw: Buffer) => raw.toString("hex")),
        bare(expected.inputs).map((input) => input.data),
      );
      assert.equal(Object.keys(reference.parameters).length, expected.parameters.size);
    }),
  );
});

test("what protobufjs writes and reads agrees with ours after a second round, unknown fields in between", () => {
  const unknown = protobuf.Writer.create()
    .uint32(0x7d2)
    .bytes(Buffer.from("skip me"))
    .uint32(0x7c8)
    .uint64(5)
    .uint32(0x7dd)
    .fixed32(1)
    .finish();
  fc.assert(
    fc.property(request, (expected) => {
      const reencoded = requestType.encode(requestType.decode(encodeInferRequest(expected))).finish();
      const decoded = decodeInferRequest(Buffer.concat([unknown, reencoded, unknown]));
      assert.deepEqual(
        { ...decoded, inputs: bare(decoded.inputs), byteLength: 0 },
        { ...expected, inputs: bare(expected.inputs) },
      );
    }),
  );
});

test("packed and unpacked typed contents give the same raw bytes", () => {
  const numbers = fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { maxLength: 20 });
  fc.assert(
    fc.property(numbers, (values) => {
      const long = (value: bigint) => Long.fromString(value.toString());
      const packed = protobuf.Writer.create().uint32(0x1a).fork();
      for (const value of values) packed.int64(long(value));
      packed.ldelim();
      const unpacked = protobuf.Writer.create();
      for (const value of values) unpacked.uint32(0x18).int64(long(value));
      const expected = Buffer.from(BigInt64Array.from(values).buffer).toString("hex");
      for (const contents of [packed.finish(), unpacked.finish()]) {
        const input = protobuf.Writer.create().uint32(0x0a).string("x").uint32(0x12).string("INT64");
        input.uint32(0x18).int64(values.length).uint32(0x2a).bytes(contents);
        const bytes = protobuf.Writer.create().uint32(0x2a).bytes(input.finish()).finish();
        assert.equal(bare(decodeInferRequest(Buffer.from(bytes)).inputs)[0]?.data, expected);
      }
    }),
  );
});

for (const outputForm of ["raw", "typed"] as const) {
  test(`what encodeInferResponse writes ${outputForm}, decodeInferResponse and protobufjs read`, () => {
    fc.assert(
      fc.property(response, (expected) => {
        const bytes = encodeInferResponse(expected, { outputForm });
        const decoded = decodeInferResponse(bytes);
        const kept = (outputs: typeof expected.outputs) => bare(outputForm === "typed" ? quiet(outputs) : outputs);
        assert.deepEqual(
          { ...decoded, outputs: kept(decoded.outputs) },
          { ...expected, outputs: kept(expected.outputs) },
        );
        const reference = plain(responseType, bytes);
        const rawOutputs = expected.outputs.filter((output) => outputForm === "raw" || output.datatype === "FP16");
        assert.deepEqual(
          reference.raw_output_contents.map((raw: Buffer) => raw.toString("hex")),
          bare(rawOutputs).map((output) => output.data),
        );
        const again = decodeInferResponse(Buffer.from(responseType.encode(responseType.decode(bytes)).finish()));
        assert.deepEqual(bare(quiet(again.outputs)), bare(quiet(expected.outputs)));
      }),
    );
  });
}

test("a stream message holds the answer as it would be alone", () => {
  fc.assert(
    fc.property(response, fc.boolean(), (expected, isFinal) => {
      const bytes = encodeStreamResponse(expected, { outputForm: "raw", isFinal });
      const { errorMessage, response: decoded } = decodeStreamResponse(bytes);
      assert.equal(errorMessage, "");
      assert.deepEqual(decoded.parameters, new Map([...expected.parameters, ["triton_final_response", isFinal]]));
      assert.deepEqual(bare(decoded.outputs), bare(expected.outputs));
      const reference = plain(streamResponseType, bytes);
      assert.equal(reference.infer_response.parameters.triton_final_response.bool_param, isFinal);
    }),
  );
});

test("typed answers show protobufjs the numbers themselves", () => {
  const outputs: Tensor[] = [
    { name: "i", datatype: "INT8", shape: [2], data: Uint8Array.of(255, 3) },
    { name: "f", datatype: "FP32", shape: [1], data: new Uint8Array(Float32Array.of(0.5).buffer) },
    { name: "u", datatype: "UINT64", shape: [1], data: new Uint8Array(8).fill(255) },
  ];
  const bytes = encodeInferResponse(
    { modelName: "", modelVersion: "", id: "", parameters: new Map(), outputs },
    { outputForm: "typed" },
  );
  const contents = plain(responseType, bytes).outputs.map((output: any) => output.contents);
  assert.deepEqual(contents[0].int_contents, [-1, 3]);
  assert.deepEqual(contents[1].fp32_contents, [0.5]);
  assert.deepEqual(contents[2].uint64_contents, ["18446744073709551615"]);
  assert.deepEqual(requestBytes({}).length, 0);
});

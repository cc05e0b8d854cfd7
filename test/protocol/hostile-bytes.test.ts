import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { InferenceError, type Reason } from "../../src/errors.ts";
import { decodeInferRequest, encodeInferRequest } from "../../src/protocol/infer-request.ts";
import { decodeStreamResponse, encodeStreamResponse } from "../../src/protocol/infer-response.ts";
import { parameters, tensor, text } from "./arbitrary-messages.ts";
import { requestBytes } from "./reference-messages.ts";

/** Whatever the bytes are: a value, or an error of ours with one of these reasons. */
function survives(decode: (bytes: Buffer) => unknown, bytes: Uint8Array, reasons: readonly Reason[]): void {
  try {
    decode(Buffer.from(bytes));
  } catch (error) {
    assert(error instanceof InferenceError, `threw ${error}`);
    assert(reasons.includes(error.reason), `reason ${error.reason}: ${error.message}`);
    assert(error.message.length > 0);
  }
}

const sound = fc
  .record({ modelName: text, id: text, parameters, inputs: fc.array(tensor, { maxLength: 3 }) })
  .map((parts) =>
    encodeInferRequest({
      ...parts,
      modelVersion: "1",
      requestedOutputs: [{ name: "y", classificationCount: 2 }],
      byteLength: 0,
    }),
  );

const typed = fc
  .record({ values: fc.array(fc.integer(), { maxLength: 8 }), texts: fc.array(text, { maxLength: 4 }) })
  .map(({ values, texts }) =>
    requestBytes({
      inputs: [
        { name: "a", datatype: "INT16", shape: [values.length], contents: { int_contents: values } },
        {
          name: "b",
          datatype: "BYTES",
          shape: [texts.length],
          contents: { bytes_contents: texts.map((value) => Buffer.from(value)) },
        },
      ],
    }),
  );

const fault = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), byte: fc.nat(255) });

/** A sound message with some bytes changed and perhaps its end cut off. */
const damaged = fc
  .tuple(fc.oneof(sound, typed), fc.array(fault, { maxLength: 6 }), fc.option(fault))
  .map(([bytes, faults, cut]) => {
    const copy = Buffer.from(bytes);
    for (const { at, byte } of faults) copy[Math.floor(at * copy.length)] = byte;
    return cut === null ? copy : copy.subarray(0, Math.floor(cut.at * copy.length));
  });

test("any bytes are decoded or refused as the caller's fault", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) =>
      survives(decodeInferRequest, bytes, ["invalid", "unsupported"]),
    ),
    { numRuns: 3000 },
  );
});

test("a damaged request is decoded or refused as the caller's fault", () => {
  fc.assert(
    fc.property(damaged, (bytes) => survives(decodeInferRequest, bytes, ["invalid", "unsupported"])),
    { numRuns: 3000 },
  );
});

test("a damaged answer is decoded or refused as the server's fault", () => {
  const answer = fc
    .record({ modelName: text, id: text, parameters, outputs: fc.array(tensor, { maxLength: 3 }) })
    .chain((parts) =>
      fc
        .constantFrom<"raw" | "typed">("raw", "typed")
        .map((outputForm) => encodeStreamResponse({ ...parts, modelVersion: "1" }, { outputForm })),
    );
  const property = fc.property(answer, fc.array(fault, { minLength: 1, maxLength: 6 }), (bytes, faults) => {
    for (const { at, byte } of faults) bytes[Math.floor(at * bytes.length)] = byte;
    survives(decodeStreamResponse, bytes, ["internal", "invalid"]);
  });
  fc.assert(property, { numRuns: 1000 });
});

test("every cut of a sound request is refused or is a shorter request, never read past its end", () => {
  const bytes = requestBytes({
    model_name: "m",
    inputs: [{ name: "x", datatype: "FP32", shape: [2] }],
    raw_input_contents: [Buffer.alloc(8)],
  });
  for (let length = 0; length < bytes.length; length++)
    survives(decodeInferRequest, bytes.subarray(0, length), ["invalid"]);
});

test("small messages cannot ask for much memory", () => {
  const claims = [
    { inputs: [{ name: "x", datatype: "FP64", shape: ["4503599627370495"], contents: { fp64_contents: [1] } }] },
    { inputs: [{ name: "x", datatype: "BYTES", shape: ["4503599627370495"] }], raw_input_contents: [Buffer.alloc(4)] },
    { inputs: [{ name: "x", datatype: "BYTES", shape: [1] }], raw_input_contents: [Buffer.from([255, 255, 255, 255])] },
  ];
  for (const claim of claims) {
    const before = process.memoryUsage().arrayBuffers;
    survives(decodeInferRequest, requestBytes(claim), ["invalid"]);
    assert(process.memoryUsage().arrayBuffers - before < 1 << 20);
  }
});

test("NaN, infinities, denormals and -0 pass through unchanged", () => {
  const values = Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e-45, -0);
  const message = { inputs: [{ name: "x", datatype: "FP32", shape: [5], contents: { fp32_contents: [...values] } }] };
  assert.deepEqual(Buffer.from(decodeInferRequest(requestBytes(message)).inputs[0]!.data), Buffer.from(values.buffer));
});

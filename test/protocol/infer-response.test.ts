import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { InferenceError } from "../../src/errors.ts";
import { type InferenceResponse, noParameters } from "../../src/inference.ts";
import {
  decodeInferResponse,
  decodeStreamResponse,
  encodeInferResponse,
  encodeStreamError,
  encodeStreamResponse,
} from "../../src/protocol/infer-response.ts";
import type { Tensor } from "../../src/tensor.ts";
import { plain, responseBytes, responseType, streamResponseType } from "./reference-messages.ts";

const answer = (outputs: readonly Tensor[]): InferenceResponse => ({
  modelName: "m",
  modelVersion: "1",
  id: "9",
  parameters: noParameters,
  outputs,
});
const fp32 = (name: string, shape: number[]): Tensor => ({
  name,
  datatype: "FP32",
  shape,
  data: Buffer.alloc(4 * shape.reduce((a, b) => a * b, 1), 1),
});

describe("encodeInferResponse", () => {
  test("writes one raw entry an output, in order, also for a tensor without elements", () => {
    const reference = plain(
      responseType,
      encodeInferResponse(answer([fp32("a", [2]), fp32("b", [0, 3]), fp32("c", [])])),
    );
    assert.deepEqual(
      reference.outputs.map((output: any) => output.name),
      ["a", "b", "c"],
    );
    assert.deepEqual(
      reference.raw_output_contents.map((raw: Buffer) => raw.length),
      [8, 0, 4],
    );
    assert.deepEqual(
      reference.outputs.map((output: any) => output.contents),
      [null, null, null],
    );
  });

  test("keeps FP16 raw beside typed outputs", () => {
    const half: Tensor = { name: "h", datatype: "FP16", shape: [1], data: Uint8Array.of(1, 2) };
    const bytes = encodeInferResponse(answer([fp32("a", [1]), half, fp32("b", [0])]), { outputForm: "typed" });
    const reference = plain(responseType, bytes);
    assert.deepEqual(reference.raw_output_contents, [Buffer.of(1, 2)]);
    assert.equal(reference.outputs[0].contents.fp32_contents.length, 1);
    assert.notEqual(reference.outputs[2].contents, null, "a typed tensor without elements still says that it is typed");
    assert.deepEqual(
      decodeInferResponse(bytes).outputs.map((output) => output.data.length),
      [4, 2, 0],
    );
  });

  test("adds extra parameters, which win over those of the response", () => {
    const response = { ...answer([]), parameters: new Map([["a", 1]]) };
    const bytes = encodeInferResponse(response, {
      outputForm: "raw",
      extraParameters: new Map([
        ["a", 2],
        ["b", 3],
      ]),
      isFinal: true,
    });
    assert.deepEqual(
      decodeInferResponse(bytes).parameters,
      new Map<string, unknown>([
        ["a", 2],
        ["b", 3],
        ["triton_final_response", true],
      ]),
    );
  });

  test("copies large outputs into a buffer of exactly the message", () => {
    const bytes = encodeStreamResponse(answer([fp32("a", [100_000])]));
    assert.equal(bytes.buffer.byteLength, bytes.length);
  });

  test("refuses data that is no Uint8Array instead of cutting it to bytes", () => {
    const data = new Float32Array(2) as unknown as Uint8Array;
    assert.throws(
      () => encodeInferResponse(answer([{ ...fp32("a", [2]), data }])),
      /data of tensor 'a' is a Float32Array/,
    );
  });

  test("writes lone surrogates as U+FFFD, so that every reader accepts the message", () => {
    const bytes = encodeInferResponse({ ...answer([]), id: "a\ud800b", modelName: `${"x".repeat(50)}\udc00` });
    const reference = plain(responseType, bytes);
    assert.equal(reference.id, "a\ufffdb");
    assert.equal(reference.model_name, `${"x".repeat(50)}\ufffd`);
  });
});

describe("encodeStreamError", () => {
  test("says that a sequence was lost", () => {
    const error = new InferenceError("sequence_lost", "gone", { retryAfterMs: -1 });
    const { response } = decodeStreamResponse(encodeStreamError(error, { id: "" }));
    assert.equal(response.parameters.get("sluice_sequence_lost"), true);
    const other = decodeStreamResponse(encodeStreamError(new InferenceError("restarting", "soon"), { id: "" }));
    assert.equal(other.response.parameters.has("sluice_sequence_lost"), false);
  });

  test("carries id, code and pushback in band", () => {
    const error = new InferenceError("queue_full", "Exceeds maximum queue size", { retryAfterMs: 12.3 });
    const bytes = encodeStreamError(error, { id: "9", parameters: new Map([["sluice_sequence_number", 4]]) });
    const reference = plain(streamResponseType, bytes);
    assert.equal(reference.error_message, "Exceeds maximum queue size");
    assert.equal(reference.infer_response.model_name, "");
    const { errorMessage, response } = decodeStreamResponse(bytes);
    assert.equal(errorMessage, error.message);
    assert.equal(response.id, "9");
    assert.deepEqual(
      response.parameters,
      new Map([
        ["sluice_sequence_number", 4],
        ["sluice_status_code", 14],
        ["sluice_retry_after_ms", 13],
      ]),
    );
  });

  test("names model and final flag once the request was issued", () => {
    const bytes = encodeStreamError(new InferenceError("runtime", ""), {
      id: "",
      modelName: "m",
      modelVersion: "",
      isFinal: true,
    });
    const { errorMessage, response } = decodeStreamResponse(bytes);
    assert.equal(errorMessage, "runtime", "never empty, which would mean success");
    assert.equal(response.modelName, "m");
    assert.deepEqual(
      response.parameters,
      new Map<string, unknown>([
        ["sluice_status_code", 13],
        ["triton_final_response", true],
      ]),
    );
  });
});

describe("decodeInferResponse", () => {
  const refuses = (message: object, text: RegExp) =>
    assert.throws(
      () => decodeInferResponse(responseBytes(message)),
      (error) => error instanceof InferenceError && error.reason === "internal" && text.test(error.message),
    );

  test("blames the server for outputs that do not fit", () => {
    const output = { name: "y", datatype: "FP32", shape: [2] };
    refuses(
      { outputs: [output], raw_output_contents: [Buffer.alloc(7)] },
      /output 'y' has 7 bytes of FP32 for shape \[2\]/,
    );
    refuses({ outputs: [output] }, /output 'y' has 0 bytes of FP32 for shape \[2\]/);
    refuses({ outputs: [{ ...output, shape: [-1] }] }, /for shape \[-1\]/);
    refuses({ outputs: [{ ...output, datatype: "BF16" }] }, /unknown datatype 'BF16'/);
    refuses(
      { outputs: [{ ...output, contents: { int_contents: [1, 2] } }] },
      /contents that do not belong to datatype 'FP32'/,
    );
    refuses(
      { outputs: [{ ...output, datatype: "BYTES" }], raw_output_contents: [Buffer.from([9, 0, 0, 0])] },
      /output 'y' has 4 bytes of BYTES/,
    );
    assert.throws(
      () => decodeInferResponse(Buffer.of(0x0a, 5)),
      /malformed ModelInferResponse: length 5 beyond the 0 bytes left at byte 1/,
    );
  });
});

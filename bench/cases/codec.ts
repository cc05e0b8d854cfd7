import { type InferenceRequest, type InferenceResponse, noParameters } from "../../src/inference.ts";
import { messageType } from "../../src/model/definitions.ts";
import { decodeInferRequest, encodeInferRequest } from "../../src/protocol/infer-request.ts";
import { encodeStreamResponse, finalRawForm } from "../../src/protocol/infer-response.ts";
import type { BenchCase } from "../bench-case.ts";
import { measurePrimitive } from "../primitive.ts";

/** A request of 1000 FP32 features in one row, 4 KB: the message of the speed budget. */
const request: InferenceRequest = {
  modelName: "seed",
  modelVersion: "",
  id: "12345",
  parameters: noParameters,
  inputs: [{ name: "features", datatype: "FP32", shape: [1, 1000], data: new Uint8Array(4000) }],
  requestedOutputs: [],
  byteLength: 0,
};

/** Its answer: one FP32. */
const response: InferenceResponse = {
  modelName: "seed",
  modelVersion: "1",
  id: "12345",
  parameters: noParameters,
  outputs: [{ name: "prediction", datatype: "FP32", shape: [1, 1], data: new Uint8Array(4) }],
};

export const decodeCase: BenchCase = {
  name: "codec/decode",
  summary: "bytes of a 4 KB request to tensor views, all checks included, beside protobufjs",
  async run(options) {
    const message = encodeInferRequest(request);
    const reference = messageType("inference.ModelInferRequest");
    if (decodeInferRequest(message).inputs[0]?.data.length !== 4000) throw new Error("the request decodes wrongly");
    return [
      measurePrimitive(
        {
          what: "decode of a request",
          turn: () => void decodeInferRequest(message),
          limit: { name: "protobufjs", turn: () => void reference.decode(message) },
        },
        options,
      ),
    ];
  },
};

export const encodeCase: BenchCase = {
  name: "codec/encode",
  summary: "the answer of one number to the bytes of a stream message, beside protobufjs",
  async run(options) {
    const reference = messageType("inference.ModelStreamInferResponse");
    const message = reference.decode(encodeStreamResponse(response, finalRawForm));
    return [
      measurePrimitive(
        {
          what: "encode of a stream answer",
          turn: () => void encodeStreamResponse(response, finalRawForm),
          limit: { name: "protobufjs", turn: () => void reference.encode(message).finish() },
        },
        options,
      ),
    ];
  },
};

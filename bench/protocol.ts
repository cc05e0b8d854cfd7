import { type InferenceRequest, type InferenceResponse, noParameters } from "../src/inference.ts";
import { decodeInferRequest, encodeInferRequest } from "../src/protocol/infer-request.ts";
import { encodeStreamResponse, finalRawForm } from "../src/protocol/infer-response.ts";

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

const message = encodeInferRequest(request);

/** `codec/decode`: bytes of a 4 KB request to tensor views, all checks included. */
export function decode(): InferenceRequest {
  return decodeInferRequest(message);
}

/** `codec/encode`: the answer of one number to the bytes of a stream message. */
export function encode(): Buffer {
  return encodeStreamResponse(response, finalRawForm);
}

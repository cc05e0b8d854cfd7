import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { noParameters } from "../src/inference.ts";
import { inferenceService } from "../src/protocol/definitions.ts";
import { encodeInferResponse, encodeStreamResponse, finalRawForm } from "../src/protocol/infer-response.ts";
import { answerParent } from "./child.ts";

/**
 * The limit beside which calls are measured: a bare grpc-js server with its own handlers and defaults, which takes the same messages and
 * answers what the model "seed" would, the request's id included, without looking at anything else. A process of its own; asked anything,
 * it tells its address.
 */
export interface EchoAddress {
  readonly address: string;
}

/** `id` stands in front of the tensors in what the load process sends: a few bytes behind `model_name`. */
function requestId(request: Buffer): string {
  const start = 2 + (request[1] ?? 0); // behind field 1, model_name, shorter than 128 bytes
  if (request[start] !== 0x1a) return ""; // field 3, id
  return request.toString("latin1", start + 2, start + 2 + (request[start + 1] ?? 0));
}

function answer(id: string) {
  const outputs = [{ name: "y", datatype: "FP32", shape: [1, 1], data: new Uint8Array(4) }] as const;
  return { modelName: "seed", modelVersion: "1", id, parameters: noParameters, outputs };
}

function infer(call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>): void {
  callback(null, encodeInferResponse(answer(requestId(call.request)), { outputForm: "raw" }));
}

function streamInfer(call: ServerDuplexStream<Buffer, Buffer>): void {
  call.on("data", (request: Buffer) => call.write(encodeStreamResponse(answer(requestId(request)), finalRawForm)));
  call.on("end", () => call.end());
}

const server = new Server();
server.addService(inferenceService(), { ModelInfer: infer, ModelStreamInfer: streamInfer });
const port = new Promise<number>((resolve, reject) => {
  server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
    error === null ? resolve(bound) : reject(error),
  );
});
answerParent(async (): Promise<EchoAddress> => ({ address: `127.0.0.1:${await port}` }));

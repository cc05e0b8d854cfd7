import type { Http2Server } from "node:http2";
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
import { inputWidth } from "./models.ts";

/**
 * The limit beside which calls are measured: a bare grpc-js server with its own handlers and defaults, which takes the same messages and
 * answers what the model "seed" would, the request's id included, without looking at anything else. A process of its own; asked once, it
 * listens and tells its address.
 */
export interface EchoOptions {
  /** HTTP/2 receive windows of a stream and of its connection, bytes; absent: Node's 64 KB. */
  readonly windows?: { readonly stream: number; readonly connection: number };
}

export interface EchoAddress {
  readonly address: string;
}

/** `id` stands in front of the tensors in what the load process sends: a few bytes behind `model_name`. */
function requestId(request: Buffer): string {
  const start = 2 + (request[1] ?? 0); // behind field 1, model_name, shorter than 128 bytes
  if (request[start] !== 0x1a) return ""; // field 3, id
  return request.toString("latin1", start + 2, start + 2 + (request[start + 1] ?? 0));
}

/** Bytes of a row of "seed". */
const rowBytes = 4 * inputWidth;

function answer(request: Buffer) {
  const rows = Math.floor(request.length / rowBytes);
  const outputs = [{ name: "y", datatype: "FP32", shape: [rows, 1], data: new Uint8Array(4 * rows) }] as const;
  return { modelName: "seed", modelVersion: "1", id: requestId(request), parameters: noParameters, outputs };
}

function infer(call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>): void {
  callback(null, encodeInferResponse(answer(call.request), { outputForm: "raw" }));
}

function streamInfer(call: ServerDuplexStream<Buffer, Buffer>): void {
  call.on("data", (request: Buffer) => call.write(encodeStreamResponse(answer(request), finalRawForm)));
  call.on("end", () => call.end());
}

/** grpc-js has no option for receive windows: what it makes of HTTP/2 is reached into. */
interface InnerServer {
  readonly commonServerOptions: { readonly settings?: { initialWindowSize?: number } };
  readonly http2Servers: ReadonlyMap<Http2Server, unknown>;
}

async function start({ windows }: EchoOptions): Promise<EchoAddress> {
  const server = new Server({ "grpc.max_concurrent_streams": 1000 }); // so that there are settings
  const { commonServerOptions, http2Servers } = server as unknown as InnerServer;
  server.addService(inferenceService(), { ModelInfer: infer, ModelStreamInfer: streamInfer });
  if (windows !== undefined) Object.assign(commonServerOptions.settings ?? {}, { initialWindowSize: windows.stream });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  if (windows !== undefined) {
    for (const http2 of http2Servers.keys()) {
      http2.on("session", (session) => session.setLocalWindowSize(windows.connection));
    }
  }
  return { address: `127.0.0.1:${port}` };
}

answerParent(start);

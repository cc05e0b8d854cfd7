import { join } from "node:path";
import {
  type Client,
  credentials,
  type GrpcObject,
  loadPackageDefinition,
  type ServiceClientConstructor,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

const protoFolder = join(import.meta.dirname, "..", "..", "proto");

/** A message as the protobuf library gives it: 64-bit integers as decimal strings, bytes as Buffers, fields by their names in the .proto. */
export type Message = Readonly<Record<string, unknown>>;

/** A client as anybody would generate it from the .proto files: grpc-js and proto-loader, nothing of sluice. */
export class PlainStub {
  readonly #client: Client;

  constructor(address: string) {
    const definition = loadSync("inference/grpc_service.proto", {
      includeDirs: [protoFolder],
      keepCase: true,
      longs: String,
      defaults: true,
      oneofs: true,
    });
    const inference = loadPackageDefinition(definition).inference as GrpcObject;
    const Stub = inference.GRPCInferenceService as ServiceClientConstructor;
    this.#client = new Stub(address, credentials.createInsecure());
  }

  /** One unary call. @throws grpc-js' ServiceError */
  call(method: string, request: Message): Promise<Message> {
    // grpc-js gives a client a function for each method of its service.
    const methods = this.#client as unknown as Record<
      string,
      (request: Message, callback: (error: Error | null, answer: Message) => void) => void
    >;
    return new Promise((resolve, reject) => {
      methods[method]?.call(this.#client, request, (error, answer) =>
        error === null ? resolve(answer) : reject(error),
      );
    });
  }

  close(): void {
    this.#client.close();
  }
}

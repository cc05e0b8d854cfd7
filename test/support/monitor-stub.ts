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

/** A client of the monitor's service as anybody would generate it; 64-bit integers come as numbers. */
export class MonitorStub {
  readonly client: Client;

  constructor(address: string) {
    const options = {
      includeDirs: [protoFolder],
      keepCase: true,
      longs: Number,
      enums: String,
      defaults: true,
      oneofs: true,
    };
    const definition = loadSync("sluice/monitor/v1/monitor.proto", options);
    const sluice = loadPackageDefinition(definition).sluice as GrpcObject;
    const { v1 } = sluice.monitor as unknown as { v1: Record<string, ServiceClientConstructor> };
    const Stub = v1.MonitorService!;
    this.client = new Stub(address, credentials.createInsecure());
  }

  /** One unary call. @throws grpc-js' ServiceError */
  call(method: string, request: object): Promise<any> {
    const methods = this.client as unknown as Record<
      string,
      (request: object, callback: (error: Error | null, answer: unknown) => void) => void
    >;
    return new Promise((resolve, reject) => {
      methods[method]!.call(this.client, request, (error, answer) =>
        error === null ? resolve(answer) : reject(error),
      );
    });
  }

  close(): void {
    this.client.close();
  }
}

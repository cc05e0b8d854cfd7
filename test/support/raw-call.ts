import { Client, credentials, Metadata, type StatusObject } from "@grpc/grpc-js";
import { decodeStreamResponse, type StreamResponse } from "../../src/protocol/infer-response.ts";
import type { Ending } from "./reliability-subject.ts";

const asIs = (bytes: Buffer): Buffer => bytes;
const service = "/inference.GRPCInferenceService/";

/** A client that sends bytes as they are, also those that no encoder of ours would write. */
export class RawClient {
  readonly #client: Client;

  constructor(ending: Ending, address: string) {
    this.#client = new Client(address, credentials.createInsecure(), { "grpc.enable_retries": 0 });
    ending.after(() => this.#client.close());
  }

  /** How a unary call with these bytes ends. */
  unary(method: string, message: Buffer): Promise<StatusObject> {
    return new Promise((resolve) => {
      const options = { deadline: Date.now() + 30_000 };
      const call = this.#client.makeUnaryRequest(
        service + method,
        asIs,
        asIs,
        message,
        new Metadata(),
        options,
        () => {},
      );
      call.on("status", resolve);
    });
  }

  /** Sends messages on one stream and half-closes; the answers and how it ended. */
  async stream(messages: readonly Buffer[]): Promise<{ status: StatusObject; responses: StreamResponse[] }> {
    const options = { deadline: Date.now() + 30_000 };
    const call = this.#client.makeBidiStreamRequest(`${service}ModelStreamInfer`, asIs, asIs, new Metadata(), options);
    const responses: StreamResponse[] = [];
    call.on("data", (bytes: Buffer) => responses.push(decodeStreamResponse(bytes)));
    call.on("error", () => {}); // told by the status
    const status = new Promise<StatusObject>((resolve) => call.on("status", resolve));
    for (const message of messages) call.write(message);
    call.end();
    return { status: await status, responses };
  }
}

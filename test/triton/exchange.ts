import { Client, credentials, Metadata, type ServiceError, type StatusObject } from "@grpc/grpc-js";
import { decodeResponse, type Plain, servicePath } from "./messages.ts";

/** One call of the comparison. */
export interface Call {
  readonly method: string;
  /** One for a unary method, any number for the stream. */
  readonly requests: readonly Buffer[];
  readonly metadata?: Readonly<Record<string, string>>;
}

/** What a server answered to a call: its status, and its messages in order. */
export interface Answer {
  readonly code: number;
  readonly message: string;
  readonly responses: readonly Plain[];
}

const callLimitMs = 30_000;
const countedAfterMs = 100;
const asIs = (bytes: Buffer): Buffer => bytes;

/** Calls a server with bytes and reads its bytes. */
export class Exchange {
  readonly #client: Client;

  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure(), {
      "grpc.enable_retries": 0,
      "grpc.use_local_subchannel_pool": 1,
      "grpc.max_receive_message_length": -1,
    });
  }

  close(): void {
    this.#client.close();
  }

  async call(call: Call): Promise<Answer> {
    // Triton counts a request a moment after it has answered it.
    if (call.method === "ModelStatistics") await new Promise((resolve) => setTimeout(resolve, countedAfterMs));
    return call.method === "ModelStreamInfer" ? this.#stream(call) : this.#unary(call);
  }

  #unary({ method, requests, metadata }: Call): Promise<Answer> {
    return new Promise((resolve) => {
      const responses: Plain[] = [];
      const [request = Buffer.alloc(0)] = requests;
      const answered = (_error: ServiceError | null, bytes?: Buffer) => {
        if (bytes !== undefined) responses.push(decodeResponse(method, bytes));
      };
      const options = { deadline: Date.now() + callLimitMs };
      const call = this.#client.makeUnaryRequest(
        servicePath + method,
        asIs,
        asIs,
        request,
        metadataOf(metadata),
        options,
        answered,
      );
      call.on("status", (status: StatusObject) => setImmediate(() => resolve(answerOf(status, responses))));
    });
  }

  #stream({ method, requests, metadata }: Call): Promise<Answer> {
    return new Promise((resolve) => {
      const responses: Plain[] = [];
      const options = { deadline: Date.now() + callLimitMs };
      const call = this.#client.makeBidiStreamRequest(servicePath + method, asIs, asIs, metadataOf(metadata), options);
      call.on("data", (bytes: Buffer) => responses.push(decodeResponse(method, bytes)));
      call.on("error", () => {});
      call.on("status", (status: StatusObject) => resolve(answerOf(status, responses)));
      for (const request of requests) call.write(request);
      call.end();
    });
  }
}

function answerOf({ code, details }: StatusObject, responses: readonly Plain[]): Answer {
  return { code, message: code === 0 ? "" : details, responses };
}

function metadataOf(entries: Readonly<Record<string, string>> = {}): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(entries)) metadata.set(key, value);
  return metadata;
}

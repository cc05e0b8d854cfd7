import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServiceError,
} from "@grpc/grpc-js";
import type { InferenceError } from "../../src/errors.ts";
import type { InferenceRequest, InferenceResponse } from "../../src/inference.ts";
import { healthService, inferenceService } from "../../src/protocol/definitions.ts";
import { decodeInferRequest } from "../../src/protocol/infer-request.ts";
import { encodeInferResponse, encodeStreamError, encodeStreamResponse } from "../../src/protocol/infer-response.ts";
import { toStatus } from "../../src/protocol/status.ts";

/** What the fake answers; tests replace what they are about. */
export interface FakeAnswers {
  infer(request: InferenceRequest, attempt: number): InferenceResponse;
  /** Answers of the control methods by their name; a missing one is UNIMPLEMENTED. */
  readonly control: Readonly<Record<string, (request: never) => object>>;
}

type Callback = (error: Partial<ServiceError> | null, value?: object) => void;

/** A KServe v2 server without any model: whatever a test says it answers. Listens on a free loopback port. */
export class KserveFake {
  readonly #server = new Server();
  /** Requests as they arrived, in order. */
  readonly requests: InferenceRequest[] = [];
  /** Requests of both inference methods so far. */
  calls = 0;
  /** Where they came from: one entry for each connection. */
  readonly peers = new Set<string>();
  address = "";

  constructor(answers: FakeAnswers) {
    const control = Object.keys(inferenceService())
      .filter((method) => !method.includes("Infer"))
      .map((method) => [
        method,
        (call: { request: never }, callback: Callback) => {
          const answer = answers.control[method];
          if (answer === undefined) return callback({ code: 12, details: `${method} is not offered` });
          try {
            callback(null, answer(call.request));
          } catch (error) {
            callback(statusOf(error));
          }
        },
      ]);
    this.#server.addService(
      inferenceService() as never,
      {
        ...Object.fromEntries(control),
        ModelInfer: (call: ServerUnaryCall<Buffer, Buffer>, callback: Callback) => {
          this.calls++;
          this.peers.add(call.getPeer());
          const request = decodeInferRequest(call.request);
          this.requests.push(request);
          try {
            callback(null, encodeInferResponse(answers.infer(request, this.calls)));
          } catch (error) {
            callback(statusOf(error));
          }
        },
        ModelStreamInfer: (call: ServerDuplexStream<Buffer, Buffer>) => {
          this.peers.add(call.getPeer());
          call.on("data", (message: Buffer) => {
            this.calls++;
            const request = decodeInferRequest(message);
            this.requests.push(request);
            try {
              call.write(encodeStreamResponse(answers.infer(request, this.calls)));
            } catch (error) {
              call.write(encodeStreamError(error as InferenceError, { id: request.id }));
            }
          });
          call.on("end", () => call.end());
          call.on("error", () => {});
        },
      } as never,
    );
    this.#server.addService(
      healthService() as never,
      {
        Check: (_call: unknown, callback: Callback) => {
          const check = answers.control.HealthCheck;
          callback(null, check === undefined ? { status: "SERVING" } : check(undefined as never));
        },
      } as never,
    );
  }

  async start(): Promise<this> {
    const port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    this.address = `127.0.0.1:${port}`;
    return this;
  }

  stop(): void {
    this.#server.forceShutdown();
  }
}

function statusOf(error: unknown): Partial<ServiceError> {
  const { code, details, pushbackMs } = toStatus(error as InferenceError);
  const metadata = new Metadata();
  if (pushbackMs !== undefined) metadata.set("grpc-retry-pushback-ms", pushbackMs);
  return { code, details, metadata };
}

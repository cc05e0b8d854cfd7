import assert from "node:assert/strict";
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import type { TestContext } from "node:test";
import {
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  makeClientConstructor,
  type ServiceClientConstructor,
  type ServiceError,
  type StatusObject,
} from "@grpc/grpc-js";
import { resolveConfig, type ServeConfig } from "../../src/config.ts";
import type { InferenceError } from "../../src/errors.ts";
import { type InferenceRequest, noParameters, type Parameters, type RequestContext } from "../../src/inference.ts";
import type { CallObserver } from "../../src/monitor/telemetry/call-observer.ts";
import { inferenceService } from "../../src/protocol/definitions.ts";
import { encodeInferRequest } from "../../src/protocol/infer-request.ts";
import { decodeInferResponse, decodeStreamResponse, type StreamResponse } from "../../src/protocol/infer-response.ts";
import type { Log, LogFields } from "../../src/server/log.ts";
import { createGrpcServer, type GrpcServer } from "../../src/server/server.ts";
import type { TenantDirectory } from "../../src/server/tenant-directory.ts";
import type { FakeRepository } from "./fake-repository.ts";

const servicePath = "/inference.GRPCInferenceService/";
const asIs = (bytes: Buffer): Buffer => bytes;

/** A log that keeps its lines. */
export class RecordingLog implements Log {
  readonly lines: { readonly level: string; readonly message: string; readonly fields: LogFields }[] = [];
  debug = (message: string, fields: LogFields = {}) => void this.lines.push({ level: "debug", message, fields });
  info = (message: string, fields: LogFields = {}) => void this.lines.push({ level: "info", message, fields });
  warn = (message: string, fields: LogFields = {}) => void this.lines.push({ level: "warn", message, fields });
  error = (message: string, fields: LogFields = {}) => void this.lines.push({ level: "error", message, fields });
}

/** An observer that counts. */
export class RecordingCallObserver implements CallObserver {
  readonly ended: { readonly method: string; readonly code: number }[] = [];
  /** Bytes received and sent, of each ended call; undefined where its messages are none. */
  readonly sizes: (readonly [received: number | undefined, sent: number | undefined])[] = [];
  started = 0;
  received = 0;
  sent = 0;
  onCallStart(): void {
    this.started++;
  }
  onCallEnd(method: string, code: number, _durationMs: number, receivedBytes?: number, sentBytes?: number): void {
    this.ended.push({ method, code });
    this.sizes.push([receivedBytes, sentBytes]);
  }
  onStreamMessage(_method: string, direction: "received" | "sent"): void {
    this[direction]++;
  }
  readonly refusedTenants: string[] = [];
  readonly refusedRequests: string[] = [];
  onRequestRefused(_context: RequestContext, error: InferenceError): void {
    this.refusedRequests.push(error.reason);
  }

  onTenantRefused(tenant: string): void {
    this.refusedTenants.push(tenant);
  }
}

/** A request with one FP32 row. */
export function encodeRequest(
  modelName: string,
  id: string,
  parameters: Parameters = noParameters,
  floats = 1,
): Buffer {
  const data = new Uint8Array(floats * 4);
  const request: InferenceRequest = {
    modelName,
    modelVersion: "",
    id,
    parameters,
    inputs: [{ name: "x", datatype: "FP32", shape: [1, floats], data }],
    requestedOutputs: [],
    byteLength: 0,
  };
  return encodeInferRequest(request);
}

/** A gRPC message as it stands in DATA frames. */
export function frame(message: Uint8Array, flag = 0): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt8(flag, 0);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

/** Polls a condition that another event loop turn makes true; fails after two seconds. */
export async function eventually(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 2_000;
  while (!condition()) {
    if (performance.now() > deadline) assert.fail(`not within two seconds: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** A server on a free port with everything that a test asks of it. */
export class GrpcHarness {
  readonly server: GrpcServer;
  readonly log: RecordingLog;
  readonly observer: RecordingCallObserver;
  readonly address: string;
  readonly #clients: (Client | ClientHttp2Session)[] = [];

  private constructor(server: GrpcServer, address: string, log: RecordingLog, observer: RecordingCallObserver) {
    this.server = server;
    this.address = address;
    this.log = log;
    this.observer = observer;
  }

  /** Starts a server, which is stopped after the test. */
  static async start(
    test: TestContext,
    repository: FakeRepository,
    options: Partial<ServeConfig> = {},
    tenants?: TenantDirectory,
  ): Promise<GrpcHarness> {
    const log = new RecordingLog();
    const callObserver = new RecordingCallObserver();
    const config = resolveConfig({ grpcPort: 0, ...options });
    const server = createGrpcServer({ repository, config, tenants, log, callObserver });
    const { host, port } = await server.start();
    const harness = new GrpcHarness(server, `${host}:${port}`, log, callObserver);
    test.after(async () => {
      harness.closeClients();
      await server.stop(performance.now() + 200);
    });
    return harness;
  }

  get port(): number {
    return Number(this.address.split(":").at(-1));
  }

  closeClients(): void {
    for (const client of this.#clients.splice(0)) client.close();
  }

  /** A raw client for the two inference methods. */
  client(): InferenceTestClient {
    const client = new InferenceTestClient(this.address);
    this.#clients.push(client.grpc);
    return client;
  }

  /** A client for every other method, with plain messages. */
  control(definition = inferenceService()): ControlClient {
    // proto-loader's definitions are grpc-js' own; only their message types are wider.
    const ControlStub: ServiceClientConstructor = makeClientConstructor(definition as never, "test");
    const client = new ControlStub(this.address, credentials.createInsecure());
    this.#clients.push(client);
    return new ControlClient(client);
  }

  /** A bare HTTP/2 connection, for clients that misbehave. */
  http2(): Http2TestClient {
    const session = connect(`http://${this.address}`, { maxSessionMemory: 1024 }); // megabytes: what waits to be sent counts too
    session.on("error", () => {});
    this.#clients.push(session);
    return new Http2TestClient(session);
  }

  /** Everything that counts what is in flight is back to zero. */
  async assertIdle(): Promise<void> {
    await eventually(
      () => {
        const { openCalls, bufferedBytes, arrivingBytes, pausedStreams, healthWatchers } = this.server.load;
        return openCalls + bufferedBytes + arrivingBytes + pausedStreams + healthWatchers === 0;
      },
      `idle, but ${JSON.stringify(this.server.load)}`,
    );
    assert.equal(this.observer.ended.length, this.observer.started, "each call ends once for the observer");
  }
}

/** How a call ended. */
export interface Outcome<T> {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
  readonly responses: readonly T[];
}

export class InferenceTestClient {
  readonly grpc: Client;

  constructor(address: string) {
    // Each client its own connection, or tests would share one and its windows.
    const options = { "grpc.use_local_subchannel_pool": 1, "grpc.enable_retries": 0 };
    this.grpc = new Client(address, credentials.createInsecure(), options);
  }

  infer(
    message: Buffer,
    options: { deadline?: number; metadata?: Record<string, string> } = {},
  ): Promise<Outcome<ReturnType<typeof decodeInferResponse>>> {
    return new Promise((resolve) => {
      const responses: ReturnType<typeof decodeInferResponse>[] = [];
      const metadata = metadataOf(options.metadata);
      const callOptions = options.deadline === undefined ? {} : { deadline: options.deadline };
      const answered = (_error: ServiceError | null, bytes?: Buffer) => {
        if (bytes !== undefined) responses.push(decodeInferResponse(bytes));
      };
      const path = `${servicePath}ModelInfer`;
      const call = this.grpc.makeUnaryRequest(path, asIs, asIs, message, metadata, callOptions, answered);
      call.on("status", (status: StatusObject) => setImmediate(() => resolve({ ...status, responses })));
    });
  }

  stream(metadata: Record<string, string> = {}): StreamTestCall {
    const path = `${servicePath}ModelStreamInfer`;
    return new StreamTestCall(this.grpc.makeBidiStreamRequest(path, asIs, asIs, metadataOf(metadata)));
  }
}

/** One ModelStreamInfer call seen by its client. */
export class StreamTestCall {
  readonly call: ClientDuplexStream<Buffer, Buffer>;
  readonly responses: StreamResponse[] = [];
  readonly status: Promise<StatusObject>;

  constructor(call: ClientDuplexStream<Buffer, Buffer>) {
    this.call = call;
    call.on("data", (bytes: Buffer) => this.responses.push(decodeStreamResponse(bytes)));
    call.on("error", () => {});
    this.status = new Promise((resolve) => call.on("status", resolve));
  }

  send(...messages: Buffer[]): void {
    for (const message of messages) this.call.write(message);
  }

  async untilAnswered(count: number): Promise<readonly StreamResponse[]> {
    await eventually(() => this.responses.length >= count, `${count} answers, there are ${this.responses.length}`);
    return this.responses;
  }

  /** Half-closes and waits for the end. */
  async finish(): Promise<StatusObject> {
    this.call.end();
    return this.status;
  }

  get ids(): readonly string[] {
    return this.responses.map(({ response }) => response.id);
  }
}

export class ControlClient {
  readonly grpc: Client;

  constructor(client: Client) {
    this.grpc = client;
  }

  /** Calls a unary method by name. */
  call(method: string, request: object = {}): Promise<Outcome<any>> {
    return new Promise((resolve) => {
      const responses: unknown[] = [];
      const answered = (_error: ServiceError | null, response: unknown) => {
        if (response !== undefined && response !== null) responses.push(response);
      };
      // Methods of a constructed client are properties by method name.
      const call = (this.grpc as any)[method](request, answered);
      call.on("status", (status: StatusObject) => setImmediate(() => resolve({ ...status, responses })));
    });
  }
}

/** HTTP/2 without gRPC's manners. */
export class Http2TestClient {
  readonly session: ClientHttp2Session;

  constructor(session: ClientHttp2Session) {
    this.session = session;
  }

  open(method: string, headers: Record<string, string> = {}): ClientHttp2Stream {
    const stream = this.session.request({
      ":method": "POST",
      ":path": `${servicePath}${method}`,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
    stream.on("error", () => {});
    return stream;
  }
}

/** Status and text of a raw call, from trailers or from a trailers-only answer. `isRead`: its data is read here, and thrown away. */
export function rawStatus(
  stream: ClientHttp2Stream,
  isRead = true,
): Promise<{ http: number; grpc: number; details: string; rst: number }> {
  return new Promise((resolve) => {
    let http = 0;
    let grpc = -1;
    let details = "";
    const take = (headers: Record<string, unknown>) => {
      if (headers[":status"] !== undefined) http = Number(headers[":status"]);
      if (headers["grpc-status"] === undefined) return;
      grpc = Number(headers["grpc-status"]);
      details = decodeURIComponent(String(headers["grpc-message"] ?? ""));
    };
    stream.on("response", take);
    stream.on("trailers", take);
    stream.on("end", () => stream.end()); // an answered call is over for gRPC clients, whatever they meant to send
    stream.on("close", () => resolve({ http, grpc, details, rst: stream.rstCode ?? 0 }));
    if (isRead) stream.resume();
  });
}

function metadataOf(entries: Record<string, string> = {}): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(entries)) metadata.set(key, value);
  return metadata;
}

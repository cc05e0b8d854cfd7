import { Metadata } from "@grpc/grpc-js";
import type { ConnectionListener, StreamConnection } from "../../src/client/stream-connection.ts";
import type { InferenceError } from "../../src/errors.ts";
import { type InferenceRequest, noParameters, type Parameters } from "../../src/inference.ts";
import { decodeInferRequest } from "../../src/protocol/infer-request.ts";
import { encodeStreamError, encodeStreamResponse, finalRawForm } from "../../src/protocol/infer-response.ts";

/** Servers behind the streams of a client, one connection after another; the test says what they answer and when they die. */
export class FakeStreamServers {
  /** Every connection so far, the last one current. */
  readonly connections: FakeConnection[] = [];
  /** Whether answers repeat `sluice_sequence_number`. */
  readonly isEchoing: boolean;
  /** What becomes of attempts to connect; undefined: they succeed. */
  refusal: Error | undefined;

  constructor(isEchoing = true) {
    this.isEchoing = isEchoing;
  }

  readonly connect = (listener: ConnectionListener): FakeConnection => {
    if (this.refusal !== undefined) throw this.refusal;
    const connection = new FakeConnection(listener, `server-${this.connections.length}:1`, this.isEchoing);
    this.connections.push(connection);
    return connection;
  };

  get current(): FakeConnection {
    const connection = this.connections.at(-1);
    if (connection === undefined) throw new Error("nobody has connected");
    return connection;
  }
}

/** One connection, as the server behind it sees it. */
export class FakeConnection implements StreamConnection {
  readonly #listener: ConnectionListener;
  readonly #isEchoing: boolean;
  peer: string | undefined;
  /** Requests that arrived, in order. */
  readonly received: InferenceRequest[] = [];
  /** Those without their last answer. */
  readonly open: InferenceRequest[] = [];
  /** Messages after which `write` says stop. */
  writableAfter = Number.POSITIVE_INFINITY;
  isHalfClosed = false;
  isCancelled = false;
  isPaused = false;
  isOver = false;
  #answered = 0;

  constructor(listener: ConnectionListener, peer: string, isEchoing: boolean) {
    this.#listener = listener;
    this.peer = peer;
    this.#isEchoing = isEchoing;
  }

  write(message: Buffer): boolean {
    if (this.isHalfClosed || this.isOver) throw new Error("a write after the end");
    const request = decodeInferRequest(message);
    this.received.push(request);
    if (!request.parameters.has("sluice_cancel")) this.open.push(request);
    return this.received.length < this.writableAfter;
  }

  finish(): void {
    this.isHalfClosed = true;
  }

  cancel(): void {
    this.isCancelled = true;
    this.isOver = true;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  /** The connection takes more again. */
  drain(): void {
    this.writableAfter = Number.POSITIVE_INFINITY;
    this.#listener.onWritable();
  }

  /** Answers open requests with their inputs: the next one, or so many. */
  answer(count = 1, position = 0): void {
    for (const request of this.open.splice(position, count)) {
      this.#answered++;
      this.#say(encodeStreamResponse(this.#response(request), finalRawForm));
    }
  }

  /** One of several answers to the next open request. */
  answerMore(): void {
    const [request] = this.open;
    if (request === undefined) throw new Error("no request is open");
    this.#say(encodeStreamResponse(this.#response(request), { outputForm: "raw", isFinal: false }));
  }

  /** Answers an open request with an error. */
  fail(error: InferenceError, position = 0): void {
    const [request] = this.open.splice(position, 1);
    if (request === undefined) throw new Error("no request is open");
    this.#answered++;
    const { id } = request;
    this.#say(encodeStreamError(error, { id, parameters: this.#echo(request) }));
  }

  /** Ends the stream in good order, with the trailers that a server of ours sends; `changed` replaces them. */
  end(changed: Readonly<Record<string, string>> = {}): void {
    const answerable = this.received.filter(({ parameters }) => !parameters.has("sluice_cancel")).length;
    const counts = { "sluice-items-received": String(answerable), "sluice-items-answered": String(this.#answered) };
    this.close(0, "OK", { ...counts, ...changed });
  }

  /** Ends the stream in another way; what is open is lost. */
  close(code: number, details: string, trailers: Readonly<Record<string, string>> = {}): void {
    if (this.isOver) return;
    this.isOver = true;
    const metadata = new Metadata();
    for (const [key, value] of Object.entries(trailers)) metadata.set(key, value);
    this.#listener.onClosed({ code, details, metadata });
  }

  #say(message: Buffer): void {
    if (!this.isOver) this.#listener.onMessage(message);
  }

  #response(request: InferenceRequest) {
    const { modelName, id, inputs: outputs } = request;
    return { modelName, modelVersion: "1", id, parameters: this.#echo(request), outputs };
  }

  #echo({ parameters }: InferenceRequest): Parameters {
    const number = parameters.get("sluice_sequence_number");
    return this.#isEchoing && number !== undefined ? new Map([["sluice_sequence_number", number]]) : noParameters;
  }
}

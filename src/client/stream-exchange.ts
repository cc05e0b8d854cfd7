import type { ClientDuplexStream, StatusObject } from "@grpc/grpc-js";
import { statusCodes } from "../protocol/status.ts";
import { ClientError, clientErrorOf } from "./client-error.ts";
import type { StreamResult } from "./stream-result.ts";

/** How a {@link StreamExchange} reads and writes messages. */
export interface StreamCodec<Request> {
  encode(request: Request): Buffer;
  decode(message: Buffer): StreamResult;
}

/**
 * Both directions of one ModelStreamInfer call. At most `window` requests are without their last answer taken by the reader, so neither a slow
 * reader nor a slow server makes memory grow; requests are drawn from their source no faster than that.
 */
export class StreamExchange<Request> {
  readonly #call: ClientDuplexStream<Buffer, Buffer>;
  readonly #codec: StreamCodec<Request>;
  readonly #window: number;
  readonly #arrived: StreamResult[] = [];
  #pending = 0;
  #hasSeveralAnswers = false;
  #status: StatusObject | undefined;
  #isRead = false;
  #end: { readonly failure: unknown } | undefined;
  #wakeReader = (): void => {};
  #wakeWriter = (): void => {};

  constructor(call: ClientDuplexStream<Buffer, Buffer>, codec: StreamCodec<Request>, window: number) {
    this.#call = call;
    this.#codec = codec;
    this.#window = window;
    call.on("data", (message) => this.#receive(message));
    call.on("drain", () => this.#wakeWriter());
    call.on("status", (status) => this.#close(status));
    call.on("end", () => this.#finishWhenRead(true));
    call.on("error", () => {}); // the same failure comes as a status
  }

  /** Sends all requests, then closes this direction. Never rejects: a failure of the source ends the stream and reaches the reader. */
  async send(requests: Iterable<Request> | AsyncIterable<Request>): Promise<void> {
    try {
      for await (const request of requests) {
        while (this.#pending >= this.#window && !this.#isClosed) await this.#writerTurn();
        if (this.#isClosed) return;
        const message = this.#codec.encode(request);
        this.#pending++;
        if (!this.#call.write(message) && !this.#isClosed) await this.#writerTurn();
      }
      if (!this.#isClosed) this.#call.end();
    } catch (error) {
      this.#finish(error);
      this.#call.cancel();
    }
  }

  /** The answers as they come. Leaving the loop early cancels the call. @throws ClientError when the stream itself fails. */
  async *results(): AsyncGenerator<StreamResult, void, undefined> {
    try {
      for (;;) {
        const result = this.#arrived.shift();
        if (result !== undefined) {
          this.#release(result);
          yield result;
        } else if (this.#end !== undefined) {
          if (this.#end.failure !== undefined) throw this.#end.failure;
          return;
        } else await new Promise<void>((resolve) => (this.#wakeReader = resolve));
      }
    } finally {
      if (this.#end === undefined) {
        this.#finish(undefined);
        this.#call.cancel();
      }
    }
  }

  #receive(message: Buffer): void {
    try {
      const result = this.#codec.decode(message);
      this.#hasSeveralAnswers ||= !result.isFinal;
      this.#arrived.push(result);
    } catch (error) {
      this.#finish(error);
      this.#call.cancel();
    }
    if (this.#arrived.length >= this.#window) this.#call.pause();
    this.#wakeReader();
  }

  #release(result: StreamResult): void {
    if (result.isFinal) {
      this.#pending--;
      this.#wakeWriter();
    }
    if (this.#arrived.length < this.#window) this.#call.resume();
  }

  /** Nothing can be sent any more. */
  get #isClosed(): boolean {
    return this.#status !== undefined || this.#end !== undefined;
  }

  #close(status: StatusObject): void {
    this.#status = status;
    this.#wakeWriter();
    this.#finishWhenRead(this.#isRead);
  }

  /** The status may come before the last answers were read. */
  #finishWhenRead(isRead: boolean): void {
    this.#isRead = isRead;
    if (isRead && this.#status !== undefined) this.#finish(failureOf(this.#status));
  }

  #finish(failure: unknown): void {
    if (this.#end !== undefined) return;
    const unanswered = this.#pending - this.#arrived.filter(({ isFinal }) => isFinal).length;
    const isTruncated = failure === undefined && unanswered > 0 && !this.#hasSeveralAnswers;
    this.#end = {
      failure: isTruncated
        ? new ClientError(statusCodes.UNAVAILABLE, `the server ended the stream with ${unanswered} requests unanswered`)
        : failure,
    };
    this.#wakeReader();
    this.#wakeWriter();
  }

  /** Until a place is free, the connection takes more, or the stream is over. */
  #writerTurn(): Promise<void> {
    return new Promise((resolve) => (this.#wakeWriter = resolve));
  }
}

function failureOf(status: StatusObject): ClientError | undefined {
  return status.code === statusCodes.OK ? undefined : clientErrorOf(status);
}

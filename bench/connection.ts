import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";

const service = "inference.GRPCInferenceService";

/** Windows so large that a sender is never held up by this side. */
const windowBytes = 2 ** 30;

/** One message is preceded by a byte (0: not compressed) and its length. */
const prefixBytes = 5;

/** A call ended with a status that is not OK. */
export class StatusError extends Error {
  override readonly name = "StatusError";
  readonly code: number;

  constructor(code: number, text: string) {
    super(`status ${code}: ${text}`);
    this.code = code;
  }
}

/** A bidirectional stream from the caller's side. */
export interface OpenStream {
  send(message: Buffer): void;
  /** Half-closes; answers may still come. */
  finish(): void;
  /** Resolves when the server ended the stream with status OK, rejects otherwise. */
  readonly ended: Promise<void>;
}

/** One HTTP/2 connection that speaks just enough gRPC to call with messages that are already encoded. */
export class Connection {
  readonly #session: ClientHttp2Session;

  constructor(address: string) {
    this.#session = connect(`http://${address}`, {
      settings: { initialWindowSize: windowBytes },
      maxSessionMemory: 4096, // megabytes: what waits to be sent counts too
    });
    this.#session.on("connect", () => this.#session.setLocalWindowSize(windowBytes));
    this.#session.on("error", () => {}); // its streams fail
  }

  close(): void {
    this.#session.destroy();
  }

  /** A unary call. @throws StatusError with status and text when it is not OK */
  call(method: string, message: Buffer, metadata: Readonly<Record<string, string>> = {}): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      let answer: Buffer | undefined;
      const stream = this.#open(method, metadata);
      receive(
        stream,
        (bytes) => {
          answer = bytes;
        },
        (error) => {
          if (error !== undefined) reject(error);
          else if (answer === undefined) reject(new Error("no answer"));
          else resolve(answer);
        },
      );
      stream.end(frame(message));
    });
  }

  /** @param onMessage called for each answer; what it throws ends the stream */
  openStream(method: string, onMessage: (message: Buffer) => void): OpenStream {
    const stream = this.#open(method);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    receive(stream, onMessage, (error) => (error === undefined ? resolve() : reject(error)));
    return {
      send: (message) => stream.write(frame(message)),
      finish: () => {
        if (!stream.writableEnded) stream.end();
      },
      ended: promise,
    };
  }

  #open(method: string, metadata: Readonly<Record<string, string>> = {}): ClientHttp2Stream {
    return this.#session.request({
      ...metadata,
      [constants.HTTP2_HEADER_METHOD]: "POST",
      [constants.HTTP2_HEADER_PATH]: `/${service}/${method}`,
      [constants.HTTP2_HEADER_CONTENT_TYPE]: "application/grpc",
      [constants.HTTP2_HEADER_TE]: "trailers",
    });
  }
}

const frames = new WeakMap<Buffer, Buffer>();

/** The same few messages are sent again and again. */
function frame(message: Buffer): Buffer {
  let framed = frames.get(message);
  if (framed === undefined) {
    framed = Buffer.alloc(prefixBytes + message.length);
    framed.writeUInt32BE(message.length, 1);
    message.copy(framed, prefixBytes);
    frames.set(message, framed);
  }
  return framed;
}

/** Cuts what arrives into messages; `onEnd` is called once, with an error unless the status was OK. */
function receive(
  stream: ClientHttp2Stream,
  onMessage: (message: Buffer) => void,
  onEnd: (error: Error | undefined) => void,
): void {
  let rest: Buffer | undefined;
  let status: string | undefined;
  let failure: Error | undefined;
  const onHeaders = (headers: { readonly [name: string]: unknown }) => {
    const code = headers["grpc-status"];
    if (code === undefined) return;
    status = String(code);
    if (status !== "0") failure = new StatusError(Number(status), decodeURIComponent(String(headers["grpc-message"])));
  };
  stream.on("response", onHeaders); // an error may come as headers only
  stream.on("trailers", onHeaders);
  stream.on("data", (chunk: Buffer) => {
    if (failure !== undefined) return;
    try {
      rest = cut(rest === undefined ? chunk : Buffer.concat([rest, chunk]), onMessage);
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
      stream.close();
    }
  });
  stream.on("error", (error) => {
    failure ??= error;
  });
  stream.on("close", () => {
    const isWhole = status === "0" && rest === undefined;
    onEnd(failure ?? (isWhole ? undefined : new Error("the stream was closed without a status")));
  });
}

/** Hands out whole messages. @returns what is left of an incomplete one */
function cut(bytes: Buffer, onMessage: (message: Buffer) => void): Buffer | undefined {
  let position = 0;
  while (bytes.length - position >= prefixBytes) {
    const end = position + prefixBytes + bytes.readUInt32BE(position + 1);
    if (end > bytes.length) break;
    onMessage(bytes.subarray(position + prefixBytes, end));
    position = end;
  }
  return position === bytes.length ? undefined : bytes.subarray(position);
}

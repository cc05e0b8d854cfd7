import type { Http2Stream, ServerHttp2Stream } from "node:http2";
import { constants } from "node:http2";
import { Metadata, ServerInterceptingCall, type ServerInterceptor } from "@grpc/grpc-js";
import { toInferenceError } from "../errors.ts";
import type { CallObserver } from "../monitor/telemetry/call-observer.ts";
import { statusCodes, statusText } from "../protocol/status.ts";
import { shedError } from "./admission.ts";
import type { ArrivingMessages, Decoder, MessageArrival, ReceivingCall } from "./arriving-messages.ts";
import { bulkMessageBytes, type YoungCollection } from "./bulk-memory.ts";
import { type AnyCallHandler, type Call, type CallListener, type CallStatus, errorStatus } from "./call.ts";
import type { Log } from "./log.ts";
import type { OpenCall, OpenCalls } from "./open-calls.ts";
import type { ConnectionWindows } from "./receive-windows.ts";
import type { SessionWindows } from "./session-windows.ts";

/**
 * The only file that touches a grpc-js call. It takes calls over at the interceptor, grpc-js' documented seam below its Node streams
 * (gRFC L112), because those object-mode streams cost more per message than everything of ours, hand HTTP/2 one message at a time, and end
 * calls without a status when they are destroyed or written to late.
 */

type MethodDefinition = Parameters<ServerInterceptor>[0];
type Base = Parameters<ServerInterceptor>[1];

/** What every call of a server shares. */
export interface CallSurroundings {
  readonly openCalls: OpenCalls;
  readonly observer: CallObserver;
  readonly log: Log;
  readonly windows: SessionWindows;
  readonly arriving: ArrivingMessages;
  readonly youngCollection: YoungCollection;
}

/** Takes over each call whose path (`/package.Service/Method`) is in the table; grpc-js needs a registered handler besides, which never runs. */
export function createTakeover(
  handlers: ReadonlyMap<string, AnyCallHandler>,
  surroundings: CallSurroundings,
): ServerInterceptor {
  return (method, base) => {
    const handler = handlers.get(method.path);
    if (handler === undefined) return new ServerInterceptingCall(base);
    const start = () => base.start(new GrpcJsCall(method, base, handler, surroundings));
    return new ServerInterceptingCall(base, { start });
  };
}

/**
 * How much HTTP/2 is given at a time, besides the write that goes beyond it. It joins what it holds into one write and reports that
 * accepted as a whole: enough for small answers to share a packet, and little enough that a slow reader is seen to make progress.
 */
const maxUnacceptedBytes = 128 * 1024;

/** Larger messages are written in pieces of this size, so that their reader is seen to make progress within them. */
const pieceBytes = 64 * 1024;

/** A message, or a piece of one, that waits to be given to HTTP/2. */
interface Write {
  readonly response: unknown;
  /** Bytes as they stand in DATA frames; otherwise a message that grpc-js puts its prefix before. */
  readonly isPiece: boolean;
  readonly onAccepted: () => void;
}

/** A gRPC status code as the HTTP/2 error code that clients map back to it (gRPC over HTTP/2, "HTTP2 Transport Mapping"). */
const resetCodes: ReadonlyMap<number, number> = new Map([
  [statusCodes.UNAVAILABLE, constants.NGHTTP2_REFUSED_STREAM],
  [statusCodes.RESOURCE_EXHAUSTED, constants.NGHTTP2_ENHANCE_YOUR_CALM],
]);

class GrpcJsCall implements Call<unknown>, OpenCall, ReceivingCall {
  readonly method: string;
  readonly startMs = performance.now();
  deadlineMs = Number.POSITIVE_INFINITY;
  isOpen = true;
  unacceptedWrites = 0;
  acceptedWrites = 0;
  place = -1;
  readonly #base: Base;
  readonly #handler: AnyCallHandler;
  readonly #surroundings: CallSurroundings;
  #listener: CallListener<unknown> | undefined;
  #metadata: Metadata | undefined;
  /** Bytes handed to HTTP/2 and not accepted yet. */
  #unacceptedBytes = 0;
  /** Written while HTTP/2 had enough; always sent in the order of the writes. */
  #waiting: Write[] = [];
  /** The end of the call, while something written before it waits. */
  #waitingStatus: CallStatus | undefined;
  /** Its messages are bytes here, as those of the inference methods, so that their sizes are known. */
  #hasBytes = false;
  #receivedBytes = 0;
  #sentBytes = 0;
  #isReading = false;
  #isReadWanted = false;
  #endCode: number | undefined;
  #controller: AbortController | undefined;
  readonly #isStreamed: boolean;
  #windows: ConnectionWindows | undefined;
  #arrival: MessageArrival | undefined;

  constructor(method: MethodDefinition, base: Base, handler: AnyCallHandler, surroundings: CallSurroundings) {
    this.method = method.path.slice(1);
    this.#isStreamed = method.requestStream;
    this.#base = base;
    this.#handler = handler;
    this.#surroundings = surroundings;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (!this.isOpen && this.#endCode !== statusCodes.OK) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  get isIdle(): boolean {
    return this.unacceptedWrites === 0 && this.#listener?.isIdle === true;
  }

  metadata(key: string): string | undefined {
    const value = this.#metadata?.get(key)[0];
    return typeof value === "string" ? value : undefined;
  }

  /** grpc-js hands over a message that it already has from within `startRead`: a loop here, or a thousand small messages would nest. */
  read(): void {
    this.#isReadWanted = true;
    if (this.#isReading) return;
    this.#isReading = true;
    while (this.#isReadWanted) {
      this.#isReadWanted = false;
      this.#base.startRead();
    }
    this.#isReading = false;
  }

  write(response: unknown, onAccepted: () => void): void {
    if (!this.isOpen) return;
    if (Buffer.isBuffer(response)) this.#sentBytes += response.length;
    const stream = Buffer.isBuffer(response) && response.length > maxUnacceptedBytes ? this.#stream : undefined;
    if (stream === undefined) this.#enqueue(response, false, onAccepted);
    else this.#writePieces(response as Buffer, onAccepted); // checked above
  }

  /** grpc-js hands a message to HTTP/2 as one write, which is accepted only as a whole, and copies it for that. */
  #writePieces(message: Buffer, onAccepted: () => void): void {
    this.#surroundings.youngCollection.onBulk(message.length);
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(message.length, 1);
    this.#enqueue(prefix, true, ignore);
    for (let start = 0; start < message.length; start += pieceBytes) {
      const isLast = start + pieceBytes >= message.length;
      this.#enqueue(message.subarray(start, start + pieceBytes), true, isLast ? onAccepted : ignore);
    }
  }

  #enqueue(response: unknown, isPiece: boolean, onAccepted: () => void): void {
    this.unacceptedWrites++;
    if (this.#unacceptedBytes >= maxUnacceptedBytes || this.#waiting.length > 0) {
      this.#waiting.push({ response, isPiece, onAccepted });
    } else this.#send(response, isPiece, onAccepted);
  }

  end(status: CallStatus): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    const isCode = Number.isInteger(status.code) && status.code >= 0 && status.code <= 16;
    this.#endCode = isCode ? status.code : statusCodes.UNKNOWN;
    if (this.#endCode !== statusCodes.OK) this.#controller?.abort();
    if (this.#waiting.length > 0) this.#waitingStatus = status;
    else this.#sendStatus(status);
  }

  #send(response: unknown, isPiece: boolean, onAccepted: () => void): void {
    const bytes = Buffer.isBuffer(response) ? response.length : 0;
    this.#unacceptedBytes += bytes;
    const accepted = () => {
      this.#unacceptedBytes -= bytes;
      this.unacceptedWrites--;
      this.acceptedWrites++;
      if (this.#waiting.length > 0) this.#sendWaiting();
      try {
        onAccepted();
      } catch (error) {
        this.#fail(error);
      }
    };
    if (isPiece)
      this.#sendPiece(response as Buffer, accepted); // pieces are cut from buffers
    else this.#base.sendMessage(response, accepted);
  }

  #sendPiece(piece: Buffer, accepted: () => void): void {
    const stream = this.#stream;
    if (stream === undefined) return; // it was there when the message was cut
    this.#base.sendMetadata(new Metadata()); // unless they went before
    stream.write(piece, (error) => {
      if (error === null || error === undefined) accepted();
    });
  }

  #sendWaiting(): void {
    let sent = 0;
    for (const { response, isPiece, onAccepted } of this.#waiting) {
      if (this.#unacceptedBytes >= maxUnacceptedBytes) break;
      this.#send(response, isPiece, onAccepted);
      sent++;
    }
    if (sent > 0) this.#waiting.splice(0, sent);
    if (this.#waiting.length > 0 || this.#waitingStatus === undefined) return;
    this.#sendStatus(this.#waitingStatus);
    this.#waitingStatus = undefined;
  }

  /** grpc-js' HTTP/2 stream is private; undefined where it is not found, or is over. */
  get #stream(): ServerHttp2Stream | undefined {
    const { stream } = this.#base as unknown as { stream?: ServerHttp2Stream };
    return stream === undefined || stream.destroyed || stream.closed ? undefined : stream;
  }

  #sendStatus(status: CallStatus): void {
    this.#base.sendStatus({
      code: this.#endCode ?? statusCodes.UNKNOWN,
      details: statusText(status.details), // encodeURI inside grpc-js throws on half a surrogate pair
      metadata: trailersOf(status.trailers, this.#listener?.trailers),
    });
  }

  reset(code: number): void {
    this.end({ code, details: "the answers were not read in time" });
    this.#endCode = code;
    // grpc-js has no way to reset a call; where its stream is not found, the trailers wait for the reader.
    this.#stream?.close(resetCodes.get(code) ?? constants.NGHTTP2_CANCEL);
  }

  /** The calls together have received too much of messages that are not complete, and this one's is the oldest. */
  giveUp(): void {
    this.end(errorStatus(shedError()));
  }

  // From here on: what grpc-js calls.

  onReceiveMetadata(metadata: Metadata): void {
    const { openCalls, observer, windows, arriving } = this.#surroundings;
    this.#metadata = metadata;
    const deadline = Number(this.#base.getDeadline()); // epoch milliseconds
    if (deadline !== Number.POSITIVE_INFINITY) this.deadlineMs = this.startMs + (deadline - Date.now());
    openCalls.add(this);
    this.#windows = windows.of(this.#stream?.session);
    this.#windows?.onCallStart();
    this.#arrival = arriving.follow(this.#base as unknown as { decoder?: Decoder }, this); // a private field
    observer.onCallStart(this.method);
    try {
      this.#isReading = true; // no message before its listener is there
      this.#listener = this.#handler(this);
      this.#isReading = false;
      if (this.#isReadWanted) this.read();
    } catch (error) {
      this.#fail(error);
    }
  }

  onReceiveMessage(message: unknown): void {
    if (!this.isOpen) return;
    if (Buffer.isBuffer(message)) {
      this.#hasBytes = true;
      this.#receivedBytes += message.length;
      this.#count(message.length);
    }
    try {
      this.#listener?.onMessage(message);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** A single small message never waits for a window, so that most calls are not counted. */
  #count(bytes: number): void {
    const isBulk = bytes >= bulkMessageBytes;
    if (isBulk) this.#surroundings.youngCollection.onBulk(bytes);
    if (isBulk || this.#isStreamed) this.#windows?.onMessage(bytes);
  }

  onReceiveHalfClose(): void {
    if (!this.isOpen) return;
    try {
      this.#listener?.onHalfClose();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The HTTP/2 stream is over: after our own end as well as after a cancel, a lost connection or a status of grpc-js' own. */
  onCancel(): void {
    const { openCalls, observer } = this.#surroundings;
    this.isOpen = false;
    this.#waiting = [];
    openCalls.remove(this);
    this.#arrival?.close();
    this.#arrival = undefined;
    this.#windows?.onCallEnd();
    this.#windows = undefined;
    if (this.#endCode === undefined) this.#controller?.abort();
    const now = performance.now();
    const code = this.#endCode ?? (now >= this.deadlineMs ? statusCodes.DEADLINE_EXCEEDED : statusCodes.CANCELLED);
    if (this.#hasBytes) observer.onCallEnd(this.method, code, now - this.startMs, this.#receivedBytes, this.#sentBytes);
    else observer.onCallEnd(this.method, code, now - this.startMs);
    try {
      this.#listener?.onClosed();
    } catch (error) {
      this.#surroundings.log.error("a call's clean-up failed", { method: this.method, error });
    }
    // A dead call may outlive many collections, see `release`: what it holds must not.
    this.#listener = undefined;
    // Where grpc-js' stream is not found, a dead call only stays larger.
    const { stream } = this.#base as unknown as { stream?: Http2Stream };
    if (stream?.destroyed === false) stream.once("close", release);
  }

  #fail(error: unknown): void {
    const known = toInferenceError(error);
    if (known.reason === "internal") {
      this.#surroundings.log.error("a call failed", { method: this.method, error: known.cause ?? known });
    }
    this.end(errorStatus(known));
  }
}

function trailersOf(...parts: (Readonly<Record<string, string>> | undefined)[]): Metadata | null {
  let metadata: Metadata | null = null;
  for (const part of parts) {
    if (part === undefined) continue;
    metadata ??= new Metadata();
    for (const [key, value] of Object.entries(part)) metadata.set(key, value);
  }
  return metadata;
}

/**
 * Lets go of the call that listens to an HTTP/2 stream, when the stream is closed and everybody has heard of it. Node frees a closed stream
 * whose last write is still under way only at the next full collection; what hangs on its listeners would wait for that too, and be copied
 * and promoted at every young one.
 */
function release(this: Http2Stream): void {
  this.removeAllListeners();
  this.on("error", ignore);
}

function ignore(): void {}

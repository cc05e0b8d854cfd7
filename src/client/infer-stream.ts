import type { Client, Metadata } from "@grpc/grpc-js";
import { statusCodes } from "../protocol/status.ts";
import { ClientError, cancelledByCaller } from "./client-error.ts";
import { type ClientOptions, inRange } from "./client-options.ts";
import { deadlineAfter } from "./deadline.ts";
import type { CallOptions, InferOptions } from "./infer-options.ts";
import { MessagePool } from "./message-pool.ts";
import { ResumingStream } from "./resuming-stream.ts";
import { openStream } from "./stream-connection.ts";
import type { StreamClock, StreamResume, StreamSummary } from "./stream-parts.ts";
import { encodeStreamRequest } from "./stream-request.ts";
import type { StreamResult } from "./stream-result.ts";

/** Limits of a stream, and who hears of it. */
export interface StreamOptions extends CallOptions {
  /** Requests without their answer at a time; absent: the client's `streamWindow`. */
  readonly window?: number;
  /** Bytes of those requests and of answers not yet taken; absent: the client's `streamWindowBytes`. */
  readonly windowBytes?: number;
  /** Called when the stream lost its server and goes on with another one. What it throws ends the stream. */
  readonly onResume?: (resume: StreamResume) => void;
  /** Called once, when the reader has seen the end of the stream or has left it. */
  readonly onEnd?: (summary: StreamSummary) => void;
}

const streamPath = "/inference.GRPCInferenceService/ModelStreamInfer";

/** What a stream has from its client. */
export interface StreamOrigin {
  readonly options: ClientOptions;
  readonly metadata: Metadata;
  /** The channel for the next connection. */
  nextChannel(): Client;
}

/** A stream over real connections, in real time. It begins with the first answer that is asked for. */
export function openInferStream(
  requests: Iterable<InferOptions> | AsyncIterable<InferOptions>,
  options: StreamOptions,
  origin: StreamOrigin,
): AsyncGenerator<StreamResult, void, undefined> {
  const { metadata } = origin;
  const window = inRange("streamWindow", options.window ?? origin.options.streamWindow);
  const windowBytes = inRange("streamWindowBytes", options.windowBytes ?? origin.options.streamWindowBytes);
  const pool = new MessagePool(windowBytes);
  const allocate = (bytes: number) => pool.take(bytes);
  let deadline: number | undefined;
  return new ResumingStream<InferOptions>({
    watch(fail) {
      if (options.deadlineMs !== undefined) deadline = deadlineAfter(options.deadlineMs);
      return watchCall(options.signal, deadline, fail);
    },
    connect: (listener) => openStream(origin.nextChannel(), { metadata, deadline, path: streamPath }, listener),
    encode: (request, index) => encodeStreamRequest(request, index, allocate),
    release: (message) => pool.give(message),
    limits: { ...origin.options, window, windowBytes },
    clock: systemClock,
    random: Math.random,
    onResume: options.onResume,
    onEnd: options.onEnd,
  }).run(requests);
}

/** Fails a stream when its caller aborts it or its deadline passes, also while it has no connection; the returned function stops that. */
function watchCall(
  signal: AbortSignal | undefined,
  deadline: number | undefined,
  fail: (error: ClientError) => void,
): () => void {
  const cancel = () => fail(cancelledByCaller());
  if (signal?.aborted === true) cancel();
  signal?.addEventListener("abort", cancel, { once: true });
  const expire = () => fail(new ClientError(statusCodes.DEADLINE_EXCEEDED, "the deadline of the stream has passed"));
  const stopTimer = deadline === undefined ? undefined : systemClock.after(deadline - Date.now(), expire);
  return () => {
    stopTimer?.();
    signal?.removeEventListener("abort", cancel);
  };
}

const systemClock: StreamClock = {
  now: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

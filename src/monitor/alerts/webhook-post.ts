import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";

/** What came back of a POST. */
export interface PostResult {
  /** HTTP status; undefined: there was no answer. */
  readonly status: number | undefined;
  /** Why there was none. */
  readonly error?: unknown;
  /** What `retry-after` asks for, milliseconds. */
  readonly retryAfterMs?: number;
}

/** Longest pause that a receiver may ask for. */
const maxRetryAfterMs = 300_000;

/**
 * Sends a body and waits for the status, at most `timeoutMs` for everything: name, connection, TLS, answer. Never rejects. A redirect is an answer
 * like any other and not followed; the body of the answer is not read. One connection each, so that none is held open between alerts.
 * @param signal gives up at once
 */
export function post(
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: string,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<PostResult> {
  const { promise, resolve } = Promise.withResolvers<PostResult>();
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  const length = { "content-length": String(Buffer.byteLength(body)) };
  const request = send(url, { method: "POST", headers: { ...headers, ...length }, agent: false });
  const timer = setTimeout(() => finish({ status: undefined, error: `no answer within ${timeoutMs} ms` }), timeoutMs);
  const giveUp = () => finish({ status: undefined, error: "given up" });
  signal.addEventListener("abort", giveUp, { once: true });
  const finish = (result: PostResult) => {
    clearTimeout(timer);
    signal.removeEventListener("abort", giveUp);
    resolve(result);
    request.destroy();
  };
  request.on("error", (error) => finish({ status: undefined, error }));
  request.on("response", (response) => finish(resultOf(response)));
  request.end(body);
  return promise;
}

function resultOf(response: IncomingMessage): PostResult {
  response.on("error", () => {}); // destroyed while its body arrives
  const seconds = Number(response.headers["retry-after"]);
  const retryAfterMs = Number.isFinite(seconds) && seconds > 0 ? Math.min(maxRetryAfterMs, seconds * 1000) : undefined;
  return { status: response.statusCode, ...(retryAfterMs !== undefined && { retryAfterMs }) };
}

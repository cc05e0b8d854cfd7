import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { ServeConfig } from "../config.ts";
import { InferenceError } from "../errors.ts";
import type { MonitorPage } from "../monitor/page/monitor-page.ts";
import type { Repository } from "../runtime/repository/repository.ts";
import { type BoundAddress, formatAddress, validateHost } from "./listener.ts";
import type { Log } from "./log.ts";

/** Largest request head; requests of this port are a line and a few headers. */
const maxHeaderBytes = 8 * 1024;
/** Most headers of a request. */
const maxHeaders = 64;
/** Time within which a request must have arrived whole. */
const requestTimeoutMs = 10_000;
/** Connections of scrapers and probes at a time. */
const maxConnections = 256;

/** What the side port serves. */
export interface HttpServerOptions {
  readonly config: Pick<ServeConfig, "host" | "insecure">;
  readonly repository: Pick<Repository, "isReady" | "isServerReady">;
  /** Whether the server stops: not ready any more, though still live. */
  readonly isStopping: () => boolean;
  /** Writes the metrics page; undefined: /metrics does not exist. */
  readonly metrics: ((response: ServerResponse) => Promise<void>) | undefined;
  /** What /monitor/ shows; undefined: it does not exist. */
  readonly page?: Pick<MonitorPage, "answer"> | undefined;
  readonly log: Log;
}

/** Answers a request that may be answered. */
type Route = (response: ServerResponse, request: IncomingMessage) => Promise<void> | void;

/** The HTTP side port: health in the words of KServe's REST protocol, metrics, and the monitor's page. All of it is read-only, and no request has a body. */
export class HttpServer {
  readonly #options: HttpServerOptions;
  readonly #server: Server;

  /** @throws InferenceError "invalid" for a host beyond loopback without `insecure`. */
  constructor(options: HttpServerOptions) {
    validateHost(options.config);
    this.#options = options;
    this.#server = createServer({
      maxHeaderSize: maxHeaderBytes,
      requestTimeout: requestTimeoutMs,
      headersTimeout: requestTimeoutMs,
      connectionsCheckingInterval: 1_000,
    });
    this.#server.maxHeadersCount = maxHeaders;
    this.#server.maxConnections = maxConnections;
    this.#server.on("request", (request, response) => void this.#answer(request, response));
    this.#server.on("clientError", (_error, socket) => {
      // What is no HTTP request at all; a socket that is gone already cannot be told.
      if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
      else socket.destroy();
    });
  }

  /** Binds; port 0 takes a free one. @throws InferenceError "invalid" when the address cannot be used. */
  start(port: number): Promise<BoundAddress> {
    const { host } = this.#options.config;
    return new Promise((resolve, reject) => {
      this.#server.once("error", (cause: NodeJS.ErrnoException) => {
        const why = cause.code === "EADDRINUSE" ? "the port is in use" : (cause.code ?? "unknown reason");
        reject(new InferenceError("invalid", `cannot listen on ${formatAddress({ host, port })}: ${why}`, { cause }));
      });
      this.#server.listen({ host, port }, () => {
        this.#server.removeAllListeners("error");
        this.#server.on("error", (error) => this.#options.log.error("accepting connections failed", { error }));
        const address = this.#server.address();
        resolve({ host, port: typeof address === "object" && address !== null ? address.port : port });
      });
    });
  }

  /** Ends at once: a probe that fails now is what a stop means. */
  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      response.setHeader("cache-control", "no-store");
      const url = request.url ?? "";
      const path = pathOf(url);
      if (path === undefined) return end(response, 400);
      const route = this.#route(path, url);
      if (route === undefined) return end(response, 404);
      if (request.method !== "GET" && request.method !== "HEAD") {
        response.setHeader("allow", "GET, HEAD");
        return end(response, 405);
      }
      await route(response, request);
    } catch (error) {
      this.#options.log.error("an HTTP request failed", { path: request.url, error });
      if (response.headersSent) response.destroy();
      else end(response, 500);
    }
  }

  #route(path: readonly string[], url: string): Route | undefined {
    const { metrics } = this.#options;
    const [first, second, third, fourth, fifth, sixth] = path;
    if (first === "metrics" && path.length === 1) return metrics;
    if (first === "monitor") return this.#page(path.slice(1), url);
    if (first !== "v2" || third === undefined) return undefined;
    if (second === "health" && path.length === 3) {
      if (third === "live") return (response) => end(response, 200);
      if (third === "ready") return (response) => end(response, this.#isReady() ? 200 : 400);
    }
    if (second !== "models") return undefined;
    if (fourth === "ready" && path.length === 4) return (response) => this.#model(response, third, "");
    if (fourth === "versions" && fifth !== undefined && sixth === "ready" && path.length === 6) {
      return (response) => this.#model(response, third, fifth);
    }
    return undefined;
  }

  /** The monitor's page, whose files are named relative to its folder. */
  #page(path: readonly string[], url: string): Route | undefined {
    const { page } = this.#options;
    if (page === undefined) return undefined;
    if (path.length === 0) return redirectToFolder;
    const query = url.indexOf("?");
    return (response, request) => page.answer(path, query === -1 ? "" : url.slice(query + 1), request, response);
  }

  /** KServe: 200 when ready, 400 when not; an unknown model is 404. */
  #model(response: ServerResponse, name: string, version: string): void {
    try {
      const isReady = this.#options.repository.isReady(name, version) && !this.#options.isStopping();
      end(response, isReady ? 200 : 400);
    } catch (error) {
      if (!(error instanceof InferenceError)) throw error;
      end(response, error.reason === "not_found" ? 404 : 400);
    }
  }

  #isReady(): boolean {
    return this.#options.repository.isServerReady && !this.#options.isStopping();
  }
}

/** The decoded segments of a request's path; undefined when it is none. Absolute URLs are only for proxies, which this is not. */
function pathOf(url: string): readonly string[] | undefined {
  if (!url.startsWith("/")) return undefined;
  const query = url.indexOf("?");
  try {
    return (query === -1 ? url : url.slice(0, query)).slice(1).split("/").map(decodeURIComponent);
  } catch {
    return undefined; // a broken percent escape
  }
}

function end(response: ServerResponse, status: number): void {
  response.statusCode = status;
  response.end();
}

/** To the same address with a slash at its end, relative, so that a proxy may put the port below a path of its own. */
function redirectToFolder(response: ServerResponse): void {
  response.setHeader("location", "monitor/");
  end(response, 308);
}

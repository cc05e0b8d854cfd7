import { createServer, isIP, type Server, type Socket } from "node:net";
import type { ServeConfig } from "../config.ts";
import { InferenceError } from "../errors.ts";
import type { Log } from "./log.ts";

/** The bytes with which every HTTP/2 connection begins (RFC 9113, section 3.4). */
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** What the listener reads of the configuration. */
export type ListenerConfig = Pick<
  ServeConfig,
  "host" | "insecure" | "maxConnections" | "maxConnectionsPerAddress" | "handshakeTimeoutMs"
>;

/** A bound address. */
export interface BoundAddress {
  readonly host: string;
  readonly port: number;
}

/** `host:port`, with an IPv6 address in brackets. */
export function formatAddress(address: BoundAddress): string {
  return `${isIP(address.host) === 6 ? `[${address.host}]` : address.host}:${address.port}`;
}

/** Whether only this machine reaches the host. A name other than localhost may resolve to anything, so it does not count. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

/**
 * Refuses to listen where strangers could call, unless that was asked for.
 * @throws InferenceError "invalid" naming the host and the option.
 */
export function validateHost(config: Pick<ServeConfig, "host" | "insecure">): void {
  if (config.insecure || isLoopback(config.host)) return;
  throw new InferenceError(
    "invalid",
    `refusing to listen on '${config.host}': beyond loopback anyone who reaches the port can use it, without encryption or ` +
      "authentication. Use --host 127.0.0.1, or --insecure if that is meant.",
  );
}

/**
 * The socket side of the gRPC port. It accepts connections within the caps, waits for the HTTP/2 preface and hands only connections that
 * sent it to `onConnection`: port scanners, TLS, HTTP/1.1 and silent or slow peers never reach the HTTP/2 implementation.
 */
export class Listener {
  readonly #config: ListenerConfig;
  readonly #onConnection: (socket: Socket) => void;
  readonly #log: Log;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #socketsByAddress = new Map<string, number>();

  /** @throws InferenceError "invalid" for a host beyond loopback without `insecure`. */
  constructor(config: ListenerConfig, onConnection: (socket: Socket) => void, log: Log) {
    validateHost(config);
    this.#config = config;
    this.#onConnection = onConnection;
    this.#log = log;
    this.#server = createServer({ noDelay: true, pauseOnConnect: false }, (socket) => this.#accept(socket));
  }

  /** Open connections, those still in their handshake included. */
  get connectionCount(): number {
    return this.#sockets.size;
  }

  /** Binds; port 0 takes a free one. @throws InferenceError "invalid" when the address cannot be used. */
  listen(port: number): Promise<BoundAddress> {
    const { host } = this.#config;
    return new Promise((resolve, reject) => {
      this.#server.once("error", (cause: NodeJS.ErrnoException) => {
        const why = cause.code === "EADDRINUSE" ? "the port is in use" : (cause.code ?? "unknown reason");
        reject(new InferenceError("invalid", `cannot listen on ${formatAddress({ host, port })}: ${why}`, { cause }));
      });
      this.#server.listen({ host, port }, () => {
        this.#server.removeAllListeners("error");
        this.#server.on("error", (error) => this.#log.error("accepting connections failed", { error }));
        const address = this.#server.address();
        // A TCP server's address is never a string or null while it listens.
        const bound = typeof address === "object" && address !== null ? address.port : port;
        resolve({ host, port: bound });
      });
    });
  }

  /** Accepts no more; connections that are open go on. */
  close(): void {
    this.#server.close();
  }

  /** Ends every connection at once; resolves when all are gone. */
  async destroyConnections(): Promise<void> {
    const sockets = [...this.#sockets];
    await Promise.all(
      sockets.map((socket) => new Promise<void>((resolve) => void socket.once("close", () => resolve()).destroy())),
    );
  }

  #accept(socket: Socket): void {
    const address = socket.remoteAddress ?? "";
    const ofAddress = this.#socketsByAddress.get(address) ?? 0;
    if (this.#sockets.size >= this.#config.maxConnections || ofAddress >= this.#config.maxConnectionsPerAddress) {
      this.#log.debug("connection refused: too many", { address, open: this.#sockets.size, ofAddress });
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    this.#socketsByAddress.set(address, ofAddress + 1);
    socket.on("error", () => {}); // a reset connection; "close" follows
    socket.once("close", () => this.#forget(socket, address));
    this.#awaitPreface(socket, address);
  }

  #forget(socket: Socket, address: string): void {
    this.#sockets.delete(socket);
    const left = (this.#socketsByAddress.get(address) ?? 1) - 1;
    if (left === 0) this.#socketsByAddress.delete(address);
    else this.#socketsByAddress.set(address, left);
  }

  #awaitPreface(socket: Socket, address: string): void {
    let received = Buffer.alloc(0);
    const settle = () => {
      clearTimeout(timer);
      socket.off("readable", onReadable);
      socket.off("close", settle);
    };
    const refuse = (reason: string) => {
      settle();
      this.#log.debug(`connection refused: ${reason}`, { address });
      socket.destroy();
    };
    const timer = setTimeout(() => refuse("no HTTP/2 preface in time"), this.#config.handshakeTimeoutMs);
    const onReadable = () => {
      const chunk: Buffer | null = socket.read();
      if (chunk === null) return;
      received = Buffer.concat([received, chunk]);
      const seen = Math.min(received.length, preface.length);
      if (received.compare(preface, 0, seen, 0, seen) !== 0) return refuse("not HTTP/2");
      if (seen < preface.length) return;
      settle();
      socket.unshift(received); // HTTP/2 takes what the socket holds before what it receives
      this.#onConnection(socket);
    };
    socket.on("readable", onReadable);
    socket.once("close", settle);
  }
}

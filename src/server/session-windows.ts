import type { Http2Server, Http2Session } from "node:http2";
import type { Server } from "@grpc/grpc-js";
import type { ConnectionWindows, ReceiveWindows, WindowedConnection } from "./receive-windows.ts";

/**
 * Ties {@link ReceiveWindows} to the HTTP/2 sessions of a grpc-js server. grpc-js has no option for receive windows and keeps its HTTP/2
 * servers in a private field: where that is not found, connections keep the windows that Node gives them, and nothing else changes.
 */
export class SessionWindows {
  readonly #windows: ReceiveWindows;
  readonly #bySession = new WeakMap<Http2Session, ConnectionWindows>();

  constructor(windows: ReceiveWindows) {
    this.#windows = windows;
  }

  /** Follows every connection of a server from here on. @returns whether grpc-js' HTTP/2 servers were found */
  attach(server: Server): boolean {
    const { http2Servers } = server as unknown as { http2Servers?: Map<Http2Server, unknown> };
    if (!(http2Servers instanceof Map) || http2Servers.size === 0) return false;
    for (const http2 of http2Servers.keys()) http2.on("session", (session) => this.#open(session));
    return true;
  }

  /** The windows of a session; undefined for one that is not followed. */
  of(session: Http2Session | undefined): ConnectionWindows | undefined {
    return session === undefined ? undefined : this.#bySession.get(session);
  }

  #open(session: Http2Session): void {
    const windows = this.#windows.open(new SessionConnection(session));
    this.#bySession.set(session, windows);
    session.once("close", () => windows.close());
  }
}

class SessionConnection implements WindowedConnection {
  readonly #session: Http2Session;

  constructor(session: Http2Session) {
    this.#session = session;
  }

  get receivedBytes(): number {
    return this.#session.destroyed ? 0 : this.#session.socket.bytesRead;
  }

  setWindows(streamBytes: number, connectionBytes: number): void {
    if (this.#session.destroyed || this.#session.closed) return;
    this.#session.settings({ initialWindowSize: streamBytes });
    this.#session.setLocalWindowSize(connectionBytes);
  }

  ping(onAnswer: () => void): boolean {
    if (this.#session.destroyed || this.#session.closed) return false;
    return this.#session.ping((error) => {
      if (error === null) onAnswer();
    });
  }
}

/**
 * HTTP/2 receive windows that grow where they hold a sender up. Node and grpc-js give each stream and each connection 64 KB and never more,
 * so a bulk stream waits for a round trip every 64 KB: on loopback that costs two thirds of its rate, over a distance nearly all of it.
 *
 * The bytes that arrive within one round trip tell whether a window is what limits a sender (the bandwidth-delay product, as gRPC's other
 * implementations estimate it): a connection that fills most of its window in the time of a ping gets a larger one. What a stream has
 * received and nobody has read yet is held in memory up to its window, so all growth together stays within a budget; most connections never
 * grow and cost nothing.
 */

/** What HTTP/2 gives a stream and a connection to begin with (RFC 9113, section 6.9.2). */
export const initialWindowBytes = 65_535;

/** Largest window of HTTP/2 (RFC 9113, section 6.9.1). */
const largestWindowBytes = 2 ** 31 - 1;

/**
 * Windows of a stream that fit into its connection's. The connection's window costs no memory: Node gives it back as soon as bytes have
 * arrived, read or not. It only must not hold up several streams at a time.
 */
const streamsPerConnectionWindow = 4;

/**
 * Share of its window that arrives within a round trip when the window is what holds the sender up, a little less than the half that is
 * measured: Node's HTTP/2 gives a window back when half of it has been used.
 */
const fullShare = 0.4;

/** Bytes between two measurements at most; doubled from one window's worth on as long as measurements say that the window is large enough. */
const longestPause = 64 * 1024 * 1024;

/** A connection that received nothing for so long gives its growth back when another one needs it. */
const idleMs = 10_000;

/** One HTTP/2 connection as its windows see it. */
export interface WindowedConnection {
  /** Bytes received since it was opened. */
  readonly receivedBytes: number;
  /** Announces the window of each stream, open ones included, and sets that of the connection. */
  setWindows(streamBytes: number, connectionBytes: number): void;
  /** Calls back after one round trip, never when the connection closes before. @returns false: no ping could be sent */
  ping(onAnswer: () => void): boolean;
}

export interface ReceiveWindowLimits {
  /** Largest window of one stream. */
  readonly maxStreamBytes: number;
  /** Most bytes by which the windows of all open streams together may exceed what HTTP/2 begins with. */
  readonly budgetBytes: number;
}

/**
 * The window for a sender of which so many bytes arrived within a round trip: twice as many, so that the next measurement can show more, as
 * a power of two; never smaller than the present one.
 */
export function nextWindow(windowBytes: number, roundTripBytes: number, maxBytes: number): number {
  if (roundTripBytes < windowBytes * fullShare) return windowBytes;
  const wanted = 2 ** Math.ceil(Math.log2(2 * roundTripBytes));
  return Math.max(windowBytes, Math.min(wanted, maxBytes));
}

/** The windows of all connections of a server, and the budget that they share. */
export class ReceiveWindows {
  readonly limits: ReceiveWindowLimits;
  readonly #now: () => number;
  /** Connections with more than the initial window. */
  readonly #grown = new Set<ConnectionWindows>();
  #grownBytes = 0;

  /** @param now monotonic milliseconds */
  constructor(limits: ReceiveWindowLimits, now: () => number) {
    this.limits = limits;
    this.#now = now;
  }

  /** Bytes by which the windows of open streams exceed what HTTP/2 begins with. */
  get grownBytes(): number {
    return this.#grownBytes;
  }

  /** Takes a new connection on. */
  open(connection: WindowedConnection): ConnectionWindows {
    return new ConnectionWindows(connection, this);
  }

  /** What is left of the budget, after taking back what idle connections hold if `wantedBytes` need it. */
  room(wantedBytes: number): number {
    if (this.limits.budgetBytes - this.#grownBytes < wantedBytes) {
      const now = this.#now();
      for (const windows of this.#grown) windows.reclaim(now, idleMs);
    }
    return this.limits.budgetBytes - this.#grownBytes;
  }

  /** A grown connection has a call more or less. */
  recharge(bytes: number): void {
    this.#grownBytes += bytes;
  }

  /** A connection's windows have changed, which takes so many bytes of the budget. */
  resized(windows: ConnectionWindows, bytes: number): void {
    this.#grownBytes += bytes;
    if (windows.windowBytes > initialWindowBytes) this.#grown.add(windows);
    else this.#grown.delete(windows);
  }

  /** A connection is gone; its calls have ended, or will. */
  forget(windows: ConnectionWindows): void {
    this.#grown.delete(windows);
  }
}

/** The windows of one connection. */
export class ConnectionWindows {
  readonly #connection: WindowedConnection;
  readonly #all: ReceiveWindows;
  #windowBytes = initialWindowBytes;
  #calls = 0;
  /** Bytes of messages since the last measurement, and how many the next one waits for. */
  #messageBytes = 0;
  #pauseBytes = initialWindowBytes;
  #isMeasuring = false;
  /** What had been received when somebody last looked whether it is idle, and when that changed. */
  #seenBytes = -1;
  #seenMs = 0;

  constructor(connection: WindowedConnection, all: ReceiveWindows) {
    this.#connection = connection;
    this.#all = all;
  }

  /** The receive window of each stream. */
  get windowBytes(): number {
    return this.#windowBytes;
  }

  /** A call begins: its window counts from now on. */
  onCallStart(): void {
    this.#calls++;
    if (this.#windowBytes === initialWindowBytes) return;
    const growth = this.#windowBytes - initialWindowBytes;
    this.#all.recharge(growth);
    if (this.#all.grownBytes > this.#all.limits.budgetBytes) this.#fit();
  }

  /** A call is over, and what it held is free. */
  onCallEnd(): void {
    this.#calls--;
    if (this.#windowBytes > initialWindowBytes) this.#all.recharge(initialWindowBytes - this.#windowBytes);
  }

  /** A message arrived. Every so many bytes it is measured whether the window holds the sender up. */
  onMessage(bytes: number): void {
    this.#messageBytes += bytes;
    if (this.#messageBytes >= this.#pauseBytes && !this.#isMeasuring) this.#measure();
  }

  /** The connection is closed. */
  close(): void {
    this.#all.forget(this);
  }

  /** Gives growth back if nothing was received since a look at least `idleMs` ago. */
  reclaim(nowMs: number, idleMs: number): void {
    const { receivedBytes } = this.#connection;
    if (receivedBytes !== this.#seenBytes) {
      this.#seenBytes = receivedBytes;
      this.#seenMs = nowMs;
    } else if (nowMs - this.#seenMs >= idleMs) this.#resize(initialWindowBytes);
  }

  /** What arrives within one round trip. After a change the next window's worth of messages is waited for, which was sent under it. */
  #measure(): void {
    if (this.#windowBytes >= this.#all.limits.maxStreamBytes) return;
    const before = this.#connection.receivedBytes;
    this.#isMeasuring = this.#connection.ping(() => {
      this.#isMeasuring = false;
      this.#messageBytes = 0;
      const isGrown = this.#grow(this.#connection.receivedBytes - before);
      if (!isGrown) this.#pauseBytes = Math.min(2 * this.#pauseBytes, longestPause);
    });
  }

  #grow(roundTripBytes: number): boolean {
    const { limits } = this.#all;
    const wanted = nextWindow(this.#windowBytes, roundTripBytes, limits.maxStreamBytes);
    if (wanted === this.#windowBytes || this.#calls === 0) return false;
    const room = this.#all.room((wanted - this.#windowBytes) * this.#calls);
    const granted = Math.min(wanted, this.#windowBytes + Math.floor(room / this.#calls));
    if (granted <= this.#windowBytes) return false;
    this.#resize(granted);
    return true;
  }

  /** More calls came than the budget has room for with windows of this size: halved, so that a thousand calls make ten changes at most. */
  #fit(): void {
    const { limits, grownBytes } = this.#all;
    const ofOthers = grownBytes - (this.#windowBytes - initialWindowBytes) * this.#calls;
    let growth = this.#windowBytes - initialWindowBytes;
    while (growth > 0 && ofOthers + growth * this.#calls > limits.budgetBytes) growth = Math.floor(growth / 2);
    this.#resize(initialWindowBytes + growth);
  }

  #resize(windowBytes: number): void {
    const growth = (windowBytes - this.#windowBytes) * this.#calls;
    this.#windowBytes = windowBytes;
    this.#pauseBytes = windowBytes;
    this.#all.resized(this, growth);
    const connectionBytes = Math.min(windowBytes * streamsPerConnectionWindow, largestWindowBytes);
    this.#connection.setWindows(windowBytes, windowBytes === initialWindowBytes ? windowBytes : connectionBytes);
  }
}

/** Time as the monitor sees it; injected, so that tests need no sleeping. */
export interface MonitorClock {
  /** Epoch milliseconds of this moment. */
  nowMs(): number;
  /** Epoch milliseconds of a `performance.now()` reading, such as a request's times. */
  epochMsOf(monotonicMs: number): number;
  /** Calls back once after a delay; the returned function cancels it. Does not keep the process alive. */
  after(delayMs: number, callback: () => void): () => void;
  /** Calls back once the event loop has had a turn. */
  soon(callback: () => void): void;
}

export const systemMonitorClock: MonitorClock = {
  nowMs: () => performance.timeOrigin + performance.now(),
  epochMsOf: (monotonicMs) => performance.timeOrigin + monotonicMs,
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
  soon(callback) {
    setImmediate(callback);
  },
};

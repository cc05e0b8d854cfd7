/** Time as the runtime sees it; injected, so that tests need no sleeping. */
export interface Clock {
  /** Monotonic milliseconds, on the scale of `performance.now()`. */
  now(): number;
  /** Calls back once after a delay; the returned function cancels it. Does not keep the process alive. */
  after(delayMs: number, callback: () => void): () => void;
  /** Calls back once this turn's input has been read: what arrives together is seen together. */
  soon(callback: () => void): void;
}

/** Longest delay of a Node timer. */
const maxTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(0, delayMs), maxTimerMs));
    timer.unref();
    return () => clearTimeout(timer);
  },
  soon(callback) {
    setImmediate(callback);
  },
};

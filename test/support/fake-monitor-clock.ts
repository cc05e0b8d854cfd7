import type { MonitorClock } from "../../src/monitor/monitor-clock.ts";
import { FakeClock } from "./fake-clock.ts";

/** Time of the monitor that passes when the test says so. It begins at a minute's beginning of the epoch clock. */
export class FakeMonitorClock implements MonitorClock {
  readonly #clock = new FakeClock();
  readonly #originMs = Date.UTC(2026, 0, 1) - this.#clock.now();

  readonly #waits: number[] = [];

  nowMs(): number {
    return this.epochMsOf(this.#clock.now());
  }

  epochMsOf(monotonicMs: number): number {
    return this.#originMs + monotonicMs;
  }

  /** The reading of `performance.now()` that belongs to this moment. */
  monotonicMs(): number {
    return this.#clock.now();
  }

  /** How long everybody wanted to wait. */
  get waits(): readonly number[] {
    return this.#waits;
  }

  after(delayMs: number, callback: () => void): () => void {
    this.#waits.push(delayMs);
    return this.#clock.after(delayMs, callback);
  }

  soon(callback: () => void): void {
    this.#clock.soon(callback);
  }

  /** Ends the turn: runs what was planned for soon, and what that plans. */
  turn(): void {
    this.#clock.turn();
  }

  advance(ms: number): void {
    this.#clock.advance(ms);
  }
}

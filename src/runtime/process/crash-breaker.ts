import type { Clock } from "../clock.ts";

/** Crashes older than this do not count any more. */
const windowMs = 60_000;
const firstDelayMs = 100;
const longestDelayMs = 10_000;

/**
 * Decides how soon something that crashed is started again: at once the first time, then with a doubling delay, and after `limit` crashes
 * within a minute not before a minute has passed.
 */
export class CrashBreaker {
  readonly #limit: number;
  readonly #clock: Clock;
  #crashesMs: number[] = [];

  constructor(limit: number, clock: Clock) {
    this.#limit = limit;
    this.#clock = clock;
  }

  record(): void {
    this.#crashesMs = [...this.#recent(), this.#clock.now()];
  }

  /** The latest `count` crashes are explained by something that will not happen again. */
  forgive(count: number): void {
    this.#crashesMs = this.#crashesMs.slice(0, Math.max(0, this.#crashesMs.length - count));
  }

  get isOpen(): boolean {
    return this.#recent().length >= this.#limit;
  }

  /** How long to wait before the next start. */
  get delayMs(): number {
    const crashes = this.#recent().length;
    return crashes <= 1 ? 0 : Math.min(longestDelayMs, firstDelayMs * 2 ** (crashes - 2));
  }

  /** How long an open breaker stays open. */
  get cooldownMs(): number {
    const [oldest] = this.#recent();
    return oldest === undefined ? 0 : Math.max(0, oldest + windowMs - this.#clock.now());
  }

  #recent(): number[] {
    const since = this.#clock.now() - windowMs;
    return this.#crashesMs.filter((crashMs) => crashMs > since);
  }
}

import type { Alert } from "../monitor-report.ts";
import { alertKey } from "./alert-board.ts";

/** Alerts of one delivery at most. */
export const maxWebhookBatch = 100;

/** Alerts that wait at most, each in its newest state: more than any server has unless models come and go while the receiver is down. */
export const maxWebhookPending = 10_000;

const firstDelayMs = 1_000;
const maxDelayMs = 60_000;

/** What became of a delivery: taken, refused for good, or worth another try. */
export type DeliveryOutcome = "taken" | "refused" | "failed";

/**
 * Alerts that the receiver has not taken, each in its newest state, and when to try next. No clock, no network: time comes in. What could not
 * be delivered waits behind what has not been tried, unless there is a newer state of it.
 */
export class WebhookQueue {
  readonly #pending = new Map<string, Alert>();
  readonly #random: () => number;
  #failures = 0;
  #notBeforeMs = Number.NEGATIVE_INFINITY;

  /** @param random for the jitter, 0 to 1 */
  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** Failed deliveries in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** @returns how many alerts were dropped for it */
  push(alert: Alert): number {
    const key = alertKey(alert);
    this.#pending.delete(key); // the newest stands last
    this.#pending.set(key, alert);
    if (this.#pending.size <= maxWebhookPending) return 0;
    const [oldest] = this.#pending.keys();
    if (oldest !== undefined) this.#pending.delete(oldest);
    return 1;
  }

  /** How long until the next delivery, 0: now; undefined: there is nothing to deliver. */
  delayMs(nowMs: number): number | undefined {
    return this.#pending.size === 0 ? undefined : Math.max(0, this.#notBeforeMs - nowMs);
  }

  /** Takes the alerts of a delivery out. */
  take(): readonly Alert[] {
    const batch = [...this.#pending.entries()].slice(0, maxWebhookBatch);
    for (const [key] of batch) this.#pending.delete(key);
    return batch.map(([, alert]) => alert);
  }

  /** @param retryAfterMs what the receiver asked for, at most a few minutes */
  settle(batch: readonly Alert[], outcome: DeliveryOutcome, nowMs: number, retryAfterMs = 0): void {
    if (outcome !== "failed") {
      this.#failures = 0;
      this.#notBeforeMs = Number.NEGATIVE_INFINITY;
      return;
    }
    for (const alert of batch) {
      const key = alertKey(alert);
      if (!this.#pending.has(key)) this.#pending.set(key, alert);
    }
    const ceilingMs = Math.min(maxDelayMs, firstDelayMs * 2 ** Math.min(this.#failures, 16));
    this.#failures++;
    this.#notBeforeMs = nowMs + Math.max(retryAfterMs, ceilingMs * (0.5 + this.#random() / 2));
  }
}

import { toInferenceError } from "../../errors.ts";
import type { MonitorClock } from "../monitor-clock.ts";
import type { Alert, AlertState } from "../monitor-report.ts";
import type { AlertBoard, AlertChange } from "./alert-board.ts";
import { type WebhookSender, webhookBody, webhookSignature } from "./webhook-body.ts";
import { type PostResult, post } from "./webhook-post.ts";
import { type DeliveryOutcome, WebhookQueue } from "./webhook-queue.ts";
import type { WebhookTarget } from "./webhook-target.ts";

/** What the webhook is made from. */
export interface AlertWebhookOptions {
  readonly target: WebhookTarget;
  readonly board: AlertBoard;
  readonly sender: WebhookSender;
  readonly clock: Pick<MonitorClock, "nowMs" | "after">;
  /**
   * Epoch milliseconds that a receiver compares with its own. Default: `Date.now`, which follows when the machine's clock is set; the monitor's does
   * not.
   */
  readonly wallMs?: () => number;
  /** Counts alerts that were not delivered and will not be, by reason. */
  readonly drop: (reason: string, count: number) => void;
  /** For the log. */
  readonly report: (level: "info" | "warn", message: string, fields: Readonly<Record<string, unknown>>) => void;
  /** Default: {@link webhookTimeoutMs}. */
  readonly timeoutMs?: number;
  /** Default: `Math.random`. */
  readonly random?: () => number;
}

/** Longest wait for a receiver. */
export const webhookTimeoutMs = 10_000;

/** Statuses that ask for another try although they are the sender's fault. */
const retriedStatuses: ReadonlySet<number> = new Set([408, 425, 429]);

/**
 * Sends alerts that begin or cease to fire to a URL, one delivery at a time. It waits for nobody but the receiver, and nobody waits for it: what the
 * receiver does not take is kept in its newest state and tried again for as long as the server runs.
 */
export class AlertWebhook {
  readonly #options: AlertWebhookOptions;
  readonly #queue: WebhookQueue;
  readonly #unlisten: () => void;
  #cancelTimer: (() => void) | undefined;
  #delivery: Promise<void> | undefined;
  readonly #abort = new AbortController();
  #isStopped = false;

  constructor(options: AlertWebhookOptions) {
    this.#options = options;
    this.#queue = new WebhookQueue(options.random);
    this.#unlisten = options.board.listen((change) => this.#onChange(change));
  }

  /** Alerts that wait to be delivered. */
  get pending(): number {
    return this.#queue.size;
  }

  /** Tries once more to deliver all that waits, then stops, within `timeoutMs`. What the receiver has not taken by then is counted as dropped. */
  async stop(timeoutMs: number): Promise<void> {
    this.#unlisten();
    this.#isStopped = true;
    this.#cancelTimer?.();
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeoutMs);
    const rest = this.#deliverRest(timeoutMs);
    await Promise.race([late, rest]);
    clearTimeout(timer);
    this.#abort.abort();
    await rest; // what was under way is given up and back in the queue
    if (this.#queue.size > 0) this.#options.drop("stopped", this.#queue.size);
  }

  async #deliverRest(timeoutMs: number): Promise<void> {
    await this.#delivery;
    while (this.#queue.size > 0 && !this.#abort.signal.aborted) {
      if ((await this.#deliver(timeoutMs)) === "failed") return;
    }
  }

  #onChange({ alert, previous, isSentByWebhook }: AlertChange): void {
    if (!isSentByWebhook || !(isFiring(alert.state) || isFiring(previous))) return;
    const dropped = this.#queue.push(alert);
    if (dropped > 0) this.#options.drop("queue_full", dropped);
    this.#plan();
  }

  /** Delivers as soon as the queue allows it, unless that is already planned or under way. */
  #plan(): void {
    if (this.#delivery !== undefined || this.#cancelTimer !== undefined || this.#isStopped) return;
    const delayMs = this.#queue.delayMs(this.#options.clock.nowMs());
    if (delayMs === undefined) return;
    // Also without a delay it waits for the clock, so that alerts of one evaluation travel together.
    this.#cancelTimer = this.#options.clock.after(delayMs, () => {
      this.#cancelTimer = undefined;
      this.#delivery = this.#deliver(this.#options.timeoutMs ?? webhookTimeoutMs).then(() => {
        this.#delivery = undefined;
        this.#plan();
      });
    });
  }

  /** Never rejects. */
  async #deliver(timeoutMs: number): Promise<DeliveryOutcome> {
    const batch = this.#queue.take();
    const failuresBefore = this.#queue.failures;
    const result = await this.#send(batch, timeoutMs);
    const outcome = outcomeOf(result);
    this.#queue.settle(batch, outcome, this.#options.clock.nowMs(), result.retryAfterMs);
    if (outcome === "refused") this.#options.drop("refused", batch.length);
    this.#tell(outcome, result, batch.length, failuresBefore);
    return outcome;
  }

  /** Never rejects. */
  async #send(batch: readonly Alert[], timeoutMs: number): Promise<PostResult> {
    const { target, sender, wallMs = Date.now } = this.#options;
    const nowMs = wallMs();
    try {
      const { headers, secret } = target.credentials();
      const body = webhookBody(sender, batch, nowMs);
      const signature = secret && { "sluice-signature": webhookSignature(secret, body, nowMs) };
      const own = { "content-type": "application/json", "user-agent": `sluice/${sender.serverVersion}` };
      const { signal } = this.#abort;
      return await post(target.url, { ...own, ...headers, ...signature }, body, { timeoutMs, signal });
    } catch (error) {
      return { status: undefined, error: toInferenceError(error).message }; // its files cannot be read at the moment
    }
  }

  /** The first failure, every refusal and the end of failures are logged; further failures are not. */
  #tell(outcome: DeliveryOutcome, { status, error }: PostResult, alerts: number, failuresBefore: number): void {
    const fields = { url: this.#options.target.url.origin, alerts, status, error };
    if (outcome === "refused") this.#options.report("warn", "the alert webhook refused alerts", fields);
    else if (outcome === "failed" && failuresBefore === 0) {
      this.#options.report("warn", "alerts were not delivered and are tried again", fields);
    } else if (outcome === "taken" && failuresBefore > 0) {
      this.#options.report("info", "the alert webhook takes alerts again", fields);
    }
  }
}

function isFiring(state: AlertState | undefined): boolean {
  return state === "ALERT_STATE_FIRING";
}

function outcomeOf({ status }: PostResult): DeliveryOutcome {
  if (status === undefined) return "failed";
  if (status >= 200 && status < 300) return "taken";
  return status >= 500 || retriedStatuses.has(status) ? "failed" : "refused";
}

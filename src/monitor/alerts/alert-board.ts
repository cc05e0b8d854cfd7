import type { Alert, AlertState } from "../monitor-report.ts";

/** What happened to an alert. */
export interface AlertChange {
  readonly alert: Alert;
  /** How it stood before; undefined: it is new. */
  readonly previous: AlertState | undefined;
  /** The rule lets the webhook hear of it. */
  readonly isSentByWebhook: boolean;
}

/** Hears of every alert that comes, changes its state or goes; must not throw. */
export type AlertListener = (change: AlertChange) => void;

/** Names an alert among all of a server. */
export function alertKey({
  model_name,
  model_version,
  name,
}: Pick<Alert, "model_name" | "model_version" | "name">): string {
  return `${model_name}\u0000${model_version}\u0000${name}`;
}

/** All alerts of a server as they stand, by who they are, and who wants to hear of their changes. */
export class AlertBoard {
  readonly #alerts = new Map<string, Alert>();
  readonly #listeners = new Set<AlertListener>();

  /** Every alert, or those of one model; by model, version and name. */
  alerts(modelName = ""): readonly Alert[] {
    const chosen = [...this.#alerts.entries()].filter(
      ([, alert]) => modelName === "" || alert.model_name === modelName,
    );
    return chosen.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, alert]) => alert);
  }

  /** How many fire. */
  get firingCount(): number {
    let count = 0;
    for (const { state } of this.#alerts.values()) if (state === "ALERT_STATE_FIRING") count++;
    return count;
  }

  /** An alert as it stands now. Listeners hear of it when its state is another than before. */
  update(alert: Alert, isSentByWebhook: boolean): void {
    const key = alertKey(alert);
    const previous = this.#alerts.get(key)?.state;
    this.#alerts.set(key, alert);
    if (previous !== alert.state) this.#tell({ alert, previous, isSentByWebhook });
  }

  /** The rule is no longer there: it is heard of a last time. */
  remove(alert: Alert, isSentByWebhook: boolean): void {
    const key = alertKey(alert);
    const known = this.#alerts.get(key);
    if (known === undefined) return;
    this.#alerts.delete(key);
    this.#tell({ alert: { ...alert, state: "ALERT_STATE_REMOVED" }, previous: known.state, isSentByWebhook });
  }

  /** @returns what ends it */
  listen(listener: AlertListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(change: AlertChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}

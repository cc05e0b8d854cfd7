/** How an alert stands: `unknown` while there are too few samples to tell. */
export type AlertStateName = "ok" | "pending" | "firing" | "unknown";

/** How much an alert matters, least first. It decides the level of its log records and travels to watchers and the webhook. */
export const alertSeverities = ["info", "warning", "critical"] as const;

export type AlertSeverity = (typeof alertSeverities)[number];

/** What a number is compared with. */
export type AlertThreshold =
  /** A number. */
  | { readonly kind: "number"; readonly value: number }
  /** `factor` times what the reference says, plus `errors` standard errors of the difference, plus `offset`. */
  | { readonly kind: "reference"; readonly factor: number; readonly errors: number; readonly offset: number }
  /** So many standard errors of the number itself, where it is a difference. */
  | { readonly kind: "errors"; readonly errors: number }
  /** The larger of a drift score's critical value and its effect threshold. */
  | { readonly kind: "critical" };

/** Which of several numbers of one metric is meant; what is absent leaves the choice open. */
export interface AlertSelector {
  /** The class, the output, or the average over classes. */
  readonly label?: string;
  /** Beta or k. */
  readonly parameter?: number;
  /** Name of a feature or output. */
  readonly feature?: string;
  /** Drift method, or method of a change detector. */
  readonly method?: string;
  /** Kind of anomalous values. */
  readonly kind?: string;
  /** What a change detector watches. */
  readonly signal?: string;
  /** Stage of a request. */
  readonly stage?: string;
  /** From 0 to 1. */
  readonly quantile?: number;
}

/** How long a condition must hold, in both of two measures: time, and evaluations in a row. */
export interface AlertHold {
  readonly ms: number;
  /** At least 1. */
  readonly evaluations: number;
}

/** One rule, complete. */
export interface AlertRule {
  /** Names the alert among those of its model. */
  readonly name: string;
  readonly metric: string;
  readonly selector: AlertSelector;
  readonly comparison: "above" | "below";
  readonly threshold: AlertThreshold;
  /** For thresholds that depend on the data: the number itself must be beyond this as well. Undefined: it need not. */
  readonly effectThreshold: number | undefined;
  /** A firing alert resolves only beyond this number. Undefined: beyond the threshold. */
  readonly resolveThreshold: number | undefined;
  /** How far back it looks, milliseconds; of metrics that have no window of their own. */
  readonly windowMs: number;
  /** With fewer samples the alert is `unknown`. */
  readonly minSamples: number;
  /** How long the condition must hold before the alert fires. */
  readonly hold: AlertHold;
  /** How long it must not hold before a firing alert resolves. */
  readonly resolve: AlertHold;
  readonly severity: AlertSeverity;
  /** What its author wants to be said; empty: nothing. */
  readonly message: string;
  /** The webhook hears of it. */
  readonly isSentByWebhook: boolean;
}

/** Most rules of one model version: each has a series of its own and is evaluated with every block. */
export const maxAlertRules = 100;

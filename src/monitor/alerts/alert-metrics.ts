import type { AlertSelector, AlertThreshold } from "./alert-rule.ts";

/** What a rule may say about one metric. */
export interface AlertMetric {
  /** Keys that choose among its numbers. */
  readonly selectors: readonly (keyof AlertSelector)[];
  /** What it may be compared with. */
  readonly thresholds: readonly AlertThreshold["kind"][];
  /** Samples without which a rule that says nothing else is `unknown`. */
  readonly minSamples: number;
  /** What its samples are. */
  readonly samples: string;
  /** It is taken over the rule's own window; else over those of `windows` in monitor.yaml. Default: false. */
  readonly hasWindow?: boolean;
  /** It is read from the history of traffic, which goes back only so far. Default: false. */
  readonly isTraffic?: boolean;
  /** The quantiles that there are; the first where a rule names none. */
  readonly quantiles?: readonly number[];
}

/** Least rows of a share or mean for an alarm: below, one standard error of a share is more than 0.035. */
const qualitySamples = 200;

/** Least rows of a window for an alarm about its data: with fewer, the critical values of drift scores do not hold. */
const dataSamples = 500;

const quality: AlertMetric = {
  selectors: ["label", "parameter"],
  thresholds: ["number", "reference"],
  minSamples: qualitySamples,
  samples: "outcomes",
};
const estimate: AlertMetric = { ...quality, samples: "predictions" };
const traffic: AlertMetric = {
  selectors: [],
  thresholds: ["number"],
  minSamples: qualitySamples,
  samples: "requests",
  hasWindow: true,
  isTraffic: true,
};

/** Metrics of the quality report, in its words. */
const qualityNames = [
  "accuracy",
  "balanced_accuracy",
  "precision",
  "recall",
  "f1",
  "f_beta",
  "log_loss",
  "roc_auc",
  "average_precision",
  "brier",
  "ece",
  "top_k",
  "mse",
  "rmse",
  "mae",
  "bias",
  "r2",
] as const;

/** Before the name of a metric that is estimated without outcomes. */
export const estimatePrefix = "estimated_";

/** Metrics that there are estimates of. */
const estimatedNames = ["accuracy", "precision", "recall", "f1", "roc_auc"] as const;

/** Every metric that a rule may name. */
export const alertMetrics: ReadonlyMap<string, AlertMetric> = new Map<string, AlertMetric>([
  ...qualityNames.map((name) => [name, quality] as const),
  ...estimatedNames.map((name) => [`${estimatePrefix}${name}`, estimate] as const),
  ["estimate_gap", { ...estimate, selectors: [], thresholds: ["number", "errors"] }],
  ["label_coverage", { ...estimate, selectors: [], thresholds: ["number"] }],
  ["label_delay", { ...quality, selectors: ["quantile"], thresholds: ["number"], quantiles: [0.95, 0.5] }],
  [
    "drift_score",
    {
      selectors: ["feature", "method"],
      thresholds: ["critical", "number"],
      minSamples: dataSamples,
      samples: "rows",
    },
  ],
  ["drifted_features", { selectors: [], thresholds: ["number"], minSamples: dataSamples, samples: "rows" }],
  [
    "anomalous_values",
    {
      selectors: ["feature", "kind"],
      thresholds: ["number", "reference"],
      minSamples: dataSamples,
      samples: "rows",
    },
  ],
  ["anomalous_rows", { selectors: [], thresholds: ["number"], minSamples: dataSamples, samples: "rows" }],
  [
    "anomaly_score",
    {
      selectors: ["quantile"],
      thresholds: ["number"],
      minSamples: dataSamples,
      samples: "rows",
      quantiles: [0.5, 0.75, 0.9, 0.95, 0.99],
    },
  ],
  [
    "changes",
    {
      selectors: ["signal", "method"],
      thresholds: ["number"],
      minSamples: qualitySamples,
      samples: "values",
      hasWindow: true,
    },
  ],
  ["error_ratio", traffic],
  ["latency", { ...traffic, selectors: ["quantile"], quantiles: [0.99, 0.95, 0.5] }],
  ["stage_seconds", { ...traffic, selectors: ["stage"] }],
  ["queue_size", { ...traffic, minSamples: 0, samples: "intervals" }],
  ["request_rate", { ...traffic, minSamples: 1, samples: "intervals" }],
  ["dropped_records", { ...traffic, isTraffic: false, minSamples: 0, samples: "evaluations" }],
]);

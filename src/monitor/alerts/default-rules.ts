import type { AlertHold, AlertRule } from "./alert-rule.ts";

/** When a default rule applies: to a model whose reference profile says so much. */
export interface DefaultRule {
  readonly rule: AlertRule;
  /** What the reference profile must have: anything at all, an expected value of a metric, a calibration map. */
  readonly needs: "profile" | "calibration" | { readonly expected: string };
}

/** How long traffic metrics look back where a rule does not say. */
export const defaultWindowMs = 600_000;

const once: AlertHold = { ms: 0, evaluations: 1 };
const twice: AlertHold = { ms: 0, evaluations: 2 };
const thrice: AlertHold = { ms: 0, evaluations: 3 };

const common = {
  selector: {},
  effectThreshold: undefined,
  resolveThreshold: undefined,
  windowMs: defaultWindowMs,
  message: "",
  isSentByWebhook: true,
} as const;

/** The rules that every model with a reference profile has, unless its monitor.yaml changes them or switches them off by their name. */
export const defaultRules: readonly DefaultRule[] = [
  {
    needs: "profile",
    rule: {
      ...common,
      name: "drift",
      metric: "drifted_features", // which counts windows in a row itself
      comparison: "above",
      threshold: { kind: "number", value: 0 },
      minSamples: 500,
      hold: once,
      resolve: once,
      severity: "warning",
    },
  },
  {
    needs: "profile",
    rule: {
      ...common,
      name: "data_quality",
      metric: "anomalous_values",
      comparison: "above",
      threshold: { kind: "reference", factor: 3, errors: 0, offset: 0 },
      effectThreshold: 0.01,
      minSamples: 500,
      hold: thrice,
      resolve: thrice,
      severity: "warning",
    },
  },
  {
    needs: { expected: "accuracy" },
    rule: {
      ...common,
      name: "accuracy_drop",
      metric: "accuracy",
      comparison: "below",
      threshold: { kind: "reference", factor: 1, errors: -3, offset: 0 },
      minSamples: 200,
      hold: twice,
      resolve: twice,
      severity: "critical",
    },
  },
  {
    needs: { expected: "rmse" },
    rule: {
      ...common,
      name: "rmse_rise",
      metric: "rmse",
      comparison: "above",
      threshold: { kind: "reference", factor: 1, errors: 3, offset: 0 },
      minSamples: 200,
      hold: twice,
      resolve: twice,
      severity: "critical",
    },
  },
  {
    needs: "calibration",
    rule: {
      ...common,
      name: "estimate_gap",
      metric: "estimate_gap",
      comparison: "above",
      threshold: { kind: "errors", errors: 3 },
      minSamples: 200,
      hold: twice,
      resolve: twice,
      severity: "warning",
    },
  },
];

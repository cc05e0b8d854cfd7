import type { NumberRule, Section } from "./section.ts";

/** What gives rows their anomaly score. `auto`: mahalanobis where the reference profile has what it takes, else nothing. */
export type AnomalyDetectorName = "auto" | "mahalanobis" | "half_space_trees" | "model" | "off";

/** The model that gives rows their score, where `detector` is `model`. */
export interface DetectorModel {
  readonly name: string;
  /** Empty: its highest ready version. */
  readonly version: string;
  /** Output with one number a row; undefined: its only output of floating-point numbers. */
  readonly output: string | undefined;
  /** Low scores are the anomalous ones, as scikit-learn's decision functions have it: the score is negated. */
  readonly isLowAnomalous: boolean;
}

/** Section `anomaly` of monitor.yaml, defaults filled in. */
export interface AnomalyConfig {
  readonly detector: AnomalyDetectorName;
  /** Undefined unless the detector is a model. */
  readonly model: DetectorModel | undefined;
  /** Rows with a higher score are anomalous; undefined: what the profile says, else the quantile of what was seen lately. */
  readonly threshold: number | undefined;
  /** Share of rows that are not anomalous where the threshold is learned from what is seen. */
  readonly quantile: number;
  /** How long an answer waits for its scores. */
  readonly timeoutMs: number;
  /** Of everything random in half-space trees. */
  readonly seed: number;
}

/** Ranges and defaults of the numbers of section `anomaly`. */
export const anomalyRules = {
  threshold: { min: -1e300, max: 1e300 },
  quantile: { default: 0.99, min: 0.5, max: 0.9999 },
  timeoutMs: { default: 50, min: 1, max: 10_000 },
  seed: { default: 0, min: 0, max: 2 ** 32 - 1, isInteger: true },
} as const satisfies Record<string, Omit<NumberRule, "default"> & Partial<NumberRule>>;

/** Reads the section. @throws InferenceError "refused" */
export function readAnomalyConfig(section: Section): AnomalyConfig {
  const detector =
    section.choice("detector", ["auto", "mahalanobis", "half_space_trees", "model", "off"]) ??
    (section.has("name") ? "model" : "auto");
  return {
    detector,
    model: detector === "model" ? readModel(section) : undefined,
    threshold: section.optionalNumber("threshold", anomalyRules.threshold),
    quantile: section.number("quantile", anomalyRules.quantile),
    timeoutMs: section.number("timeoutMs", anomalyRules.timeoutMs),
    seed: section.number("seed", anomalyRules.seed),
  };
}

function readModel(section: Section): DetectorModel {
  const name = section.text("name");
  if (name === undefined) throw section.invalid("name", undefined, "the name of the model that gives the scores");
  return {
    name,
    version: section.text("version") ?? "",
    output: section.text("output"),
    isLowAnomalous: section.flag("lowIsAnomalous", false),
  };
}

import type { PredictionTask } from "../prediction.ts";
import { type AlertConfig, readAlertConfigs } from "./alerts.ts";
import { type AnomalyConfig, readAnomalyConfig } from "./anomaly.ts";
import { type ChangeConfig, defaultChanges, maxChanges, readChangeConfig } from "./changes.ts";
import { type DriftConfig, readDriftConfig } from "./drift.ts";
import { type PayloadLogConfig, readPayloadLogConfig } from "./payload-log.ts";
import { type NumberRule, refused, Section } from "./section.ts";

/** What a denominator of zero makes of a metric: 0 with a mark, 0, 1, or no number. The words of scikit-learn's zero_division. */
export type ZeroDivision = "warn" | 0 | 1 | "nan";

/** What a model's monitor.yaml says, defaults filled in. */
export interface MonitorConfig {
  /** What the model predicts; `auto`: guessed from its outputs; `off`: quality is not watched. */
  readonly task: PredictionTask | "auto" | "off";
  /** Which output is what; absent: guessed. */
  readonly outputs: {
    /** Predicted class, as its label or index. */
    readonly label?: string;
    /** Score of each class, or of the positive one. */
    readonly scores?: string;
    /** Predicted numbers. */
    readonly value?: string;
  };
  /** Class labels in the order of their index; empty: those of the profile, the output's label file or the model. */
  readonly labels: readonly string[];
  /** Label of the positive class of a binary model; undefined: the last one. */
  readonly positiveClass: string | undefined;
  /** A binary model without a label output predicts the positive class from this score on. */
  readonly threshold: number;
  /** The k of top-k accuracy; empty: none is worked out. */
  readonly topK: readonly number[];
  /** The betas of F-beta beside F1; empty: none. */
  readonly beta: readonly number[];
  readonly zeroDivision: ZeroDivision;
  readonly quality: {
    /** Rows a second that row statistics look at, at most. */
    readonly maxRowsPerSecond: number;
    /** Rows that a metric must rest on to be told. */
    readonly minSamples: number;
    /** How old a prediction may be when its outcome arrives. */
    readonly labelHorizonSeconds: number;
    /** Share of predictions with an id that is kept for their outcomes. */
    readonly sampleRate: number;
    /** Predictions of the version that are kept for their outcomes, at most. */
    readonly maxPredictions: number;
  };
  readonly windows: {
    /** Length of a block, the grain of every window. */
    readonly blockSeconds: number;
    /** Blocks of the window by time. */
    readonly blocks: number;
    /** The window ends earlier, with the block that has completed so many rows; 0: by time alone. */
    readonly rows: number;
  };
  readonly data: {
    /** Tensors of more columns are watched as a whole: mean, deviation, extremes, zeros of each row. */
    readonly maxColumns: number;
    /** Signals with series of their own; all others are in the report only. */
    readonly exportSignals: number;
  };
  /** File of the reference profile beside the model; undefined: the usual one, where it is there. */
  readonly reference: string | undefined;
  readonly drift: DriftConfig;
  readonly anomaly: AnomalyConfig;
  readonly changes: readonly ChangeConfig[];
  readonly alerts: readonly AlertConfig[];
  readonly payloadLog: PayloadLogConfig;
}

/** Most class labels, as everywhere in the monitor: a confusion matrix of a thousand classes has a million cells. */
export const maxLabels = 1000;

const day = 86_400;

/** Ranges and defaults of the numbers of monitor.yaml, by their place. */
export const numberRules = {
  threshold: { default: 0.5, min: -1e300, max: 1e300 },
  "quality.maxRowsPerSecond": { default: 1000, min: 0, max: 1_000_000 },
  "quality.minSamples": { default: 30, min: 1, max: 1_000_000, isInteger: true },
  "quality.labelHorizonSeconds": { default: 7 * day, min: 1, max: 366 * day },
  "quality.sampleRate": { default: 1, min: 0, max: 1 },
  "quality.maxPredictions": { default: 100_000, min: 0, max: 100_000_000, isInteger: true },
  "windows.blockSeconds": { default: 60, min: 1, max: day, isInteger: true },
  "windows.blocks": { default: 60, min: 1, max: 1440, isInteger: true },
  "windows.rows": { default: 0, min: 0, max: 1e12, isInteger: true },
  "data.maxColumns": { default: 256, min: 0, max: 2048, isInteger: true },
  "data.exportSignals": { default: 32, min: 0, max: 2000, isInteger: true },
} as const satisfies Record<string, NumberRule>;

/**
 * Reads a monitor.yaml; an empty text gives the defaults.
 * @throws InferenceError "refused" naming the place, the value and what is allowed
 */
export function readMonitorConfig(text: string): MonitorConfig {
  const root = Section.parse(text);
  const number = numberReader(root);
  const outputs = root.section("outputs");
  const config: MonitorConfig = {
    task: root.choice("task", ["auto", "off", "binary", "multiclass", "regression"]) ?? "auto",
    outputs: present({ label: outputs.text("label"), scores: outputs.text("scores"), value: outputs.text("value") }),
    labels: unique(root.texts("labels", maxLabels), "labels"),
    positiveClass: root.text("positiveClass"),
    threshold: number("threshold"),
    topK: root.numbers("topK", { min: 1, max: maxLabels, isInteger: true }, 8),
    beta: root.numbers("beta", { min: 0, max: 1000 }, 8),
    zeroDivision: readZeroDivision(root),
    quality: {
      maxRowsPerSecond: number("quality.maxRowsPerSecond"),
      minSamples: number("quality.minSamples"),
      labelHorizonSeconds: number("quality.labelHorizonSeconds"),
      sampleRate: number("quality.sampleRate"),
      maxPredictions: number("quality.maxPredictions"),
    },
    windows: {
      blockSeconds: number("windows.blockSeconds"),
      blocks: number("windows.blocks"),
      rows: number("windows.rows"),
    },
    data: { maxColumns: number("data.maxColumns"), exportSignals: number("data.exportSignals") },
    reference: root.text("reference"),
    drift: readDriftConfig(root.section("drift")),
    anomaly: readAnomalyConfig(root.section("anomaly")),
    changes: root.has("changes") ? root.sections("changes", maxChanges).map(readChangeConfig) : defaultChanges,
    alerts: readAlertConfigs(root),
    payloadLog: readPayloadLogConfig(root.section("payloadLog")),
  };
  root.end();
  return config;
}

/** Reads numbers by their place in {@link numberRules}. */
function numberReader(root: Section): (place: keyof typeof numberRules) => number {
  const sections = new Map<string, Section>();
  return (place) => {
    const [name = "", key] = place.split(".");
    if (key === undefined) return root.number(place, numberRules[place]);
    const section = sections.get(name) ?? root.section(name);
    sections.set(name, section);
    return section.number(key, numberRules[place]);
  };
}

function readZeroDivision(root: Section): ZeroDivision {
  const word = root.choice("zeroDivision", ["warn", "0", "1", "nan"]) ?? "warn";
  return word === "0" ? 0 : word === "1" ? 1 : word;
}

function unique(texts: readonly string[], place: string): readonly string[] {
  const twice = texts.find((text, index) => texts.indexOf(text) !== index);
  if (twice !== undefined) throw refused(`${place} has '${twice}' twice`);
  return texts;
}

function present<Value extends object>(values: Value): { [Key in keyof Value]?: NonNullable<Value[Key]> } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Key in keyof Value]?: NonNullable<Value[Key]> }; // the entries that are there
}

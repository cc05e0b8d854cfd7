import { maxChanges } from "../config/changes.ts";
import { modelAttributes } from "./attribute-values.ts";
import type { Instrument } from "./instrument.ts";

const scoreAttributes = [
  ...modelAttributes,
  { key: "sluice.detector", values: ["mahalanobis", "half_space_trees", "model"] },
] as const;

/** Unusual rows, and numbers that change over time. */
export const anomalyInstruments = {
  anomalyScore: {
    name: "sluice.anomaly.score",
    kind: "histogram",
    unit: "{score}",
    description:
      "How unusual rows are, of those that are scored without being asked for. A distance from the reference, 0 to 1 of half-space trees, or what another model says.",
    attributes: scoreAttributes,
    boundaries: "own",
    isSigned: true,
  },
  anomalyRows: {
    name: "sluice.anomaly.rows",
    kind: "counter",
    unit: "{row}",
    description: "Rows whose score was above the threshold, of those that sluice.anomaly.score counts.",
    attributes: scoreAttributes,
  },
  anomalyThreshold: {
    name: "sluice.anomaly.threshold",
    kind: "gauge",
    unit: "{score}",
    description: "Score above which a row is anomalous; absent until it is known.",
    attributes: scoreAttributes,
  },
  changesDetected: {
    name: "sluice.changes.detected",
    kind: "counter",
    unit: "{change}",
    description:
      "Changes of a number that is watched over time, by the method that found them. The signal is error, confidence, output_share, value or latency, with the class or the index of the predicted number.",
    attributes: [
      ...modelAttributes,
      { key: "sluice.method", values: ["adwin", "page_hinkley", "ewma", "threshold"] },
      { key: "sluice.signal", values: maxChanges },
    ],
  },
} as const satisfies Record<string, Instrument>;

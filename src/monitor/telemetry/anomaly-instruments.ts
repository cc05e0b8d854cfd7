import { maxChanges } from "../config/changes.ts";
import { modelAttributes } from "./attribute-values.ts";
import type { Instrument } from "./instrument.ts";

/** Unusual rows, and numbers that change over time. */
export const anomalyInstruments = {
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

import { driftMethods } from "../../statistics/drift-test.ts";
import { modelAttributes } from "./attribute-values.ts";
import type { Instrument } from "./instrument.ts";

/** Scores of a model version with series of their own: features and outputs times methods. */
export const maxDriftSeries = 2000;

/** Features and outputs among them, whatever data.exportSignals allows. */
export const maxDriftSignals = 1000;

const driftAttributes = [
  ...modelAttributes,
  { key: "sluice.feature", values: maxDriftSignals },
  { key: "sluice.method", values: driftMethods },
] as const;

/** How far what a model is asked and answers is from its reference. */
export const driftInstruments = {
  driftScore: {
    name: "sluice.drift.score",
    kind: "gauge",
    unit: "{score}",
    description: "Distance of the last complete window of a feature or output from the reference, by method.",
    attributes: driftAttributes,
  },
  driftCritical: {
    name: "sluice.drift.critical",
    kind: "gauge",
    unit: "{score}",
    description:
      "Score that a window of the same size exceeds by chance alone with the configured probability, or the effect threshold where that is higher.",
    attributes: driftAttributes,
  },
  driftDetected: {
    name: "sluice.drift.detected",
    kind: "counter",
    unit: "{event}",
    description:
      "Times that a feature or output began to drift: its score was above the critical one for as many windows in a row as configured.",
    attributes: driftAttributes,
  },
  driftSignals: {
    name: "sluice.drift.signals",
    kind: "gauge",
    unit: "{signal}",
    description: "Features and outputs that drift now; absent until a window is complete.",
    attributes: modelAttributes,
  },
} as const satisfies Record<string, Instrument>;

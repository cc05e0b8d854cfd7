import { modelAttributes, outcomeResults } from "./attribute-values.ts";
import type { Instrument } from "./instrument.ts";

/** Outcomes: how many truths were reported, and what became of them. */
export const outcomeInstruments = {
  labelsReceived: {
    name: "sluice.labels.received",
    kind: "counter",
    unit: "{label}",
    description:
      "Outcomes that were reported, by what became of them; of model _OTHER where the prediction could not be found.",
    attributes: [...modelAttributes, { key: "sluice.result", values: outcomeResults }],
  },
} as const satisfies Record<string, Instrument>;

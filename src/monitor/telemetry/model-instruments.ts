import { modelAttributes, stateNames } from "./attribute-values.ts";
import { loadBoundaries } from "./boundaries.ts";
import { type Instrument, otherValue } from "./instrument.ts";

/** Model versions: their loads, states and where they run. */
export const modelInstruments = {
  loadDuration: {
    name: "sluice.model.load.duration",
    kind: "histogram",
    unit: "s",
    description: "Duration of loading a model version, warm-up included; with error.type when it failed.",
    attributes: [...modelAttributes, { key: "error.type", values: [otherValue] }],
    boundaries: loadBoundaries,
  },
  modelStatus: {
    name: "sluice.model.status",
    kind: "updown",
    unit: "{model}",
    description: "1 for the state that a model version is in, 0 for the others.",
    attributes: [...modelAttributes, { key: "sluice.state", values: Object.values(stateNames) }],
  },
  modelProvider: {
    name: "sluice.model.provider",
    kind: "gauge",
    unit: "{model}",
    description:
      "Always 1: the execution provider asked for and the one in use, partial when some nodes run on the CPU.",
    attributes: [
      ...modelAttributes,
      { key: "sluice.requested", values: ["auto", "cpu", "webgpu", "cuda", otherValue] },
      { key: "sluice.provider", values: ["cpu", "webgpu", "cuda", otherValue] },
      { key: "sluice.partial", values: ["true", "false"] },
    ],
  },
} as const satisfies Record<string, Instrument>;

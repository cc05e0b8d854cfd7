import { modelAttributes } from "./attribute-values.ts";
import type { Instrument } from "./instrument.ts";

/**
 * Lines that the features and outputs of one model version may make of one instrument: nothing else bounds them, and a scrape that has to
 * write ten thousand lines for each of many models holds up the server.
 */
export const maxDataLines = 2000;

/** What may be wrong with a value. */
export const anomalyKinds = ["null", "nan", "inf", "out_of_range", "unseen_category"] as const;

/** Every kind of anomaly has a line, so this many features can have any. */
const feature = { key: "sluice.feature", values: maxDataLines / anomalyKinds.length };

/** What the rows of a model look like, by what was looked at. */
export const dataInstruments = {
  monitorRows: {
    name: "sluice.monitor.rows",
    kind: "counter",
    unit: "{row}",
    description:
      "Rows of admitted requests, and which of them row statistics looked at: at most quality.maxRowsPerSecond of monitor.yaml.",
    attributes: [...modelAttributes, { key: "sluice.sampled", values: ["true", "false"] }],
  },
  featureValue: {
    name: "sluice.feature.value",
    kind: "histogram",
    unit: "1",
    description:
      "Values of a feature or output in the rows looked at, between the edges of its reference; absent without a reference profile.",
    attributes: [...modelAttributes, feature],
    boundaries: "own",
    isSigned: true,
  },
  featureAnomalies: {
    name: "sluice.feature.anomalies",
    kind: "counter",
    unit: "{value}",
    description:
      "Values in the rows looked at that should not be; without a reference profile from the first one of a kind on.",
    attributes: [...modelAttributes, feature, { key: "sluice.kind", values: anomalyKinds }],
  },
} as const satisfies Record<string, Instrument>;

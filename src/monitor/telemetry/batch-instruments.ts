import { batchReasons, maxShapeBuckets, modelAttributes, sequenceEnds } from "./attribute-values.ts";
import { rowBoundaries } from "./boundaries.ts";
import type { Instrument } from "./instrument.ts";

const shapeBucket = { key: "sluice.shape.bucket", values: maxShapeBuckets };

/** What runs together, and what was learned of it. */
export const batchInstruments = {
  batchSize: {
    name: "sluice.batch.size",
    kind: "histogram",
    unit: "{row}",
    description: "Rows of a successful execution, without padding: the sum is rows answered, the count is executions.",
    attributes: modelAttributes,
    boundaries: rowBoundaries,
  },
  batchPadding: {
    name: "sluice.batch.padding",
    kind: "histogram",
    unit: "{row}",
    description: "Rows added to a successful execution to reach a batch bucket.",
    attributes: modelAttributes,
    boundaries: [0, ...rowBoundaries],
  },
  batches: {
    name: "sluice.batches",
    kind: "counter",
    unit: "{batch}",
    description: "Executions, failed ones too, by why their batch was closed.",
    attributes: [...modelAttributes, { key: "sluice.reason", values: batchReasons }],
  },
  batchElements: {
    name: "sluice.batch.elements",
    kind: "counter",
    unit: "{element}",
    description:
      "Elements of the inputs that are padded to a length, in successful executions: those of the requests, and what was added.",
    attributes: [...modelAttributes, { key: "sluice.content", values: ["request", "padding"] }],
  },
  runFixed: {
    name: "sluice.batch.run.fixed",
    kind: "gauge",
    unit: "s",
    description: "What every batch of a shape takes whatever its rows, as learned from its runs.",
    attributes: [...modelAttributes, shapeBucket],
  },
  runPerRow: {
    name: "sluice.batch.run.row",
    kind: "gauge",
    unit: "s",
    description: "What each row adds to a batch of a shape, as learned from its runs.",
    attributes: [...modelAttributes, shapeBucket],
  },
  sequences: {
    name: "sluice.sequences",
    kind: "gauge",
    unit: "{sequence}",
    description: "Sequences that have a slot of an instance, and those that wait for one.",
    attributes: [...modelAttributes, { key: "sluice.state", values: ["active", "waiting"] }],
  },
  sequencesEnded: {
    name: "sluice.sequences.ended",
    kind: "counter",
    unit: "{sequence}",
    description: "Sequences that have ended, by why: all but `end` before their END request.",
    attributes: [...modelAttributes, { key: "sluice.reason", values: sequenceEnds }],
  },
} as const satisfies Record<string, Instrument>;

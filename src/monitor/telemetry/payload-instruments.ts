import { modelAttributes } from "./attribute-values.ts";
import type { Instrument } from "./instrument.ts";

/** Instruments of the payload log; what it left out is in `sluice.monitor.dropped`. */
export const payloadInstruments = {
  payloadRecords: {
    name: "sluice.payload_log.records",
    kind: "counter",
    unit: "{record}",
    description: "Requests written to the payload log.",
    attributes: [...modelAttributes],
  },
  payloadBytes: {
    name: "sluice.payload_log.size",
    kind: "counter",
    unit: "By",
    description: "Bytes written to the payload log.",
    attributes: [...modelAttributes],
  },
} as const satisfies Record<string, Instrument>;

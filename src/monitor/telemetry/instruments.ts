import { alertInstruments } from "./alert-instruments.ts";
import { anomalyInstruments } from "./anomaly-instruments.ts";
import { batchInstruments } from "./batch-instruments.ts";
import { callInstruments } from "./call-instruments.ts";
import { dataInstruments } from "./data-instruments.ts";
import { driftInstruments } from "./drift-instruments.ts";
import { modelInstruments } from "./model-instruments.ts";
import { outcomeInstruments } from "./outcome-instruments.ts";
import { payloadInstruments } from "./payload-instruments.ts";
import { processInstruments } from "./process-instruments.ts";
import { qualityInstruments } from "./quality-instruments.ts";
import { requestInstruments } from "./request-instruments.ts";

/**
 * Every instrument in one table: producer, page, dashboards and tests read it. Names, units and attributes follow the OpenTelemetry semantic
 * conventions where they have them (rpc, nodejs, v8js, process) and gRFC A66; ours start with `sluice.`. Exported names and units are an
 * interface to dashboards and alerts: a change is a breaking one.
 */
export const instruments = {
  ...callInstruments,
  ...requestInstruments,
  ...batchInstruments,
  ...modelInstruments,
  ...anomalyInstruments,
  ...alertInstruments,
  ...outcomeInstruments,
  ...driftInstruments,
  ...dataInstruments,
  ...qualityInstruments,
  ...payloadInstruments,
  ...processInstruments,
} as const;

import { reasons } from "../../errors.ts";
import { errorAttribute, maxTenantSeries, modelAttributes, stages } from "./attribute-values.ts";
import { latencyBoundaries } from "./boundaries.ts";
import type { Instrument } from "./instrument.ts";

const tenant = { key: "sluice.tenant", values: maxTenantSeries + 1 };

/** Inference requests: how long they take and in which stage, how many wait, which are refused, whose they are. */
export const requestInstruments = {
  requestDuration: {
    name: "sluice.request.duration",
    kind: "histogram",
    unit: "s",
    description: "Duration of an inference request from arrival to reply; inside a stream, of each message.",
    attributes: [...modelAttributes, errorAttribute],
    boundaries: latencyBoundaries,
  },
  stageDuration: {
    name: "sluice.request.stage.duration",
    kind: "histogram",
    unit: "s",
    description: "Parts of a successful request's duration; each stage counts every successful request once.",
    attributes: [...modelAttributes, { key: "sluice.stage", values: stages }],
    boundaries: latencyBoundaries,
  },
  firstResponse: {
    name: "sluice.time_to_first_response",
    kind: "histogram",
    unit: "s",
    description:
      "Time from the arrival of a request to a decoupled model until its first answer was made; other models have one answer, see sluice.request.duration.",
    attributes: modelAttributes,
    boundaries: latencyBoundaries,
  },
  queueSize: {
    name: "sluice.queue.size",
    kind: "updown",
    unit: "{request}",
    description: "Requests admitted and not yet taken into a batch.",
    attributes: modelAttributes,
  },
  queueLimit: {
    name: "sluice.queue.limit",
    kind: "gauge",
    unit: "{request}",
    description: "Most requests that may wait for the model version.",
    attributes: modelAttributes,
  },
  latencyTarget: {
    name: "sluice.latency.target",
    kind: "gauge",
    unit: "s",
    description: "Time from arrival to answer that the model's configuration aims at; absent where it aims at none.",
    attributes: modelAttributes,
  },
  admissionLimit: {
    name: "sluice.admission.limit",
    kind: "gauge",
    unit: "{row}",
    description: "Rows that admission lets in at a time; absent where it lets in any number.",
    attributes: modelAttributes,
  },
  rejections: {
    name: "sluice.requests.rejected",
    kind: "counter",
    unit: "{request}",
    description:
      "Requests that ended without an answer, by reason; without a model where they were refused before they came to one.",
    attributes: [...modelAttributes, { key: "sluice.reason", values: reasons }],
  },
  tenantRequests: {
    name: "sluice.tenant.requests",
    kind: "counter",
    unit: "{request}",
    description: "Requests answered, by tenant; with --tenants only, as the three below.",
    attributes: [tenant],
  },
  tenantRows: {
    name: "sluice.tenant.rows",
    kind: "counter",
    unit: "{row}",
    description: "Rows answered, by tenant.",
    attributes: [tenant],
  },
  tenantRejections: {
    name: "sluice.tenant.rejected",
    kind: "counter",
    unit: "{request}",
    description: "Requests that ended without an answer, by tenant and reason; `quota`: a limit of the tenant.",
    attributes: [tenant, { key: "sluice.reason", values: reasons }],
  },
  tenantQueueDuration: {
    name: "sluice.tenant.queue.duration",
    kind: "histogram",
    unit: "s",
    description: "Time that an answered request waited in its model's queue, by tenant.",
    attributes: [tenant],
    boundaries: latencyBoundaries,
  },
} as const satisfies Record<string, Instrument>;

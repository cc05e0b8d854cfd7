import { type Reason, reasons } from "../../errors.ts";
import { outcomeStatuses } from "../../outcome.ts";
import type { BatchReason, ModelState, SequenceEnd } from "../../runtime/observer.ts";
import type { InstrumentAttribute } from "./instrument.ts";

/** What the attributes of the instruments can say, and how many names they can hold. */

/**
 * Model versions with series of their own; further ones share the series of model `_OTHER`, so that sums stay right and memory bounded.
 * 1,000 versions under load are some 270,000 lines of Prometheus text.
 */
export const maxModelVersions = 1000;

/** Shape buckets of a model with series of their own; as many as the batcher tells apart. */
export const maxShapeBuckets = 64;

/** Runtime processes whose memory is shown; the same bound as the option that starts them. */
export const maxRuntimeProcesses = 1024;

/** Spaces of V8's heap; there are twelve in Node 24. */
export const maxHeapSpaces = 16;

/** Tenants with series of their own: as many as a tenants file may list, and the default one. */
export const maxTenantSeries = 1001;

/** RPC methods with series of their own; calls to others are counted as `_OTHER`. */
export const maxMethods = 128;

/** gRPC status names by code. */
export const statusNames = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
] as const;

/** The statuses that are the server's own failure (OpenTelemetry rpc conventions, gRPC): only these carry `error.type`. */
export const serverErrorStatuses: ReadonlySet<string> = new Set([
  "UNKNOWN",
  "DEADLINE_EXCEEDED",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
]);

/** The parts of a request's time, in Triton's words. */
export const stages = ["queue", "compute_input", "compute_infer", "compute_output"] as const;

/** Every {@link BatchReason}: a record, so that a new one does not compile until it stands here. */
const batchReasonSet: Readonly<Record<BatchReason, true>> = {
  full: true,
  preferred: true,
  timeout: true,
  deadline: true,
  shape: true,
  idle: true,
  target: true,
  share: true,
  drain: true,
  retry: true,
};
/** Values of `sluice.reason` of a batch. */
export const batchReasons = Object.keys(batchReasonSet) as readonly BatchReason[]; // the keys of the record above

/** Every {@link SequenceEnd}: a record, so that a new one does not compile until it stands here. */
const sequenceEndSet: Readonly<Record<SequenceEnd, true>> = {
  end: true,
  idle: true,
  cancelled: true,
  lost: true,
  expired: true,
};
/** Values of `sluice.reason` of a sequence's end. */
export const sequenceEnds = Object.keys(sequenceEndSet) as readonly SequenceEnd[]; // the keys of the record above

/** Values of `sluice.state` by the state they stand for. */
export const stateNames: Readonly<Record<ModelState, string>> = {
  LOADING: "loading",
  READY: "ready",
  UNLOADING: "unloading",
  UNAVAILABLE: "unavailable",
};

/** Why a runtime process was started again. */
export const restartReasons = ["crash", "timeout", "memory"] as const;

/** Who could not record or export something: see `sluice.monitor.dropped`. */
export const monitors = [
  "latency",
  "otlp_metrics",
  "otlp_traces",
  "otlp_logs",
  "rows",
  "quality",
  "data",
  "drift",
  "anomalies",
  "outcomes",
  "alerts",
  "alert_webhook",
  "payload_log",
] as const;

/** What the monitor itself could not record, and why. */
export const dropReasons = [
  "not_finite",
  "model_limit",
  "series_limit",
  "unknown_model",
  "export_failed",
  "exception",
  "memory",
  "queue_full",
  "refused",
  "write_failed",
  "stopped",
  "evicted",
  "repeated_id",
  "too_many_rows",
  "unavailable",
  "timeout",
] as const;

/** What became of an outcome that was reported, the words of `sluice.monitor.v1.OutcomeStatus`. */
export const outcomeResults = outcomeStatuses.slice(1).map((status) => status.toLowerCase());

/** Whether a reason is the server's own failure, by the rule of {@link serverErrorStatuses}: a span with it is marked as an error. */
export const isServerFailure: Readonly<Record<Reason, boolean>> = {
  invalid: false,
  not_found: false,
  shed: true,
  queue_full: true,
  concurrency_limit: true,
  overload: true,
  queue_timeout: true,
  draining: true,
  loading: true,
  restarting: true,
  sequence_lost: true,
  quota: false,
  too_large: false,
  deadline: true,
  cancelled: false,
  unauthenticated: false,
  forbidden: false,
  refused: false,
  unsupported: true,
  runtime: true,
  internal: true,
};

/** The attributes of every instrument of a model version. */
export const modelAttributes = [
  { key: "sluice.model.name", values: maxModelVersions + 1 },
  { key: "sluice.model.version", values: maxModelVersions + 1 },
] as const satisfies readonly InstrumentAttribute[];

/** Why a request ended without an answer, as an attribute of durations. */
export const errorAttribute = { key: "error.type", values: reasons } as const satisfies InstrumentAttribute;

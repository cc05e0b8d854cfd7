import { type Reason, reasons } from "../../errors.ts";
import type { BatchReason, ModelState, SequenceEnd } from "../../runtime/observer.ts";

/**
 * Every instrument of the latency telemetry, in one table: producer, page and tests read it. Names, units and attributes follow the
 * OpenTelemetry semantic conventions where they have them (rpc, nodejs, v8js, process); ours start with `sluice.`.
 */

/** A counter only grows; an updown and a gauge tell the value of now, and only an updown may be summed over attributes. */
export type InstrumentKind = "counter" | "updown" | "gauge" | "histogram";

/** One attribute of an instrument and what bounds the number of its values. */
export interface InstrumentAttribute {
  readonly key: string;
  /** All values it can have, or how many at most where they are names given at run time. */
  readonly values: readonly string[] | number;
}

/** One line of the table. */
export interface Instrument {
  readonly name: string;
  readonly kind: InstrumentKind;
  /** UCUM: `s`, `By`, `1`, or an annotation such as `{request}`. */
  readonly unit: string;
  readonly description: string;
  readonly attributes: readonly InstrumentAttribute[];
  /** Upper bounds of a histogram's buckets, each included in its bucket; the last bucket has no bound. */
  readonly boundaries?: readonly number[];
}

/**
 * Model versions with series of their own; further ones share the series of model `_OTHER`, so that sums stay right and memory bounded.
 * 1,000 versions under load are some 270,000 lines of Prometheus text.
 */
export const maxModelVersions = 1000;

/** Shape buckets of a model with series of their own; as many as the batcher tells apart. */
export const maxShapeBuckets = 64;

/** Runtime processes whose memory is shown; the same bound as the option that starts them. */
export const maxRuntimeProcesses = 1024;

/** Tenants with series of their own: as many as a tenants file may list, and the default one. */
export const maxTenantSeries = 1001;

/** RPC methods with series of their own; calls to others are counted as `_OTHER`. */
export const maxMethods = 128;

/** What a value stands for that has no series of its own. The word of the OpenTelemetry conventions. */
export const otherValue = "_OTHER";

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

/** What the monitor itself could not record, and why. */
export const dropReasons = ["not_finite", "model_limit", "series_limit", "unknown_model", "export_failed"] as const;

/** Buckets of `rpc.server.call.duration` in the rpc conventions, seconds. */
const conventionalBoundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** Latency buckets of gRFC A66, seconds: they begin at 10 us, where small models live. */
const latencyBoundaries = [
  0, 0.00001, 0.00005, 0.0001, 0.0003, 0.0006, 0.0008, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01, 0.013,
  0.016, 0.02, 0.025, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3, 0.4, 0.5, 0.65, 0.8, 1, 2, 5, 10,
  20, 50, 100,
];

/** Rows: the powers of two, because batch buckets are. */
const rowBoundaries = Array.from({ length: 15 }, (_, exponent) => 2 ** exponent);

/** From a model of a few kilobytes to the default load timeout, seconds. */
const loadBoundaries = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 600];

/** Buckets of `v8js.gc.duration` in the conventions (0.01 to 10 s), with one below: a scavenge takes about a millisecond. */
const collectionBoundaries = [0.001, 0.01, 0.1, 1, 10];

const modelName = { key: "sluice.model.name", values: maxModelVersions + 1 };
const modelVersion = { key: "sluice.model.version", values: maxModelVersions + 1 };
const method = { key: "rpc.method", values: maxMethods + 1 };
const errorReason = { key: "error.type", values: reasons };
const model = [modelName, modelVersion] as const;
const shapeBucket = { key: "sluice.shape.bucket", values: maxShapeBuckets };
const tenant = { key: "sluice.tenant", values: maxTenantSeries + 1 };

/** The table. Exported metric names and their units are an interface to dashboards and alerts: a change is a breaking one. */
export const instruments = {
  callDuration: {
    name: "rpc.server.call.duration",
    kind: "histogram",
    unit: "s",
    description: "Duration of an RPC from its headers to its status; of a stream, all of it.",
    attributes: [
      { key: "rpc.system.name", values: ["grpc"] },
      method,
      { key: "rpc.status_code", values: statusNames },
      { key: "error.type", values: [...serverErrorStatuses] },
    ],
    boundaries: conventionalBoundaries,
  },
  activeCalls: {
    name: "sluice.rpc.active",
    kind: "updown",
    unit: "{call}",
    description: "RPCs that have begun and not ended.",
    attributes: [method],
  },
  streamMessages: {
    name: "sluice.stream.messages",
    kind: "counter",
    unit: "{message}",
    description: "Messages of streaming RPCs.",
    attributes: [method, { key: "sluice.direction", values: ["received", "sent"] }],
  },
  requestDuration: {
    name: "sluice.request.duration",
    kind: "histogram",
    unit: "s",
    description: "Duration of an inference request from arrival to reply; inside a stream, of each message.",
    attributes: [...model, errorReason],
    boundaries: latencyBoundaries,
  },
  stageDuration: {
    name: "sluice.request.stage.duration",
    kind: "histogram",
    unit: "s",
    description: "Parts of a successful request's duration; each stage counts every successful request once.",
    attributes: [...model, { key: "sluice.stage", values: stages }],
    boundaries: latencyBoundaries,
  },
  batchSize: {
    name: "sluice.batch.size",
    kind: "histogram",
    unit: "{row}",
    description: "Rows of a successful execution, without padding: the sum is rows answered, the count is executions.",
    attributes: model,
    boundaries: rowBoundaries,
  },
  batchPadding: {
    name: "sluice.batch.padding",
    kind: "histogram",
    unit: "{row}",
    description: "Rows added to a successful execution to reach a batch bucket.",
    attributes: model,
    boundaries: [0, ...rowBoundaries],
  },
  sequences: {
    name: "sluice.sequences",
    kind: "gauge",
    unit: "{sequence}",
    description: "Sequences that have a slot of an instance, and those that wait for one.",
    attributes: [...model, { key: "sluice.state", values: ["active", "waiting"] }],
  },
  sequencesEnded: {
    name: "sluice.sequences.ended",
    kind: "counter",
    unit: "{sequence}",
    description: "Sequences that have ended, by why: all but `end` before their END request.",
    attributes: [...model, { key: "sluice.reason", values: sequenceEnds }],
  },
  batches: {
    name: "sluice.batches",
    kind: "counter",
    unit: "{batch}",
    description: "Executions, failed ones too, by why their batch was closed.",
    attributes: [...model, { key: "sluice.reason", values: batchReasons }],
  },
  batchElements: {
    name: "sluice.batch.elements",
    kind: "counter",
    unit: "{element}",
    description:
      "Elements of the inputs that are padded to a length, in successful executions: those of the requests, and what was added.",
    attributes: [...model, { key: "sluice.content", values: ["request", "padding"] }],
  },
  runFixed: {
    name: "sluice.batch.run.fixed",
    kind: "gauge",
    unit: "s",
    description: "What every batch of a shape takes whatever its rows, as learned from its runs.",
    attributes: [...model, shapeBucket],
  },
  runPerRow: {
    name: "sluice.batch.run.row",
    kind: "gauge",
    unit: "s",
    description: "What each row adds to a batch of a shape, as learned from its runs.",
    attributes: [...model, shapeBucket],
  },
  queueSize: {
    name: "sluice.queue.size",
    kind: "updown",
    unit: "{request}",
    description: "Requests admitted and not yet taken into a batch.",
    attributes: model,
  },
  admissionLimit: {
    name: "sluice.admission.limit",
    kind: "gauge",
    unit: "{row}",
    description: "Rows that admission lets in at a time; absent where it lets in any number.",
    attributes: model,
  },
  rejections: {
    name: "sluice.requests.rejected",
    kind: "counter",
    unit: "{request}",
    description: "Requests that ended without an answer, by reason.",
    attributes: [...model, { key: "sluice.reason", values: reasons }],
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
  loadDuration: {
    name: "sluice.model.load.duration",
    kind: "histogram",
    unit: "s",
    description: "Duration of loading a model version, warm-up included; with error.type when it failed.",
    attributes: [...model, { key: "error.type", values: [otherValue] }],
    boundaries: loadBoundaries,
  },
  modelStatus: {
    name: "sluice.model.status",
    kind: "updown",
    unit: "{model}",
    description: "1 for the state that a model version is in, 0 for the others.",
    attributes: [...model, { key: "sluice.state", values: Object.values(stateNames) }],
  },
  modelProvider: {
    name: "sluice.model.provider",
    kind: "gauge",
    unit: "{model}",
    description:
      "Always 1: the execution provider asked for and the one in use, partial when some nodes run on the CPU.",
    attributes: [
      ...model,
      { key: "sluice.requested", values: ["auto", "cpu", "webgpu", "cuda", otherValue] },
      { key: "sluice.provider", values: ["cpu", "webgpu", "cuda", otherValue] },
      { key: "sluice.partial", values: ["true", "false"] },
    ],
  },
  runtimeProcesses: {
    name: "sluice.runtime.processes",
    kind: "updown",
    unit: "{process}",
    description: "Runtime processes alive.",
    attributes: [],
  },
  runtimeRestarts: {
    name: "sluice.runtime.restarts",
    kind: "counter",
    unit: "{restart}",
    description: "Runtime processes that ended unasked, by reason.",
    attributes: [{ key: "sluice.reason", values: restartReasons }],
  },
  runtimeMemory: {
    name: "sluice.runtime.memory.usage",
    kind: "updown",
    unit: "By",
    description: "Resident memory of a runtime process.",
    attributes: [{ key: "sluice.runtime.process", values: maxRuntimeProcesses }],
  },
  monitorDropped: {
    name: "sluice.monitor.dropped",
    kind: "counter",
    unit: "{record}",
    description: "What the monitor could not record or export.",
    attributes: [
      { key: "sluice.monitor", values: ["latency", "otlp_metrics", "otlp_traces"] },
      { key: "sluice.reason", values: dropReasons },
    ],
  },
  processMemory: {
    name: "process.memory.usage",
    kind: "updown",
    unit: "By",
    description: "Resident memory of the front process.",
    attributes: [],
  },
  delayMin: eventLoopDelay("min", "Minimum"),
  delayMax: eventLoopDelay("max", "Maximum"),
  delayMean: eventLoopDelay("mean", "Mean"),
  delayStddev: eventLoopDelay("stddev", "Standard deviation"),
  delayP50: eventLoopDelay("p50", "Median"),
  delayP90: eventLoopDelay("p90", "90th percentile"),
  delayP99: eventLoopDelay("p99", "99th percentile"),
  loopUtilization: {
    name: "nodejs.eventloop.utilization",
    kind: "gauge",
    unit: "1",
    description: "Share of the time since the last collection in which the front process's event loop was busy.",
    attributes: [],
  },
  collectionDuration: {
    name: "v8js.gc.duration",
    kind: "histogram",
    unit: "s",
    description: "Garbage collections of the front process by kind.",
    attributes: [{ key: "v8js.gc.type", values: ["major", "minor", "incremental", "weakcb"] }],
    boundaries: collectionBoundaries,
  },
} as const satisfies Record<string, Instrument>;

function eventLoopDelay<const S extends string>(statistic: S, word: string) {
  return {
    name: `nodejs.eventloop.delay.${statistic}`,
    kind: "gauge",
    unit: "s",
    description: `${word} of the front process's event loop delay since the last collection.`,
    attributes: [],
  } as const satisfies Instrument;
}

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

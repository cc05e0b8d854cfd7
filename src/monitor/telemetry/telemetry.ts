import {
  detectResources,
  envDetector,
  hostDetector,
  osDetector,
  type Resource,
  resourceFromAttributes,
  serviceInstanceIdDetector,
} from "@opentelemetry/resources";
import { LoggerProvider, type LogRecordProcessor } from "@opentelemetry/sdk-logs";
import type { IMetricReader } from "@opentelemetry/sdk-metrics";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { AlwaysOnSampler, type SpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import type { ServeConfig } from "../../config.ts";
import type { Observer } from "../../runtime/observer.ts";
import type { ExportListener } from "./bounded-export.ts";
import { type CallObserver, createCallObserver, nullCallObserver } from "./call-observer.ts";
import { LatencyObserver } from "./latency-observer.ts";
import { createLogListener, type LogListener, maxLogTextLength } from "./log-records.ts";
import { createPushLogProcessor, createPushReader, createPushSpanProcessor } from "./otlp.ts";
import { observeProcess, observeRuntimeMemory, type RuntimeMemory } from "./process-metrics.ts";
import { createProducer, scopeName } from "./producer.ts";
import { type MetricsHandler, PrometheusReader } from "./prometheus-reader.ts";
import { SeriesRegistry } from "./series-registry.ts";
import { TenantMeter } from "./tenant-series.ts";
import { TracingObserver } from "./tracing.ts";
import { TritonMetrics } from "./triton-metrics.ts";

/** Fields of a log record that are exported. */
const maxLogAttributes = 32;

/** The options of the server that concern the monitor. */
export type TelemetryConfig = Pick<
  ServeConfig,
  | "metrics"
  | "maxQueueRequests"
  | "metricsCompat"
  | "otlpEndpoint"
  | "otlpProtocol"
  | "otlpInterval"
  | "traceSampleRatio"
  | "serviceName"
  | "tenants"
>;

/** What the composition root knows beside the options. */
export interface TelemetryOptions {
  /** The registered RPC methods, `package.Service/Method`; calls to others are counted as `_OTHER`. Default: none. */
  readonly methods?: readonly string[];
  /** `service.version` of the exported telemetry. */
  readonly serviceVersion?: string;
  /** Hears when a collector stops taking what is pushed, once until it takes something again. Default: nobody. */
  readonly warn?: (message: string, error: unknown) => void;
  /** Receives spans beside the configured collector. Default: none; without any and without a collector nothing is traced. */
  readonly spanProcessors?: readonly SpanProcessor[];
  /** Receives log records beside the configured collector. Default: none. */
  readonly logProcessors?: readonly LogRecordProcessor[];
  /** Epoch milliseconds. Default: `Date.now`. */
  readonly wallClockMs?: () => number;
}

/** The monitor's first half: what happened, how long it took, where to read it. */
export interface Telemetry {
  /** For the runtime's list of observers, which calls each of them for whatever it listens to. */
  readonly observers: readonly Observer[];
  /** The series of this server: whoever watches more opens groups of its own in it. */
  readonly registry: SeriesRegistry;
  /** `service.instance.id` of everything exported; empty: nothing is. */
  readonly instanceId: string;
  /** Hears the server's log, to push it to the collector; undefined: nothing is pushed. Must not hear what `warn` is told. */
  readonly logListener: LogListener | undefined;
  /** For the gRPC skin. */
  readonly callObserver: CallObserver;
  /** Answers `GET /metrics`. */
  readonly metricsHandler: MetricsHandler;
  /** Gives the source of the runtime processes' memory; asked at each collection. */
  setRuntimeMemory(read: () => readonly RuntimeMemory[]): void;
  /**
   * Pushes what is left and stops, within `timeoutMs`; what a dead collector did not take by then is lost. Never rejects.
   * Resolves to whether everything was delivered. Connections to a hanging collector may remain until the process exits.
   */
  shutdown(timeoutMs: number): Promise<boolean>;
}

/** Measures nothing; nobody reads its registry. */
function createNullTelemetry(): Telemetry {
  return {
    observers: [],
    registry: new SeriesRegistry(),
    instanceId: "",
    logListener: undefined,
    callObserver: nullCallObserver,
    async metricsHandler(response) {
      response.writeHead(404, { "content-type": "text/plain; charset=utf-8" }).end("metrics are switched off\n");
    },
    setRuntimeMemory() {},
    shutdown: async () => true,
  };
}

/**
 * Starts measuring. Nothing is sent anywhere unless `otlpEndpoint` is set: all readers and processors are given explicitly, because the
 * SDK's defaults push to a collector on this host.
 *
 * @throws InferenceError invalid, when the endpoint is no URL.
 */
export function startTelemetry(config: TelemetryConfig, options: TelemetryOptions = {}): Telemetry {
  if (!config.metrics) return createNullTelemetry();
  const registry = new SeriesRegistry(options.wallClockMs);
  const producer = createProducer(registry);
  const triton = config.metricsCompat === "triton" ? new TritonMetrics() : undefined;
  const reader = new PrometheusReader([producer], () => triton?.text() ?? []);
  const metricReaders: IMetricReader[] = [reader];
  const spanProcessors = [...(options.spanProcessors ?? [])];
  const logProcessors = [...(options.logProcessors ?? [])];
  if (config.otlpEndpoint !== "") {
    const listener = countLosses(registry, options.warn ?? (() => {}));
    metricReaders.push(createPushReader(config, producer, listener));
    spanProcessors.push(createPushSpanProcessor(config, listener));
    logProcessors.push(createPushLogProcessor(config, listener));
  }
  const resource = describeService(config.serviceName, options.serviceVersion);
  const stopSdk = startSdk(resource, metricReaders);
  const traces = spanProcessors.length > 0 ? createTracerProvider(resource, spanProcessors) : undefined;
  const logs = logProcessors.length > 0 ? createLoggerProvider(resource, logProcessors) : undefined;
  const stopProcess = observeProcess(registry);
  const tenants = config.tenants === "" ? undefined : new TenantMeter(registry);
  const latency = new LatencyObserver(registry, { tenants, maxQueueRequests: config.maxQueueRequests });
  const tracing =
    traces && new TracingObserver({ tracer: traces.getTracer(scopeName), sampleRatio: config.traceSampleRatio });
  return {
    observers: [latency, tracing, triton].filter((observer) => observer !== undefined),
    registry,
    instanceId: String(resource.attributes["service.instance.id"] ?? ""),
    logListener: logs && createLogListener(logs.getLogger(scopeName)),
    callObserver: createCallObserver(registry, options.methods ?? [], { tenants, tracing }),
    metricsHandler: reader.handle,
    setRuntimeMemory: observeRuntimeMemory(registry),
    async shutdown(timeoutMs) {
      stopProcess();
      return settleWithin(Promise.all([stopSdk(), traces?.shutdown(), logs?.shutdown()]), timeoutMs);
    },
  };
}

/** Who this is. Without the SDK's process detector, which would export the command line and its owner. */
function describeService(serviceName: string, serviceVersion: string | undefined): Resource {
  const own = { "service.name": serviceName, ...(serviceVersion && { "service.version": serviceVersion }) };
  const detectors = [serviceInstanceIdDetector, hostDetector, osDetector, envDetector];
  return detectResources({ detectors }).merge(resourceFromAttributes(own));
}

/** Metrics through the SDK. `spanProcessors: []` and `logRecordProcessors: []` keep it from starting exporters of its own. */
function startSdk(resource: Resource, metricReaders: IMetricReader[]): () => Promise<void> {
  const sdk = new NodeSDK({
    resource,
    autoDetectResources: false,
    metricReaders,
    spanProcessors: [],
    logRecordProcessors: [],
    textMapPropagator: null,
  });
  sdk.start();
  return () => sdk.shutdown();
}

/**
 * Traces beside the SDK object, which would only register its provider for the whole process: two servers in one process must not trace
 * into each other, nor into an application that embeds one.
 */
function createTracerProvider(resource: Resource, spanProcessors: SpanProcessor[]): TracerProvider {
  // What reaches the tracer was sampled by the observer already.
  return new TracerProvider({ resource, sampler: new AlwaysOnSampler(), spanProcessors });
}

/** Logs beside the SDK object for the same reason. */
function createLoggerProvider(resource: Resource, processors: LogRecordProcessor[]): LoggerProvider {
  const logRecordLimits = { attributeCountLimit: maxLogAttributes, attributeValueLengthLimit: maxLogTextLength };
  return new LoggerProvider({ resource, processors, logRecordLimits });
}

/** Counts what was not delivered, and warns when a collector fails for the first time. */
function countLosses(registry: SeriesRegistry, warn: (message: string, error: unknown) => void): ExportListener {
  const warned = new Set<string>();
  return {
    onFailed(signal, records, error) {
      registry.dropped(signal, "export_failed").add(records);
      if (warned.has(signal)) return;
      warned.add(signal);
      warn(`the collector did not take ${records} records of ${signal}; further failures are only counted`, error);
    },
    onDropped: (signal) => registry.dropped(signal, "queue_full").add(1),
  };
}

/** Whether the work succeeded in time; it goes on unheard where it did not. */
async function settleWithin(work: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), timeoutMs);
  const done = work.then(
    () => true,
    () => false,
  );
  try {
    return await Promise.race([done, late]);
  } finally {
    clearTimeout(timer);
  }
}

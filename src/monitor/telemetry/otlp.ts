import { ExportResultCode } from "@opentelemetry/core";
import { OTLPLogExporter as GrpcLogExporter } from "@opentelemetry/exporter-logs-otlp-grpc";
import { OTLPLogExporter as HttpLogExporter } from "@opentelemetry/exporter-logs-otlp-proto";
import { OTLPMetricExporter as GrpcMetricExporter } from "@opentelemetry/exporter-metrics-otlp-grpc";
import { OTLPMetricExporter as HttpMetricExporter } from "@opentelemetry/exporter-metrics-otlp-proto";
import { OTLPTraceExporter as GrpcTraceExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter as HttpTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { BatchLogRecordProcessor, type LogRecordProcessor } from "@opentelemetry/sdk-logs";
import {
  AggregationTemporality,
  type MetricProducer,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
  type ResourceMetrics,
} from "@opentelemetry/sdk-metrics";
import { BatchSpanProcessor, type SpanProcessor } from "@opentelemetry/sdk-trace";
import type { ServeConfig } from "../../config.ts";
import { InferenceError } from "../../errors.ts";
import { boundLogs, boundSpans, type ExportListener } from "./bounded-export.ts";

/** Longest wait for a collector's answer; a push interval below it shortens it. */
const exportTimeoutMs = 10_000;

/** How long an ended span or a log record waits for others to be pushed with, unless the push interval is shorter. */
const recordDelayMs = 5000;

/** Ended spans that wait to be pushed; more are dropped and counted. About 4 MB. */
const maxQueuedSpans = 4096;

/** Log records that wait to be pushed; more are dropped and counted. A record has a few fields of at most 4,096 characters. */
const maxQueuedLogs = 1024;

/** Records in one push of spans or logs. */
const maxPushedRecords = 512;

/**
 * Points in one push of metrics: encoding them takes the event loop a few milliseconds, and a server with a thousand models has fifty thousand. The
 * next push begins when the collector has taken this one.
 */
const maxPushedPoints = 500;

/** Where and how telemetry is pushed. */
export type OtlpConfig = Pick<ServeConfig, "otlpEndpoint" | "otlpProtocol" | "otlpInterval">;

/**
 * Pushes the producer's points at the configured interval.
 * @throws InferenceError invalid, when the endpoint is no http or https URL.
 */
export function createPushReader(
  config: OtlpConfig,
  producer: MetricProducer,
  listener: ExportListener,
): PeriodicExportingMetricReader {
  const { url, timeoutMillis } = pushOptions(config, "v1/metrics");
  // Our points are cumulative whatever OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE says.
  const temporalityPreference = AggregationTemporality.CUMULATIVE;
  const options = { url, timeoutMillis, temporalityPreference };
  const exporter = config.otlpProtocol === "grpc" ? new GrpcMetricExporter(options) : new HttpMetricExporter(options);
  return new PeriodicExportingMetricReader({
    exporter: watchMetricExporter(exporter, listener),
    exportIntervalMillis: Math.round(config.otlpInterval * 1000),
    exportTimeoutMillis: timeoutMillis,
    maxExportBatchSize: maxPushedPoints,
    metricProducers: [producer],
  });
}

/** Pushes ended spans in batches. @throws InferenceError invalid, when the endpoint is no http or https URL. */
export function createPushSpanProcessor(config: OtlpConfig, listener: ExportListener): SpanProcessor {
  const options = pushOptions(config, "v1/traces");
  const exporter = config.otlpProtocol === "grpc" ? new GrpcTraceExporter(options) : new HttpTraceExporter(options);
  return boundSpans(
    exporter,
    maxQueuedSpans,
    listener,
    (watched) => new BatchSpanProcessor({ exporter: watched, ...batchOptions(options.timeoutMillis, maxQueuedSpans) }),
  );
}

/** Pushes log records in batches. @throws InferenceError invalid, when the endpoint is no http or https URL. */
export function createPushLogProcessor(config: OtlpConfig, listener: ExportListener): LogRecordProcessor {
  const options = pushOptions(config, "v1/logs");
  const exporter = config.otlpProtocol === "grpc" ? new GrpcLogExporter(options) : new HttpLogExporter(options);
  return boundLogs(
    exporter,
    maxQueuedLogs,
    listener,
    (watched) =>
      new BatchLogRecordProcessor({ exporter: watched, ...batchOptions(options.timeoutMillis, maxQueuedLogs) }),
  );
}

function pushOptions(config: OtlpConfig, path: string): { readonly url: string; readonly timeoutMillis: number } {
  return {
    url: signalUrl(config, path),
    timeoutMillis: Math.min(exportTimeoutMs, Math.round(config.otlpInterval * 1000)),
  };
}

function batchOptions(timeoutMillis: number, maxQueueSize: number) {
  return {
    exportTimeoutMillis: timeoutMillis,
    maxQueueSize,
    maxExportBatchSize: maxPushedRecords,
    scheduledDelayMillis: Math.min(recordDelayMs, timeoutMillis),
  };
}

/** Over gRPC the endpoint itself; over HTTP the signal's path below it, as the OTLP exporter specification says for a base endpoint. */
function signalUrl({ otlpEndpoint, otlpProtocol }: OtlpConfig, path: string): string {
  const url = URL.parse(otlpEndpoint);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new InferenceError(
      "invalid",
      `invalid value '${otlpEndpoint}' for option 'otlpEndpoint', expected a URL such as http://localhost:4317`,
    );
  }
  if (otlpProtocol === "grpc") return url.href;
  return `${url.href.replace(/\/$/, "")}/${path}`;
}

function pointCount({ scopeMetrics }: ResourceMetrics): number {
  return scopeMetrics.flatMap(({ metrics }) => metrics).reduce((sum, { dataPoints }) => sum + dataPoints.length, 0);
}

function watchMetricExporter(exporter: PushMetricExporter, listener: ExportListener): PushMetricExporter {
  return {
    export(metrics, done) {
      exporter.export(metrics, (result) => {
        if (result.code !== ExportResultCode.SUCCESS) {
          listener.onFailed("otlp_metrics", pointCount(metrics), result.error);
        }
        done(result);
      });
    },
    forceFlush: () => exporter.forceFlush(),
    shutdown: () => exporter.shutdown(),
    selectAggregationTemporality: () => AggregationTemporality.CUMULATIVE,
  };
}

import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import { OTLPMetricExporter as GrpcMetricExporter } from "@opentelemetry/exporter-metrics-otlp-grpc";
import { OTLPMetricExporter as HttpMetricExporter } from "@opentelemetry/exporter-metrics-otlp-proto";
import { OTLPTraceExporter as GrpcTraceExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter as HttpTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import {
  AggregationTemporality,
  type MetricProducer,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
  type ResourceMetrics,
} from "@opentelemetry/sdk-metrics";
import { BatchSpanProcessor, type SpanExporter, type SpanProcessor } from "@opentelemetry/sdk-trace";
import type { ServeConfig } from "../../config.ts";
import { InferenceError } from "../../errors.ts";

/** Longest wait for a collector's answer; a push interval below it shortens it. */
const exportTimeoutMs = 10_000;

/** How long an ended span waits for others to be pushed with, unless the push interval is shorter. */
const spanDelayMs = 5000;

/** Ended spans waiting to be pushed; more are dropped. */
const maxQueuedSpans = 2048;

/** Where and how telemetry is pushed. */
export type OtlpConfig = Pick<ServeConfig, "otlpEndpoint" | "otlpProtocol" | "otlpInterval">;

/** Hears of each push that failed. @param records points or spans that were not delivered. */
export type ExportFailureListener = (signal: "otlp_metrics" | "otlp_traces", records: number, error: unknown) => void;

/**
 * Pushes the producer's points at the configured interval.
 * @throws InferenceError invalid, when the endpoint is no http or https URL.
 */
export function createPushReader(
  config: OtlpConfig,
  producer: MetricProducer,
  onFailure: ExportFailureListener,
): PeriodicExportingMetricReader {
  const intervalMs = Math.round(config.otlpInterval * 1000);
  const timeoutMillis = Math.min(exportTimeoutMs, intervalMs);
  // Our points are cumulative whatever OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE says.
  const temporalityPreference = AggregationTemporality.CUMULATIVE;
  const options = { url: signalUrl(config, "v1/metrics"), timeoutMillis, temporalityPreference };
  const exporter = config.otlpProtocol === "grpc" ? new GrpcMetricExporter(options) : new HttpMetricExporter(options);
  return new PeriodicExportingMetricReader({
    exporter: watchMetricExporter(exporter, onFailure),
    exportIntervalMillis: intervalMs,
    exportTimeoutMillis: timeoutMillis,
    metricProducers: [producer],
  });
}

/** Pushes ended spans in batches. @throws InferenceError invalid, when the endpoint is no http or https URL. */
export function createPushSpanProcessor(config: OtlpConfig, onFailure: ExportFailureListener): SpanProcessor {
  const timeoutMillis = Math.min(exportTimeoutMs, Math.round(config.otlpInterval * 1000));
  const options = { url: signalUrl(config, "v1/traces"), timeoutMillis };
  const exporter = config.otlpProtocol === "grpc" ? new GrpcTraceExporter(options) : new HttpTraceExporter(options);
  return new BatchSpanProcessor({
    exporter: watchSpanExporter(exporter, onFailure),
    exportTimeoutMillis: timeoutMillis,
    maxQueueSize: maxQueuedSpans,
    scheduledDelayMillis: Math.min(spanDelayMs, timeoutMillis),
  });
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

function watchMetricExporter(exporter: PushMetricExporter, onFailure: ExportFailureListener): PushMetricExporter {
  return {
    export(metrics, done) {
      exporter.export(metrics, (result) => {
        if (isFailed(result)) onFailure("otlp_metrics", pointCount(metrics), result.error);
        done(result);
      });
    },
    forceFlush: () => exporter.forceFlush(),
    shutdown: () => exporter.shutdown(),
    selectAggregationTemporality: () => AggregationTemporality.CUMULATIVE,
  };
}

function watchSpanExporter(exporter: SpanExporter, onFailure: ExportFailureListener): SpanExporter {
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        if (isFailed(result)) onFailure("otlp_traces", spans.length, result.error);
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
  };
}

function isFailed(result: ExportResult): boolean {
  return result.code !== ExportResultCode.SUCCESS;
}

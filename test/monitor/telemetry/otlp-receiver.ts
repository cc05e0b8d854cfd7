import { once } from "node:events";
import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import protobuf from "protobufjs";

/** The fields of OTLP that the tests look at, from the OTLP specification's field numbers. */
const definitions = `
syntax = "proto3";
message AnyValue { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; } }
message KeyValue { string key = 1; AnyValue value = 2; }
message Resource { repeated KeyValue attributes = 1; }
message NumberDataPoint {
  repeated KeyValue attributes = 7; fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3;
  oneof value { double as_double = 4; sfixed64 as_int = 6; }
}
message HistogramDataPoint {
  repeated KeyValue attributes = 9; fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3; fixed64 count = 4;
  optional double sum = 5; repeated fixed64 bucket_counts = 6; repeated double explicit_bounds = 7;
}
message Gauge { repeated NumberDataPoint data_points = 1; }
message Sum { repeated NumberDataPoint data_points = 1; int32 aggregation_temporality = 2; bool is_monotonic = 3; }
message Histogram { repeated HistogramDataPoint data_points = 1; int32 aggregation_temporality = 2; }
message Metric { string name = 1; string unit = 3; oneof data { Gauge gauge = 5; Sum sum = 7; Histogram histogram = 9; } }
message ScopeMetrics { repeated Metric metrics = 2; }
message ResourceMetrics { Resource resource = 1; repeated ScopeMetrics scope_metrics = 2; }
message ExportMetrics { repeated ResourceMetrics resource_metrics = 1; }
message Span { bytes trace_id = 1; bytes span_id = 2; bytes parent_span_id = 4; string name = 5; repeated KeyValue attributes = 9; }
message LogRecord {
  int32 severity_number = 2; AnyValue body = 5; repeated KeyValue attributes = 6; bytes trace_id = 9; bytes span_id = 10;
}
message ScopeLogs { repeated LogRecord log_records = 2; }
message ResourceLogs { Resource resource = 1; repeated ScopeLogs scope_logs = 2; }
message ExportLogs { repeated ResourceLogs resource_logs = 1; }
message ScopeSpans { repeated Span spans = 2; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
message ExportTraces { repeated ResourceSpans resource_spans = 1; }
`;

const { root } = protobuf.parse(definitions, { keepCase: false });

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly boolValue?: boolean };
}
interface Point {
  readonly attributes: readonly Attribute[];
  readonly startTimeUnixNano: string;
  readonly asDouble?: number;
  readonly count?: string;
  readonly sum?: number;
  readonly bucketCounts?: readonly string[];
  readonly explicitBounds?: readonly number[];
}
interface Data {
  readonly dataPoints: readonly Point[];
  readonly aggregationTemporality?: number;
  readonly isMonotonic?: boolean;
}
export interface ReceivedMetric {
  readonly name: string;
  readonly unit: string;
  readonly gauge?: Data;
  readonly sum?: Data;
  readonly histogram?: Data;
}
export interface ReceivedMetrics {
  readonly resource: ReadonlyMap<string, string | undefined>;
  readonly metrics: readonly ReceivedMetric[];
}

function decode(type: string, body: Buffer): any {
  return root
    .lookupType(type)
    .toObject(root.lookupType(type).decode(body), { longs: String, bytes: String, arrays: true });
}

export interface ReceivedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  /** Those that are texts. */
  readonly attributes: ReadonlyMap<string, string>;
}

const hex = (base64 = "") => Buffer.from(base64, "base64").toString("hex");

/** A collector that keeps what it gets, over gRPC or HTTP, on a free port of the loopback. */
export class OtlpReceiver {
  readonly metrics: ReceivedMetrics[] = [];
  readonly spans: ReceivedSpan[] = [];
  readonly logs: { readonly body: string; readonly traceId: string; readonly spanId: string }[] = [];
  readonly #grpc = new Server();
  readonly #http: HttpServer;
  endpoint = "";

  constructor() {
    this.#http = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        this.#take(request.url ?? "", Buffer.concat(chunks));
        response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
      });
    });
  }

  #take(path: string, body: Buffer): void {
    if (path.includes("metrics") || path.includes("Metrics")) {
      for (const { resource, scopeMetrics } of decode("ExportMetrics", body).resourceMetrics) {
        const attributes = (resource.attributes as Attribute[]).map(
          ({ key, value }) => [key, value.stringValue] as const,
        );
        this.metrics.push({
          resource: new Map(attributes),
          metrics: scopeMetrics.flatMap((scope: any) => scope.metrics),
        });
      }
      return;
    }
    if (path.includes("logs") || path.includes("Logs")) {
      const { resourceLogs } = decode("ExportLogs", body);
      const records = resourceLogs.flatMap((entry: any) => entry.scopeLogs).flatMap((scope: any) => scope.logRecords);
      this.logs.push(
        ...records.map((record: any) => ({
          body: record.body.stringValue,
          traceId: hex(record.traceId),
          spanId: hex(record.spanId),
        })),
      );
      return;
    }
    const { resourceSpans } = decode("ExportTraces", body);
    const spans = resourceSpans.flatMap((entry: any) => entry.scopeSpans).flatMap((scope: any) => scope.spans);
    this.spans.push(
      ...spans.map((span: any) => ({
        name: span.name,
        traceId: hex(span.traceId),
        spanId: hex(span.spanId),
        parentSpanId: hex(span.parentSpanId),
        attributes: new Map(span.attributes.map(({ key, value }: any) => [key, value.stringValue])),
      })),
    );
  }

  async start(protocol: "grpc" | "http"): Promise<void> {
    if (protocol === "http") {
      this.#http.listen(0, "127.0.0.1");
      await once(this.#http, "listening");
      this.endpoint = `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
      return;
    }
    const paths = [
      "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
      "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
      "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    ];
    for (const path of paths) {
      this.#grpc.register(
        path,
        (call: { request: Buffer }, done: (error: null, reply: Buffer) => void) => {
          this.#take(path, call.request);
          done(null, Buffer.alloc(0));
        },
        (reply: Buffer) => reply,
        (body: Buffer) => body,
        "unary",
      );
    }
    const bound = Promise.withResolvers<number>();
    this.#grpc.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
      error === null ? bound.resolve(port) : bound.reject(error),
    );
    this.endpoint = `http://127.0.0.1:${await bound.promise}`;
  }

  stop(): void {
    this.#grpc.forceShutdown();
    this.#http.close();
    this.#http.closeAllConnections();
  }
}

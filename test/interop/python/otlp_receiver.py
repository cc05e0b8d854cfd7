"""An OTLP receiver over grpcio and over http.server: prints its ports as a line of JSON, then a line for every push."""

import gzip
import json
import threading
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

printing = threading.Lock()


def tell(message: dict) -> None:
    with printing:
        print(json.dumps(message), flush=True)


def attributes(pairs) -> dict:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


def receive_metrics(request) -> None:
    points = []
    time = 0
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                data = getattr(metric, kind)
                for point in data.data_points:
                    time = point.time_unix_nano
                    told = {"name": metric.name, "unit": metric.unit, "kind": kind, "attributes": attributes(point.attributes)}
                    if kind == "histogram":
                        told |= {
                            "count": point.count,
                            "sum": point.sum if point.HasField("sum") else None,
                            "bounds": list(point.explicit_bounds),
                            "buckets": list(point.bucket_counts),
                        }
                    else:
                        told["value"] = point.as_int if point.WhichOneof("value") == "as_int" else point.as_double
                    if kind != "gauge":
                        told["cumulative"] = data.aggregation_temporality == 2
                        told["start"] = point.start_time_unix_nano
                    told["monotonic"] = kind == "sum" and data.is_monotonic
                    points.append(told)
    resources = [attributes(resource.resource.attributes) for resource in request.resource_metrics]
    # A collection comes in several pushes; their points have one time.
    tell({"metrics": points, "resources": resources, "time": str(time)})


def receive_spans(request) -> None:
    spans = []
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                spans.append(
                    {
                        "name": span.name,
                        "traceId": span.trace_id.hex(),
                        "spanId": span.span_id.hex(),
                        "parentSpanId": span.parent_span_id.hex(),
                        "links": [link.span_id.hex() for link in span.links],
                        "nanoseconds": span.end_time_unix_nano - span.start_time_unix_nano,
                    }
                )
    tell({"spans": spans})


def receive_logs(request) -> None:
    logs = []
    for resource in request.resource_logs:
        for scope in resource.scope_logs:
            for record in scope.log_records:
                logs.append(
                    {
                        "body": record.body.string_value,
                        "severity": record.severity_number,
                        "traceId": record.trace_id.hex(),
                        "spanId": record.span_id.hex(),
                        "attributes": attributes(record.attributes),
                        "nanoseconds": record.time_unix_nano,
                    }
                )
    tell({"logs": logs})


class Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
    def Export(self, request, context):
        receive_metrics(request)
        return metrics_service_pb2.ExportMetricsServiceResponse()


class Traces(trace_service_pb2_grpc.TraceServiceServicer):
    def Export(self, request, context):
        receive_spans(request)
        return trace_service_pb2.ExportTraceServiceResponse()


class Logs(logs_service_pb2_grpc.LogsServiceServicer):
    def Export(self, request, context):
        receive_logs(request)
        return logs_service_pb2.ExportLogsServiceResponse()


class Http(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.read_body()
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if self.path == "/v1/metrics":
            receive_metrics(metrics_service_pb2.ExportMetricsServiceRequest.FromString(body))
        elif self.path == "/v1/traces":
            receive_spans(trace_service_pb2.ExportTraceServiceRequest.FromString(body))
        elif self.path == "/v1/logs":
            receive_logs(logs_service_pb2.ExportLogsServiceRequest.FromString(body))
        else:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"]))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def log_message(self, *_arguments) -> None:
        """Standard error is for errors."""


http = ThreadingHTTPServer(("127.0.0.1", 0), Http)
threading.Thread(target=http.serve_forever, daemon=True).start()
server = grpc.server(futures.ThreadPoolExecutor(2))
metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(Metrics(), server)
trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Traces(), server)
logs_service_pb2_grpc.add_LogsServiceServicer_to_server(Logs(), server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
tell({"grpc": port, "http": http.server_port})
server.wait_for_termination()

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { afterEach, beforeEach, describe, it } from "node:test";
import { SpanKind } from "@opentelemetry/api";
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace";
import { resolveConfig } from "../../../src/config.ts";
import { InferenceError } from "../../../src/errors.ts";
import { prometheusName } from "../../../src/monitor/telemetry/prometheus-text.ts";
import { startTelemetry, type Telemetry } from "../../../src/monitor/telemetry/telemetry.ts";
import { ObserverList } from "../../../src/runtime/observer.ts";
import { OtlpReceiver, type ReceivedMetric } from "./otlp-receiver.ts";
import { createBatch, createFailure, createRecord, describeModel } from "./records.ts";
import { samples } from "./scrape.ts";

const sampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const methods = ["inference.GRPCInferenceService/ModelInfer"];

/** What the runtime calls, as the server puts it together. */
function observerOf({ observers }: Telemetry): ObserverList {
  return new ObserverList(observers, (error) => {
    throw error;
  });
}

function record(telemetry: Telemetry): void {
  const { callObserver } = telemetry;
  const observer = observerOf(telemetry);
  const model = describeModel();
  observer.onModelState("seed", "1", "READY", { reason: "", loadMs: 250, description: model });
  const requests = [createRecord({ traceParent: sampled }), createRecord({ rows: 2 })];
  for (const request of requests) observer.onAdmitted(model, request);
  observer.onBatch(model, createBatch(requests));
  for (const request of requests) observer.onEnd(model, request);
  observer.onEnd(model, createFailure(new InferenceError("shed", "busy")));
  callObserver.onCallStart("inference.GRPCInferenceService/ModelInfer");
  callObserver.onCallEnd("inference.GRPCInferenceService/ModelInfer", 14, 7);
}

async function scrape(telemetry: Telemetry): Promise<{ status: number; text: string }> {
  const server = createServer((_request, response) => void telemetry.metricsHandler(response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`);
  const text = await response.text();
  server.close();
  server.closeAllConnections();
  return { status: response.status, text };
}

/** The samples that Prometheus would show of a received metric. */
function translate(metric: ReceivedMetric): [string, number][] {
  const name = prometheusName(metric.name, metric.unit, metric.sum?.isMonotonic === true);
  const { dataPoints } = metric.sum ?? metric.gauge ?? metric.histogram ?? { dataPoints: [] };
  return dataPoints.flatMap((point): [string, number][] => {
    const pairs = point.attributes.map(({ key, value }) => `${key.replaceAll(".", "_")}="${value.stringValue}"`);
    const braced = (...more: string[]): string => {
      const all = [...pairs, ...more].join(",");
      return all === "" ? "" : `{${all}}`;
    };
    if (metric.histogram === undefined) return [[`${name}${braced()}`, point.asDouble ?? Number.NaN]];
    let cumulative = 0;
    const buckets = (point.bucketCounts ?? []).map((count, index): [string, number] => {
      cumulative += Number(count);
      return [`${name}_bucket${braced(`le="${point.explicitBounds?.[index] ?? "+Inf"}"`)}`, cumulative];
    });
    return [
      ...buckets,
      [`${name}_sum${braced()}`, point.sum ?? Number.NaN],
      [`${name}_count${braced()}`, Number(point.count)],
    ];
  });
}

/** What does not change by itself between two collections. */
function steady(entries: Iterable<[string, number]>): Map<string, number> {
  return new Map([...entries].filter(([name]) => /^(sluice|rpc)_/.test(name)));
}

/** Keeps the spans that ended. */
class SpanCollector implements SpanProcessor {
  readonly spans: ReadableSpan[] = [];

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    this.spans.push(span);
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}
}

describe("startTelemetry", () => {
  for (const otlpProtocol of ["grpc", "http"] as const) {
    it(`pushes over ${otlpProtocol} the names and values that a scrape shows, and the spans`, async () => {
      const receiver = new OtlpReceiver();
      await receiver.start(otlpProtocol);
      const config = resolveConfig({ otlpEndpoint: receiver.endpoint, otlpProtocol, serviceName: "test-service" });
      const telemetry = startTelemetry(config, { methods, serviceVersion: "1.2.3" });
      try {
        record(telemetry);
        const ids = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7" };
        telemetry.logListener?.("warn", "a run failed", { ...ids, detail: "why" });
        const scraped = steady(samples((await scrape(telemetry)).text));
        assert.equal(await telemetry.shutdown(5000), true);
        const pushed = receiver.metrics.at(-1);
        assert.deepEqual(steady((pushed?.metrics ?? []).flatMap(translate)), scraped);
        assert.ok(scraped.size > 100);
        assert.equal(pushed?.resource.get("service.name"), "test-service");
        assert.equal(pushed?.resource.get("service.version"), "1.2.3");
        assert.match(pushed?.resource.get("service.instance.id") ?? "", /^[0-9a-f-]{36}$/);
        assert.deepEqual(
          [...(pushed?.resource.keys() ?? [])].filter((key) => key.startsWith("process.")),
          [],
        );
        for (const metric of pushed?.metrics ?? []) {
          const cumulative = 2;
          const data = metric.sum ?? metric.histogram;
          if (data !== undefined) assert.equal(data.aggregationTemporality, cumulative, metric.name);
        }
        assert.deepEqual(
          new Set(receiver.spans.map(({ name }) => name)),
          new Set([
            "inference.GRPCInferenceService/ModelInfer",
            "sluice.batch",
            "sluice.queue",
            "sluice.compute_input",
            "sluice.compute_infer",
            "sluice.compute_output",
          ]),
        );
        assert.deepEqual(receiver.logs, [{ body: "a run failed", ...ids }]);
      } finally {
        receiver.stop();
      }
    });
  }

  it("sends nothing anywhere unless an endpoint is set, whatever the environment says", async () => {
    const receiver = new OtlpReceiver();
    await receiver.start("http");
    const environment = {
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
      OTEL_METRICS_EXPORTER: "otlp",
      OTEL_TRACES_EXPORTER: "otlp",
      OTEL_LOGS_EXPORTER: "otlp",
      OTEL_METRIC_EXPORT_INTERVAL: "10",
    };
    Object.assign(process.env, environment);
    try {
      const telemetry = startTelemetry(resolveConfig({}), { methods });
      record(telemetry);
      assert.equal((await scrape(telemetry)).status, 200);
      assert.equal(await telemetry.shutdown(5000), true);
      assert.equal(telemetry.logListener, undefined);
      assert.deepEqual([receiver.metrics.length, receiver.spans.length, receiver.logs.length], [0, 0, 0]);
    } finally {
      for (const name of Object.keys(environment)) delete process.env[name];
      receiver.stop();
    }
  });

  it("traces two servers of one process apart", async () => {
    const collectors = [new SpanCollector(), new SpanCollector()];
    const servers = collectors.map((collector) =>
      startTelemetry(resolveConfig({ traceSampleRatio: 0 }), { spanProcessors: [collector] }),
    );
    for (const [index, server] of servers.entries()) {
      const request = createRecord({ traceParent: sampled });
      observerOf(server).onAdmitted(describeModel(`m${index}`), request);
      observerOf(server).onEnd(describeModel(`m${index}`), request);
    }
    const names = collectors.map(({ spans }) =>
      spans.flatMap(({ kind, attributes }) => (kind === SpanKind.SERVER ? [attributes["sluice.model.name"]] : [])),
    );
    assert.deepEqual(names, [["m0"], ["m1"]]);
    for (const server of servers) await server.shutdown(1000);
  });

  it("counts everything it counts without traces when there are traces", async () => {
    const tell = (telemetry: Telemetry): void => {
      const observer = observerOf(telemetry);
      record(telemetry);
      observer.onAdmissionLimit(describeModel(), 12);
      observer.onSequences(describeModel(), 2, 1);
      observer.onSequenceEnd(describeModel(), "idle");
      observer.onDecoupledAnswer(describeModel(), {
        index: 0,
        outcome: "success",
        computeOutputMs: 1,
        sinceArrivalMs: 9,
      });
      observer.onRuntimeProcess("started", 1);
    };
    const pages = [[], [new SpanCollector()]].map(async (spanProcessors) => {
      const telemetry = startTelemetry(resolveConfig({}), { methods, spanProcessors, wallClockMs: () => 1e12 });
      tell(telemetry);
      const page = steady(samples((await scrape(telemetry)).text));
      await telemetry.shutdown(1000);
      return page;
    });
    const [without, withTraces] = await Promise.all(pages);
    assert.deepEqual(withTraces, without);
    for (const name of [
      "sluice_admission_limit",
      "sluice_sequences_ended_total",
      "sluice_time_to_first_response_seconds_count",
    ])
      assert.ok(
        [...(without?.keys() ?? [])].some((key) => key.startsWith(`${name}{`)),
        name,
      );
  });

  it("shows the memory of runtime processes as it is told", async () => {
    const telemetry = startTelemetry(resolveConfig({}), { methods });
    let bytes = 1000;
    telemetry.setRuntimeMemory(() => [{ name: "shared-0", bytes }]);
    const name = 'sluice_runtime_memory_usage_bytes{sluice_runtime_process="shared-0"}';
    assert.equal(samples((await scrape(telemetry)).text).get(name), 1000);
    bytes = 2000;
    const values = samples((await scrape(telemetry)).text);
    assert.equal(values.get(name), 2000);
    assert.ok((values.get("process_memory_usage_bytes") ?? 0) > 1e6);
    telemetry.setRuntimeMemory(() => []);
    assert.equal(samples((await scrape(telemetry)).text).has(name), false);
    await telemetry.shutdown(1000);
  });

  it("measures nothing when metrics are off", async () => {
    const telemetry = startTelemetry(resolveConfig({ metrics: false, otlpEndpoint: "not a url" }));
    record(telemetry);
    assert.equal((await scrape(telemetry)).status, 404);
    assert.equal(await telemetry.shutdown(0), true);
  });

  it("refuses an endpoint that is no URL, and names it", () => {
    for (const otlpEndpoint of ["not a url", "localhost:4317", "ftp://localhost"]) {
      assert.throws(
        () => startTelemetry(resolveConfig({ otlpEndpoint })),
        (error) =>
          error instanceof InferenceError && error.reason === "invalid" && error.message.includes(otlpEndpoint),
      );
    }
  });
});

describe("shutdown", () => {
  /** Also bounds how long a hanging export goes on after the shutdown gave up on it. */
  const otlpInterval = 1;
  const sockets = new Set<Socket>();
  const hanging = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
  });

  beforeEach(async () => {
    hanging.listen(0, "127.0.0.1");
    await once(hanging, "listening");
  });

  afterEach(() => {
    hanging.close();
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  });

  for (const otlpProtocol of ["grpc", "http"] as const) {
    it(`ends within its budget when the collector hangs (${otlpProtocol})`, async () => {
      const otlpEndpoint = `http://127.0.0.1:${(hanging.address() as AddressInfo).port}`;
      const telemetry = startTelemetry(resolveConfig({ otlpEndpoint, otlpProtocol, otlpInterval }), { methods });
      record(telemetry);
      const before = performance.now();
      assert.equal(await telemetry.shutdown(300), false);
      assert.ok(performance.now() - before < 1500);
    });

    it(`ends within its budget when nobody listens (${otlpProtocol})`, async () => {
      const { port } = hanging.address() as AddressInfo;
      hanging.close();
      const otlpEndpoint = `http://127.0.0.1:${port}`;
      const telemetry = startTelemetry(resolveConfig({ otlpEndpoint, otlpProtocol, otlpInterval }), { methods });
      record(telemetry);
      const before = performance.now();
      assert.equal(await telemetry.shutdown(300), false);
      assert.ok(performance.now() - before < 1500);
    });
  }

  it("keeps a bounded number of spans and log records for a collector that hangs, and counts the others", async () => {
    const otlpEndpoint = `http://127.0.0.1:${(hanging.address() as AddressInfo).port}`;
    const telemetry = startTelemetry(resolveConfig({ otlpEndpoint, otlpProtocol: "http", traceSampleRatio: 1 }));
    const observer = observerOf(telemetry);
    const model = describeModel();
    const requests = 2000;
    for (let i = 0; i < requests; i++) {
      const request = createRecord();
      observer.onAdmitted(model, request);
      observer.onEnd(model, request);
      telemetry.logListener?.("warn", "something happened", { i });
    }
    const values = samples((await scrape(telemetry)).text);
    const dropped = (signal: string) =>
      values.get(`sluice_monitor_dropped_total{sluice_monitor="${signal}",sluice_reason="queue_full"}`);
    assert.equal(dropped("otlp_traces"), requests * 5 - 4096);
    assert.equal(dropped("otlp_logs"), requests - 1024);
    assert.equal(await telemetry.shutdown(0), false);
  });

  it("has a failed push counted, and warned of once", async () => {
    const refusing = createServer((_request, response) => response.writeHead(400).end());
    refusing.listen(0, "127.0.0.1");
    await once(refusing, "listening");
    const warnings: string[] = [];
    const failed = Promise.withResolvers<void>();
    const telemetry = startTelemetry(
      resolveConfig({
        otlpEndpoint: `http://127.0.0.1:${(refusing.address() as AddressInfo).port}`,
        otlpProtocol: "http",
        otlpInterval: 0.1,
      }),
      {
        methods,
        warn(message) {
          warnings.push(message);
          failed.resolve();
        },
      },
    );
    await failed.promise;
    const dropped = 'sluice_monitor_dropped_total{sluice_monitor="otlp_metrics",sluice_reason="export_failed"}';
    assert.ok((samples((await scrape(telemetry)).text).get(dropped) ?? 0) > 0);
    assert.match(warnings[0] ?? "", /collector did not take \d+ records of otlp_metrics/);
    await telemetry.shutdown(2000);
    assert.equal(warnings.filter((text) => text.includes("otlp_metrics")).length, 1);
    refusing.close();
    refusing.closeAllConnections();
  });
});

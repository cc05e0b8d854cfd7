import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SeverityNumber } from "@opentelemetry/api";
import { InMemoryLogRecordExporter, LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { createLogListener, maxLogTextLength } from "../../../src/monitor/telemetry/log-records.ts";

function record(...line: Parameters<ReturnType<typeof createLogListener>>) {
  const exporter = new InMemoryLogRecordExporter();
  const provider = new LoggerProvider({ processors: [new SimpleLogRecordProcessor({ exporter })] });
  createLogListener(provider.getLogger("test"))(...line);
  return exporter.getFinishedLogRecords()[0] ?? assert.fail("no record");
}

describe("createLogListener", () => {
  it("tells severity, message and fields", () => {
    const { severityNumber, severityText, body, attributes } = record("warn", "disk is full", {
      free: 3,
      isLast: true,
      path: "/data",
      list: [1, 2],
      nothing: undefined,
    });
    assert.equal(severityNumber, SeverityNumber.WARN);
    assert.equal(severityText, "WARN");
    assert.equal(body, "disk is full");
    assert.deepEqual(attributes, { free: 3, isLast: true, path: "/data", list: "[1,2]" });
  });

  it("takes the span of the request that caused the line, and no attribute of it", () => {
    const ids = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7" };
    const { spanContext, attributes } = record("error", "failed", { ...ids, method: "m" });
    assert.equal(spanContext?.traceId, ids.traceId);
    assert.equal(spanContext?.spanId, ids.spanId);
    assert.deepEqual(attributes, { method: "m" });
    assert.equal(record("error", "failed", {}).spanContext, undefined);
  });

  it("tells an error with its causes, even where they are a circle", () => {
    const cause = new Error("the cause");
    const error = new TypeError("wrong", { cause });
    cause.cause = error;
    const { attributes } = record("error", "failed", { error });
    assert.equal(attributes["exception.type"], "TypeError");
    assert.equal(attributes["exception.message"], "wrong");
    assert.match(String(attributes["exception.stacktrace"]), /TypeError: wrong.*caused by: Error: the cause/s);
  });

  it("cuts long texts and survives what cannot be printed", () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    const { body, attributes } = record("info", "x".repeat(10_000), { name: "y".repeat(10_000), circle, big: 1n });
    assert.equal(String(body).length, maxLogTextLength);
    assert.equal(String(attributes.name).length, maxLogTextLength);
    assert.equal(attributes.circle, "[unprintable]");
    assert.equal(attributes.big, "1");
  });
});

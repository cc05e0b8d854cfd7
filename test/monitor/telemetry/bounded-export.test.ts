import assert from "node:assert/strict";
import { it } from "node:test";
import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import { type LogRecordProcessor, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace";
import { boundLogs, boundSpans, type ExportListener } from "../../../src/monitor/telemetry/bounded-export.ts";

/** An exporter that answers when it is told to. */
class SlowExporter {
  readonly pending: { readonly records: readonly unknown[]; readonly done: (result: ExportResult) => void }[] = [];

  export(records: unknown[], done: (result: ExportResult) => void): void {
    this.pending.push({ records, done });
  }

  answer(code: ExportResultCode): void {
    for (const { done } of this.pending.splice(0)) done({ code });
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}
}

class RecordingListener implements ExportListener {
  readonly failed: [string, number][] = [];
  dropped = 0;

  onFailed(signal: string, records: number): void {
    this.failed.push([signal, records]);
  }

  onDropped(): void {
    this.dropped++;
  }
}

const span = {} as ReadableSpan; // nobody looks at it

/** Hands every span to its exporter at once. */
function eager(exporter: { export(spans: ReadableSpan[], done: () => void): void }): SpanProcessor {
  return {
    onStart() {},
    onEnd: (ended) => exporter.export([ended], () => {}),
    forceFlush: async () => {},
    shutdown: async () => {},
  };
}

it("drops and counts spans while too many wait for the collector, and takes them again afterwards", () => {
  const exporter = new SlowExporter();
  const listener = new RecordingListener();
  const processor = boundSpans(exporter, 3, listener, eager);
  for (let i = 0; i < 5; i++) processor.onEnd(span);
  assert.equal(exporter.pending.length, 3);
  assert.equal(listener.dropped, 2);
  exporter.answer(ExportResultCode.SUCCESS);
  for (let i = 0; i < 4; i++) processor.onEnd(span);
  assert.equal(exporter.pending.length, 3);
  assert.equal(listener.dropped, 3);
  assert.deepEqual(listener.failed, []);
});

it("tells of a push that failed, and has room for others then", () => {
  const exporter = new SlowExporter();
  const listener = new RecordingListener();
  const processor = boundSpans(exporter, 1, listener, eager);
  processor.onEnd(span);
  exporter.answer(ExportResultCode.FAILED);
  processor.onEnd(span);
  assert.deepEqual(listener.failed, [["otlp_traces", 1]]);
  assert.equal(listener.dropped, 0);
  assert.equal(exporter.pending.length, 1);
});

it("bounds log records likewise", () => {
  const exporter = new SlowExporter();
  const listener = new RecordingListener();
  const create = (watched: SlowExporter): LogRecordProcessor => new SimpleLogRecordProcessor({ exporter: watched });
  const processor = boundLogs(exporter, 2, listener, (watched) => create(watched as unknown as SlowExporter));
  const record = { resource: {} } as Parameters<LogRecordProcessor["onEmit"]>[0];
  for (let i = 0; i < 5; i++) processor.onEmit(record);
  assert.equal(exporter.pending.length, 2);
  assert.equal(listener.dropped, 3);
});

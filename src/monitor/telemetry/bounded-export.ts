import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import type { LogRecordExporter, LogRecordProcessor } from "@opentelemetry/sdk-logs";
import type { SpanExporter, SpanProcessor } from "@opentelemetry/sdk-trace";

/** What is pushed beside metrics. */
export type RecordSignal = "otlp_traces" | "otlp_logs";

/** Hears of what was not delivered. */
export interface ExportListener {
  /** A push failed. @param records points, spans or log records that were in it */
  onFailed(signal: "otlp_metrics" | RecordSignal, records: number, error: unknown): void;
  /** A record was left out, because so many wait for a collector that is too slow. */
  onDropped(signal: RecordSignal): void;
}

/**
 * How many records wait between a processor of the SDK and its exporter. The SDK's own bound drops in silence; this one is reached before it
 * and counts.
 */
class Waiting {
  readonly #signal: RecordSignal;
  readonly #limit: number;
  readonly #listener: ExportListener;
  #count = 0;

  constructor(signal: RecordSignal, limit: number, listener: ExportListener) {
    this.#signal = signal;
    this.#limit = limit;
    this.#listener = listener;
  }

  /** Takes a place for one record, if there is one. */
  tryEnter(): boolean {
    if (this.#count < this.#limit) {
      this.#count++;
      return true;
    }
    this.#listener.onDropped(this.#signal);
    return false;
  }

  onExported(records: number, { code, error }: ExportResult): void {
    this.#count = Math.max(0, this.#count - records);
    if (code !== ExportResultCode.SUCCESS) this.#listener.onFailed(this.#signal, records, error);
  }
}

/** An exporter of either signal, as far as it matters here. */
interface Exporter<R> {
  export(records: R[], done: (result: ExportResult) => void): void;
  forceFlush?(): Promise<void>;
  shutdown(): Promise<void>;
}

function watch<R>(exporter: Exporter<R>, waiting: Waiting): Required<Exporter<R>> {
  return {
    export(records, done) {
      exporter.export(records, (result) => {
        waiting.onExported(records.length, result);
        done(result);
      });
    },
    forceFlush: async () => await exporter.forceFlush?.(),
    shutdown: () => exporter.shutdown(),
  };
}

/**
 * A processor of ended spans of which at most `limit` wait for the collector.
 * @param create the SDK's processor around an exporter; its own bound must not be lower
 */
export function boundSpans(
  exporter: SpanExporter,
  limit: number,
  listener: ExportListener,
  create: (exporter: SpanExporter) => SpanProcessor,
): SpanProcessor {
  const waiting = new Waiting("otlp_traces", limit, listener);
  const processor = create(watch(exporter, waiting));
  return {
    onStart: (span, context) => processor.onStart(span, context),
    onEnd(span) {
      if (waiting.tryEnter()) processor.onEnd(span);
    },
    forceFlush: () => processor.forceFlush(),
    shutdown: () => processor.shutdown(),
  };
}

/** A processor of log records of which at most `limit` wait for the collector. @param create as for {@link boundSpans} */
export function boundLogs(
  exporter: LogRecordExporter,
  limit: number,
  listener: ExportListener,
  create: (exporter: LogRecordExporter) => LogRecordProcessor,
): LogRecordProcessor {
  const waiting = new Waiting("otlp_logs", limit, listener);
  const processor = create(watch(exporter, waiting));
  return {
    onEmit(record, context) {
      if (waiting.tryEnter()) processor.onEmit(record, context);
    },
    forceFlush: () => processor.forceFlush(),
    shutdown: () => processor.shutdown(),
  };
}

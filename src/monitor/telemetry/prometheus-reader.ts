import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { setImmediate } from "node:timers/promises";
import { type MetricProducer, MetricReader, type ScopeMetrics } from "@opentelemetry/sdk-metrics";
import { metricText, prometheusContentType, targetInfo } from "./prometheus-text.ts";

/** Text collected before it is handed on and the event loop gets a turn, in characters: well under a millisecond of work. */
const pieceLength = 32 * 1024;

/** Scrapes at a time; more are refused, since each holds a whole collection. */
export const maxConcurrentScrapes = 8;

/** Writes a scrape's answer, headers included. Never rejects. */
export type MetricsHandler = (response: ServerResponse) => Promise<void>;

/** Reads everything there is when it is scraped, under the names that a collector would give it. */
export class PrometheusReader extends MetricReader {
  #isBound = false;
  #scrapes = 0;

  readonly #more: () => Iterable<string>;

  /** @param more text that stands behind that of the producers, families with their lines together */
  constructor(metricProducers: MetricProducer[], more: () => Iterable<string> = () => []) {
    super({ metricProducers });
    this.#more = more;
  }

  protected override onInitialized(): void {
    this.#isBound = true;
  }

  protected override async onForceFlush(): Promise<void> {}

  protected override async onShutdown(): Promise<void> {
    this.#isBound = false;
  }

  /** The whole exposition in pieces of some 32 KB, families one after the other. */
  async *text(): AsyncGenerator<string> {
    const { resourceMetrics } = await this.collect();
    const { resource, scopeMetrics } = resourceMetrics;
    if (resource.asyncAttributesPending) await resource.waitForAsyncAttributes?.();
    let piece = targetInfo(resource.attributes);
    for (const series of this.#series(scopeMetrics)) {
      piece += series;
      if (piece.length < pieceLength) continue;
      yield piece;
      piece = "";
      await setImmediate();
    }
    yield piece;
  }

  *#series(scopes: readonly ScopeMetrics[]): Generator<string> {
    for (const { metrics } of scopes) for (const metric of metrics) yield* metricText(metric);
    yield* this.#more();
  }

  /** Answers a scrape: 200 with the text, 503 when there is nothing to read or too many scrape at once, 500 on a failure. */
  readonly handle: MetricsHandler = async (response) => {
    if (!this.#isBound) {
      return refuse(response, 503, "telemetry is not running: it was stopped, or OTEL_SDK_DISABLED is set");
    }
    if (this.#scrapes >= maxConcurrentScrapes) {
      return refuse(response, 503, `${this.#scrapes} scrapes are being answered, allowed are ${maxConcurrentScrapes}`);
    }
    this.#scrapes++;
    try {
      await this.#write(response);
    } catch {
      // Half an exposition must not look like a whole one: the connection ends without the final chunk.
      if (response.headersSent) response.destroy();
      else refuse(response, 500, "the metrics could not be collected");
    } finally {
      this.#scrapes--;
    }
  };

  async #write(response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    const abort = (): void => gone.abort();
    response.once("close", abort);
    try {
      for await (const piece of this.text()) {
        if (gone.signal.aborted) return;
        if (!response.headersSent) response.writeHead(200, { "content-type": prometheusContentType });
        if (!response.write(piece)) await once(response, "drain", { signal: gone.signal });
      }
      response.end();
    } finally {
      response.off("close", abort);
    }
  }
}

function refuse(response: ServerResponse, status: number, reason: string): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8" }).end(`${reason}\n`);
}

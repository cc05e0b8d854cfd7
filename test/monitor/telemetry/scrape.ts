import { emptyResource } from "@opentelemetry/resources";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { createProducer } from "../../../src/monitor/telemetry/producer.ts";
import { PrometheusReader } from "../../../src/monitor/telemetry/prometheus-reader.ts";
import type { SeriesRegistry } from "../../../src/monitor/telemetry/series-registry.ts";

/** A reader of the registry, bound as the SDK binds it. */
export function createReader(registry: SeriesRegistry): PrometheusReader {
  const reader = new PrometheusReader([createProducer(registry)]);
  new MeterProvider({ resource: emptyResource(), readers: [reader] });
  return reader;
}

/** The whole text of one scrape. */
export async function scrape(reader: PrometheusReader): Promise<string> {
  let text = "";
  for await (const piece of reader.text()) text += piece;
  return text;
}

/** Value by `name{labels}`, comments left out. */
export function samples(text: string): Map<string, number> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))]),
  );
}

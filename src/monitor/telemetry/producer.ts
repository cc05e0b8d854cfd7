import { type HrTime, ValueType } from "@opentelemetry/api";
import { millisToHrTime } from "@opentelemetry/core";
import { emptyResource } from "@opentelemetry/resources";
import {
  AggregationTemporality,
  type CollectionResult,
  type DataPoint,
  DataPointType,
  type Histogram,
  type MetricData,
  type MetricProducer,
} from "@opentelemetry/sdk-metrics";
import type { SeriesFamily, SeriesPoint, SeriesRegistry } from "./series-registry.ts";
import { Turns } from "./turns.ts";

/** Points converted before the event loop gets a turn. */
const pointsPerTurn = 2000;

/** The instrumentation scope of everything that sluice measures. */
export const scopeName = "sluice";

/**
 * The one source of every reader: our own series as cumulative points that start at the series' birth. Scrape and push therefore agree,
 * and a series that ended is simply not there, which the SDK's own instruments cannot do.
 */
export function createProducer(registry: SeriesRegistry): MetricProducer {
  return {
    async collect(): Promise<CollectionResult> {
      const collected = await registry.collect();
      const endTime = millisToHrTime(registry.nowMs());
      const turns = new Turns(pointsPerTurn);
      const metrics: MetricData[] = [];
      for (const family of collected) metrics.push(await toMetricData(family, endTime, turns));
      const resourceMetrics = {
        resource: emptyResource(), // readers put their own in its place
        scopeMetrics: [{ scope: { name: scopeName }, metrics }],
      };
      return { resourceMetrics, errors: [] };
    },
  };
}

async function toMetricData({ instrument, points }: SeriesFamily, endTime: HrTime, turns: Turns): Promise<MetricData> {
  const { name, unit, description } = instrument;
  const base = {
    descriptor: { name, unit, description, valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  };
  if (instrument.kind === "histogram") {
    const dataPoints = await turns.map(points, (point) => toHistogramPoint(point, endTime));
    return { ...base, dataPointType: DataPointType.HISTOGRAM, dataPoints };
  }
  const dataPoints = await turns.map(points, (point) => toNumberPoint(point, endTime));
  if (instrument.kind === "gauge") return { ...base, dataPointType: DataPointType.GAUGE, dataPoints };
  return { ...base, dataPointType: DataPointType.SUM, isMonotonic: instrument.kind === "counter", dataPoints };
}

function toNumberPoint({ attributes, startTime, value }: SeriesPoint, endTime: HrTime): DataPoint<number> {
  return { attributes, startTime, endTime, value: typeof value === "number" ? value : value.count };
}

function toHistogramPoint({ attributes, startTime, value }: SeriesPoint, endTime: HrTime): DataPoint<Histogram> {
  if (typeof value === "number") throw new TypeError("a histogram instrument has a series that is a number");
  // The SDK's type is mutable, but no reader writes to it.
  const buckets = { boundaries: value.boundaries as number[], counts: value.counts as number[] };
  const { sum, count } = value;
  return { attributes, startTime, endTime, value: sum === undefined ? { buckets, count } : { buckets, sum, count } };
}

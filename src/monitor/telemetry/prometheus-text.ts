import type { Attributes } from "@opentelemetry/api";
import { type DataPoint, DataPointType, type Histogram, type MetricData } from "@opentelemetry/sdk-metrics";

/** The Prometheus text exposition format, version 0.0.4. */
export const prometheusContentType = "text/plain; version=0.0.4; charset=utf-8";

/** Unit words of the OpenTelemetry-to-Prometheus translation, as far as our units and those of Node's libraries go. */
const unitWords: Readonly<Record<string, string>> = {
  s: "seconds",
  ms: "milliseconds",
  us: "microseconds",
  ns: "nanoseconds",
  By: "bytes",
  KiBy: "kibibytes",
  MiBy: "mebibytes",
  "%": "percent",
};

/** `s` -> seconds, `By/s` -> bytes_per_s; annotations in braces and `1` say nothing. */
function unitWord(unit: string): string {
  const [over = "", per] = unit.replaceAll(/\{[^}]*\}/g, "").split("/");
  const word = over === "1" ? "" : (unitWords[over] ?? over);
  return per === undefined || per === "" ? word : `${word}_per_${per}`;
}

function sanitize(name: string): string {
  const clean = name.replaceAll(/[^a-zA-Z0-9_]/g, "_").replaceAll(/_{2,}/g, "_");
  return /^[0-9]/.test(clean) ? `_${clean}` : clean;
}

/**
 * The name under which an instrument stands in Prometheus, the same as after a collector's translation: dots to underscores, then the
 * unit's word unless the name ends with it, then `_total` for what only grows.
 */
export function prometheusName(name: string, unit: string, isMonotonicSum: boolean): string {
  const bare = sanitize(name).replace(/_total$/, "");
  const word = sanitize(unitWord(unit)).replaceAll(/^_|_$/g, "");
  const united = word === "" || bare.endsWith(`_${word}`) ? bare : `${bare}_${word}`;
  return isMonotonicSum ? `${united}_total` : united;
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function formatNumber(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  return value === Number.NEGATIVE_INFINITY ? "-Inf" : String(value);
}

/** Attributes of a series never change, so their text is made once. */
const labelTexts = new WeakMap<Attributes, string>();

/** Attributes as labels without their braces. */
export function labelText(attributes: Attributes): string {
  let text = labelTexts.get(attributes);
  if (text === undefined) {
    text = Object.entries(attributes)
      .map(([key, value]) => {
        const shown = typeof value === "string" ? value : JSON.stringify(value);
        return `${sanitize(key)}="${escapeHelp(shown ?? "").replaceAll('"', '\\"')}"`;
      })
      .join(",");
    labelTexts.set(attributes, text);
  }
  return text;
}

function braced(text: string): string {
  return text === "" ? "" : `{${text}}`;
}

function histogramLines(name: string, point: DataPoint<Histogram>): string[] {
  const text = labelText(point.attributes);
  const prefix = text === "" ? "" : `${text},`;
  const { boundaries, counts } = point.value.buckets;
  const lines: string[] = [];
  let cumulative = 0;
  for (const [index, boundary] of boundaries.entries()) {
    cumulative += counts[index] ?? 0;
    lines.push(`${name}_bucket{${prefix}le="${formatNumber(boundary)}"} ${cumulative}`);
  }
  lines.push(`${name}_bucket{${prefix}le="+Inf"} ${point.value.count}`);
  // A histogram of signed values has no sum.
  if (point.value.sum !== undefined) lines.push(`${name}_sum${braced(text)} ${formatNumber(point.value.sum)}`);
  lines.push(`${name}_count${braced(text)} ${point.value.count}`);
  return lines;
}

/** HELP and TYPE of a family. */
export function familyHeading(name: string, type: string, description: string): string {
  return `# HELP ${name} ${escapeHelp(description)}\n# TYPE ${name} ${type}\n`;
}

/** The resource as Prometheus shows it: one series that is always 1. */
export function targetInfo(attributes: Attributes): string {
  return `${familyHeading("target_info", "gauge", "What is measured here.")}target_info${braced(labelText(attributes))} 1\n`;
}

/** The text of one metric, piece by piece, one series a piece; the caller may do something else in between. */
export function* metricText(metric: MetricData): Generator<string> {
  const { name, unit, description } = metric.descriptor;
  switch (metric.dataPointType) {
    case DataPointType.SUM:
    case DataPointType.GAUGE: {
      const isMonotonic = metric.dataPointType === DataPointType.SUM && metric.isMonotonic;
      const shown = prometheusName(name, unit, isMonotonic);
      yield familyHeading(shown, isMonotonic ? "counter" : "gauge", description);
      for (const point of metric.dataPoints) {
        yield `${shown}${braced(labelText(point.attributes))} ${formatNumber(point.value)}\n`;
      }
      return;
    }
    case DataPointType.HISTOGRAM: {
      const shown = prometheusName(name, unit, false);
      yield familyHeading(shown, "histogram", description);
      for (const point of metric.dataPoints) yield `${histogramLines(shown, point).join("\n")}\n`;
      return;
    }
    default: // Exponential histograms have no form in this format, and none of our instruments is one.
  }
}

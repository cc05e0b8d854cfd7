import type { Instrument, InstrumentAttribute } from "./instrument.ts";
import { instruments } from "./instruments.ts";
import { prometheusName } from "./prometheus-text.ts";

function describeAttribute({ key, values }: InstrumentAttribute): string {
  if (typeof values === "number") return `\`${key}\` (at most ${values} values)`;
  return `\`${key}\` = ${values.map((value) => `\`${value}\``).join(", ")}`;
}

function histogramParts({ isSigned }: Instrument): string {
  return isSigned === true
    ? " with `_bucket`, `_count`; no sum, values can be negative"
    : " with `_bucket`, `_sum`, `_count`";
}

function section(instrument: Instrument): string {
  const shown = prometheusName(instrument.name, instrument.unit, instrument.kind === "counter");
  const lines = [
    `### ${instrument.name}`,
    "",
    instrument.description,
    "",
    `- In Prometheus: \`${shown}\`${instrument.kind === "histogram" ? histogramParts(instrument) : ""}`,
    `- Kind and unit: ${instrument.kind}, \`${instrument.unit}\``,
    ...instrument.attributes.map((attribute) => `- ${describeAttribute(attribute)}`),
  ];
  if (instrument.boundaries === "own")
    lines.push("- Bucket bounds: those of each series, such as the edges of its reference");
  else if (instrument.boundaries !== undefined) lines.push(`- Bucket bounds: ${instrument.boundaries.join(", ")}`);
  return lines.join("\n");
}

const introduction = `# Metrics

Generated from \`src/monitor/telemetry/instruments.ts\` by \`npm run generate\`; do not edit.

Read them at \`/metrics\` of the HTTP port (Prometheus text format 0.0.4), or have them pushed by setting \`--otlp-endpoint\`. Both show the
same series: the name in a heading is OpenTelemetry's, the one below it is what Prometheus sees, dots in attribute names becoming
underscores. Counters and histograms of a model appear together with its first request. They disappear when the model version is unloaded
and begin again at 0 when it is loaded again. Beyond the stated number of values, what has no series of its own is counted under \`_OTHER\`.
`;

/** The text of docs/metrics.md, from the table of instruments. */
export function renderMetricsPage(): string {
  return `${[introduction, ...Object.values(instruments).map(section)].join("\n\n").replaceAll("\n\n\n", "\n\n")}\n`;
}

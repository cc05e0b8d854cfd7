import { instruments } from "../../src/monitor/telemetry/instruments.ts";
import type { Dashboard, Row } from "./dashboard.ts";
import { bars, heatmap, table, timeseries } from "./panel.ts";
import { dashboardRange, labelOf, nameOf, Queries } from "./query.ts";

const name = "sluice.model.name";
const version = "sluice.model.version";
const model = [name, version] as const;
const modelLegend = `{{${labelOf(name)}}} {{${labelOf(version)}}}`;
const legendOf = (...keys: readonly string[]) => keys.map((key) => `{{${labelOf(key)}}}`).join(" ");

const queries = new Queries({
  server: 'job=~"$job",instance=~"$instance"',
  model: `${labelOf(name)}=~"$model",${labelOf(version)}=~"$version"`,
  range: dashboardRange,
});

const traffic: Row = {
  title: "Traffic and errors",
  panels: [
    timeseries("Requests", [{ expr: queries.rate(instruments.requestDuration, [...model]), legend: modelLegend }], {
      unit: "reqps",
      description: "Inference requests that ended, messages of streams included.",
    }),
    timeseries(
      "Calls by status",
      [{ expr: queries.rate(instruments.callDuration, ["rpc.status_code"]), legend: legendOf("rpc.status_code") }],
      { unit: "reqps", isStacked: true },
    ),
    timeseries(
      "Rejections by reason",
      [
        {
          expr: `${queries.rate(instruments.rejections, [name, "sluice.reason"])} > 0`,
          legend: legendOf(name, "sluice.reason"),
        },
      ],
      {
        unit: "reqps",
        description: "Requests that ended without an answer; without a model: refused before they came to one.",
      },
    ),
    timeseries(
      "Calls under way",
      [{ expr: queries.now("sum", instruments.activeCalls, ["rpc.method"]), legend: legendOf("rpc.method") }],
      { description: "Streams count as one call each." },
    ),
    timeseries(
      "Messages of streams",
      [
        {
          expr: queries.rate(instruments.streamMessages, ["sluice.direction"]),
          legend: legendOf("sluice.direction"),
        },
      ],
      { unit: "cps" },
    ),
    timeseries(
      "Bytes of calls",
      [
        { expr: queries.sumRate(instruments.receivedSize, []), legend: "received" },
        { expr: queries.sumRate(instruments.sentSize, []), legend: "sent" },
      ],
      { unit: "Bps", description: "Messages of the inference methods." },
    ),
  ],
};

const answered = { "error.type": "" } as const;

const latency: Row = {
  title: "Latency",
  panels: [
    timeseries(
      "Duration of answered requests",
      [
        ...[0.5, 0.95, 0.99].map((share) => ({
          expr: queries.quantile(share, instruments.requestDuration, [...model], answered),
          legend: `p${share * 100} ${modelLegend}`,
        })),
        { expr: queries.now("max", instruments.latencyTarget, [...model]), legend: `target ${modelLegend}` },
      ],
      { unit: "s", width: 12 },
    ),
    timeseries(
      "Mean time by stage",
      [
        {
          expr: queries.mean(instruments.stageDuration, ["sluice.stage"]),
          legend: legendOf("sluice.stage"),
        },
      ],
      { unit: "s", width: 12, isStacked: true, description: "Where the time of an answered request goes." },
    ),
    heatmap("Durations", queries.buckets(instruments.requestDuration, [], answered), { unit: "s", width: 12 }),
    timeseries(
      "Time to the first answer",
      [0.5, 0.99].map((share) => ({
        expr: queries.quantile(share, instruments.firstResponse, [...model]),
        legend: `p${share * 100} ${modelLegend}`,
      })),
      { unit: "s", width: 12, description: "Of decoupled models, which give several." },
    ),
  ],
};

const batching: Row = {
  title: "Batching",
  panels: [
    heatmap("Rows of a batch", queries.buckets(instruments.batchSize, [])),
    timeseries("Mean rows of a batch", [
      { expr: queries.mean(instruments.batchSize, [...model]), legend: modelLegend },
    ]),
    timeseries(
      "Batches by why they were closed",
      [{ expr: queries.rate(instruments.batches, ["sluice.reason"]), legend: legendOf("sluice.reason") }],
      { unit: "cps", isStacked: true },
    ),
    timeseries(
      "Share of padding",
      [
        {
          expr: `${queries.sumRate(instruments.batchPadding, [...model])} / (${queries.sumRate(instruments.batchPadding, [...model])} + ${queries.sumRate(instruments.batchSize, [...model])})`,
          legend: `rows ${modelLegend}`,
        },
        {
          expr: `${queries.rate(instruments.batchElements, [...model], { "sluice.content": "padding" })} / ${queries.rate(instruments.batchElements, [...model])}`,
          legend: `elements ${modelLegend}`,
        },
      ],
      { unit: "percentunit", max: 1 },
    ),
    timeseries("Requests waiting", [
      { expr: queries.now("sum", instruments.queueSize, [...model]), legend: modelLegend },
    ]),
    timeseries("Rows that admission lets in", [
      { expr: queries.now("min", instruments.admissionLimit, [...model]), legend: modelLegend },
    ]),
  ],
};

const runtime: Row = {
  title: "Runtime",
  panels: [
    timeseries(
      "Event loop delay of the front process",
      [
        { expr: queries.now("max", instruments.delayP50, []), legend: "p50" },
        { expr: queries.now("max", instruments.delayP99, []), legend: "p99" },
      ],
      { unit: "s", description: "Of the worst server. Above 50 ms the front process is saturated." },
    ),
    timeseries(
      "Garbage collection",
      [{ expr: queries.sumRate(instruments.collectionDuration, ["v8js.gc.type"]), legend: legendOf("v8js.gc.type") }],
      { unit: "percentunit", description: "Share of the time." },
    ),
    timeseries(
      "Processor time of the front process",
      [{ expr: queries.rate(instruments.cpuTime, ["cpu.mode"]), legend: legendOf("cpu.mode") }],
      { unit: "percentunit", isStacked: true },
    ),
    timeseries(
      "Resident memory",
      [
        { expr: queries.now("sum", instruments.processMemory, []), legend: "front" },
        {
          expr: queries.now("sum", instruments.runtimeMemory, ["sluice.runtime.process"]),
          legend: legendOf("sluice.runtime.process"),
        },
      ],
      { unit: "bytes", isStacked: true },
    ),
    timeseries("Runtime processes", [
      { expr: queries.now("sum", instruments.runtimeProcesses, []), legend: "alive" },
      {
        expr: queries.rate(instruments.runtimeRestarts, ["sluice.reason"]),
        legend: `ended a second: ${legendOf("sluice.reason")}`,
      },
    ]),
    table("Where models run", [
      {
        expr: queries.now("max", instruments.modelProvider, [
          ...model,
          "sluice.requested",
          "sluice.provider",
          "sluice.partial",
        ]),
        legend: "loaded",
      },
    ]),
  ],
};

const data: Row = {
  title: "Data",
  panels: [
    timeseries(
      "Rows looked at",
      [{ expr: queries.rate(instruments.monitorRows, ["sluice.sampled"]), legend: legendOf("sluice.sampled") }],
      { unit: "rowsps", description: "Row statistics look at a sample." },
    ),
    timeseries(
      "Values that should not be",
      [
        {
          expr: `${queries.rate(instruments.featureAnomalies, [...model, "sluice.feature", "sluice.kind"])} > 0`,
          legend: legendOf("sluice.feature", "sluice.kind"),
        },
      ],
      { unit: "cps" },
    ),
    timeseries("Features and outputs that drift", [
      { expr: queries.now("max", instruments.driftSignals, [...model]), legend: modelLegend },
    ]),
    table(
      "Drift by feature",
      [
        {
          expr: queries.now("max", instruments.driftScore, [...model, "sluice.feature", "sluice.method"]),
          legend: "score",
        },
        {
          expr: queries.now("max", instruments.driftCritical, [...model, "sluice.feature", "sluice.method"]),
          legend: "critical",
        },
      ],
      { width: 12, description: "Score of the last window against what chance alone explains." },
    ),
    heatmap("Values of a feature", queries.buckets(instruments.featureValue, [], { "sluice.feature": "=~$feature" }), {
      width: 12,
      description: "Between the edges of the reference: choose one model and one feature.",
    }),
  ],
};

const outcomes: Row = {
  title: "Outcomes, changes and alerts",
  panels: [
    timeseries(
      "Outcomes reported",
      [
        {
          expr: queries.rate(instruments.labelsReceived, ["sluice.result"]),
          legend: legendOf("sluice.result"),
        },
      ],
      { unit: "cps", isStacked: true },
    ),
    timeseries(
      "Changes found",
      [
        {
          expr: `${queries.rate(instruments.changesDetected, [...model, "sluice.signal", "sluice.method"])} > 0`,
          legend: `${modelLegend} ${legendOf("sluice.signal", "sluice.method")}`,
        },
      ],
      { unit: "cps" },
    ),
    bars(
      "Alerts",
      [
        {
          expr: queries.now("max", instruments.alertState, [...model, "sluice.alert"]),
          legend: `${modelLegend} ${legendOf("sluice.alert")}`,
        },
      ],
      { description: "-1 unknown, 0 ok, 1 pending, 2 firing." },
    ),
    timeseries(
      "What the monitor left out",
      [
        {
          expr: `${queries.rate(instruments.monitorDropped, ["sluice.monitor", "sluice.reason"])} > 0`,
          legend: legendOf("sluice.monitor", "sluice.reason"),
        },
      ],
      { unit: "cps" },
    ),
  ],
};

const status = nameOf(instruments.modelStatus);
const states = (state: string) => `${queries.samples(instruments.modelStatus, { "sluice.state": state })} == 1`;

/** Everything that sluice measures, row by row. */
export const nativeDashboard: Dashboard = {
  uid: "sluice",
  title: "sluice",
  description: "Latency and quality of the models that sluice serves. Generated: see scripts/dashboards.",
  variables: [
    { name: "job", label: "Job", query: `label_values(${status}, job)` },
    { name: "instance", label: "Server", query: `label_values(${status}{job=~"$job"}, instance)` },
    { name: "model", label: "Model", query: `label_values(${status}{job=~"$job"}, ${labelOf(name)})` },
    {
      name: "version",
      label: "Version",
      query: `label_values(${status}{job=~"$job",${labelOf(name)}=~"$model"}, ${labelOf(version)})`,
    },
    {
      name: "feature",
      label: "Feature",
      query: `label_values(${nameOf(instruments.driftScore)}{${labelOf(name)}=~"$model"}, ${labelOf("sluice.feature")})`,
    },
  ],
  annotations: [
    { name: "Loads", expr: states("loading"), title: `${modelLegend} is loading` },
    { name: "Unloads", expr: states("unloading"), title: `${modelLegend} is unloading` },
  ],
  rows: [traffic, latency, batching, runtime, data, outcomes],
};

import { instruments } from "../../src/monitor/telemetry/instruments.ts";
import type { Row } from "./dashboard.ts";
import { legendOf, model, modelLegend, name, queries } from "./native-scope.ts";
import { heatmap, table, timeseries } from "./panel.ts";

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
      { expr: queries.now("sum", instruments.queueLimit, [...model]), legend: `at most ${modelLegend}` },
    ]),
    timeseries(
      "What a batch takes",
      [
        {
          expr: queries.now("max", instruments.runFixed, [...model, "sluice.shape.bucket"]),
          legend: `whatever its rows ${modelLegend} ${legendOf("sluice.shape.bucket")}`,
        },
        {
          expr: queries.now("max", instruments.runPerRow, [...model, "sluice.shape.bucket"]),
          legend: `each row ${modelLegend} ${legendOf("sluice.shape.bucket")}`,
        },
      ],
      { unit: "s", description: "As learned from its runs." },
    ),
    timeseries("Rows that admission lets in", [
      { expr: queries.now("min", instruments.admissionLimit, [...model]), legend: modelLegend },
    ]),
  ],
};

const tenants: Row = {
  title: "Tenants and sequences",
  panels: [
    timeseries(
      "Rows answered by tenant",
      [{ expr: queries.rate(instruments.tenantRows, ["sluice.tenant"]), legend: legendOf("sluice.tenant") }],
      { unit: "rowsps", description: "With --tenants only, as the two beside it." },
    ),
    timeseries(
      "Requests by tenant",
      [
        { expr: queries.rate(instruments.tenantRequests, ["sluice.tenant"]), legend: legendOf("sluice.tenant") },
        {
          expr: `${queries.rate(instruments.tenantRejections, ["sluice.tenant", "sluice.reason"])} > 0`,
          legend: `refused: ${legendOf("sluice.tenant", "sluice.reason")}`,
        },
      ],
      { unit: "reqps" },
    ),
    timeseries(
      "Time in the queue by tenant",
      [
        {
          expr: queries.quantile(0.99, instruments.tenantQueueDuration, ["sluice.tenant"]),
          legend: `p99 ${legendOf("sluice.tenant")}`,
        },
      ],
      { unit: "s" },
    ),
    timeseries("Sequences", [
      {
        expr: queries.now("sum", instruments.sequences, [...model, "sluice.state"]),
        legend: `${legendOf("sluice.state")} ${modelLegend}`,
      },
    ]),
    timeseries(
      "Sequences that ended",
      [
        {
          expr: queries.rate(instruments.sequencesEnded, [...model, "sluice.reason"]),
          legend: `${legendOf("sluice.reason")} ${modelLegend}`,
        },
      ],
      { unit: "cps" },
    ),
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
    timeseries(
      "Event loop of the front process",
      [
        { expr: queries.now("max", instruments.loopUtilization, []), legend: "busiest, since the last scrape" },
        {
          expr: queries.rate(instruments.loopTime, ["nodejs.eventloop.state"]),
          legend: legendOf("nodejs.eventloop.state"),
        },
      ],
      { unit: "percentunit" },
    ),
    timeseries(
      "Heap of the front process",
      [
        {
          expr: queries.now("sum", instruments.heapUsed, ["v8js.heap.space.name"]),
          legend: legendOf("v8js.heap.space.name"),
        },
        { expr: queries.now("sum", instruments.heapLimit, []), legend: "reserved" },
      ],
      { unit: "bytes" },
    ),
    timeseries(
      "Loads",
      [
        {
          expr: queries.mean(instruments.loadDuration, [...model, "error.type"]),
          legend: `${modelLegend} ${legendOf("error.type")}`,
        },
      ],
      { unit: "s", description: "Mean duration of the loads that ended, with error.type where they failed." },
    ),
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

/** How much is asked, how long it takes, and what the server makes of it. */
export const trafficRows: readonly Row[] = [traffic, latency, batching, tenants, runtime];

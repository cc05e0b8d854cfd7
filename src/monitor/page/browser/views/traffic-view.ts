import type { TrafficPoint } from "../../../monitor-report.ts";
import { Chart } from "../chart.ts";
import { type ChartData, type ChartOptions, type Values, wholeIncrements } from "../chart-options.ts";
import { element } from "../element.ts";
import { batchSizes } from "../model-facts.ts";
import { countText, rateText, secondsText, steadyText } from "../number-text.ts";
import { emptyState } from "../panel.ts";
import type { PageTheme } from "../theme.ts";
import { clockText, epochSeconds } from "../time-text.ts";
import type { View } from "../view.ts";

/** A chart of traffic over time and where its numbers come from. */
interface TimeChart {
  readonly options: Omit<ChartOptions, "formatX" | "xTitle" | "group">;
  readonly values: readonly ((point: TrafficPoint) => number | undefined)[];
}

const charts: readonly TimeChart[] = [
  {
    options: {
      title: "Requests",
      note: "answered and failed, per second",
      format: rateText,
      series: [
        { label: "answered", color: "series-1" },
        { label: "failed", color: "firing" },
      ],
    },
    values: [({ requests, seconds }) => requests / seconds, ({ failures, seconds }) => failures / seconds],
  },
  {
    options: {
      title: "Latency",
      note: "from arrival to answer",
      format: secondsText,
      series: [
        { label: "p50", color: "series-1" },
        { label: "p95", color: "series-2" },
        { label: "p99", color: "series-3" },
      ],
    },
    values: [(point) => point.p50_seconds, (point) => point.p95_seconds, (point) => point.p99_seconds],
  },
  {
    options: {
      title: "Time by stage",
      note: "mean of a request, one stage on top of the other",
      isStacked: true,
      format: secondsText,
      series: [
        { label: "queue", color: "series-4", look: "area" },
        { label: "input", color: "series-2", look: "area" },
        { label: "run", color: "series-1", look: "area" },
        { label: "output", color: "series-3", look: "area" },
      ],
    },
    values: [
      (point) => point.queue_seconds,
      (point) => point.compute_input_seconds,
      (point) => point.compute_infer_seconds,
      (point) => point.compute_output_seconds,
    ],
  },
  {
    options: {
      title: "Waiting",
      note: "requests in the queue at the end of an interval",
      format: countText,
      increments: wholeIncrements,
      series: [{ label: "waiting", color: "series-4" }],
    },
    values: [({ queue_size }) => queue_size],
  },
  {
    options: {
      title: "Rows of a run",
      note: "mean: what batching makes of the traffic",
      format: (value) => steadyText(value),
      series: [{ label: "rows", color: "series-1" }],
    },
    values: [({ rows, batches }) => (batches === 0 ? undefined : rows / batches)],
  },
];

/** Traffic of one model version over time: requests, latency, stages, queue and batches. */
export function createTrafficView(theme: PageTheme): View {
  const made = charts.map(({ options, values }) => ({
    values,
    chart: new Chart({ ...options, group: "traffic", xTitle: "Time", formatX: (x) => clockText(x) }, theme),
  }));
  const sizes = new SizeChart(theme);
  const grid = element("div", { class: "charts" }, ...made.map(({ chart }) => chart.root), sizes.chart.root);
  const nothing = emptyState(
    "No traffic yet",
    "Numbers appear with the first interval that has ended after the model was loaded: within a minute.",
  );
  const root = element("div", {}, nothing, grid);
  return {
    root,
    update({ models: [model] }) {
      const history = model?.history ?? [];
      nothing.hidden = history.length > 0;
      grid.hidden = history.length === 0;
      for (const { chart, values } of made) chart.update(timeData(history, values));
      sizes.update(history);
    },
    destroy() {
      for (const { chart } of made) chart.destroy();
      sizes.chart.destroy();
    },
  };
}

function timeData(history: readonly TrafficPoint[], values: TimeChart["values"]): ChartData {
  const series = values.map((value): Values => history.map((point) => value(point) ?? null));
  return { x: history.map(({ at }) => epochSeconds(at)), series };
}

/** How many runs had how many rows. */
class SizeChart {
  readonly chart: Chart;
  #labels: readonly string[] = [];

  constructor(theme: PageTheme) {
    this.chart = new Chart(
      {
        title: "Batch sizes",
        note: "runs by their rows, over the time shown",
        series: [{ label: "runs", color: "series-1", look: "wide-bars" }],
        format: countText,
        increments: wholeIncrements,
        formatX: (x) => this.#labels[x] ?? "",
        xTitle: "Rows of a run",
        ticks: () => ({ at: this.#labels.map((_, i) => i), labels: this.#labels }),
        rangeX: () => [-0.6, Math.max(1, this.#labels.length) - 0.4],
      },
      theme,
    );
  }

  update(history: readonly TrafficPoint[]): void {
    const sizes = batchSizes(history);
    this.#labels = sizes.map(({ upTo }, i) => {
      const below = sizes[i - 1]?.upTo;
      if (below === undefined) return upTo === 1 ? "1" : `≤ ${upTo}`;
      return below + 1 === upTo ? String(upTo) : `${below + 1}–${upTo}`;
    });
    this.chart.update({ x: sizes.map((_, i) => i), series: [sizes.map(({ count }) => count)] });
  }
}

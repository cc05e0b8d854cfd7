import type { Metric, QualityReport } from "../../monitor-report.ts";
import { Chart } from "./chart.ts";
import type { Values } from "./chart-options.ts";
import { element } from "./element.ts";
import { headlineMetric, isShare, metricKey, metricName, metricValueText } from "./metric-text.ts";
import type { PageTheme } from "./theme.ts";
import { clockText, epochSeconds } from "./time-text.ts";

/** One metric over time: counted with its interval, estimated beside it, and what the reference profile expects. */
export class QualityChart {
  readonly #chart: Chart;
  readonly #choice = element("select", { "aria-label": "Metric over time" });
  #chosen: Metric | undefined;
  #quality: QualityReport | undefined;
  #offered = "";

  constructor(theme: PageTheme) {
    this.#chart = new Chart(
      {
        title: "Over time",
        note: "by the time of the prediction",
        height: 220,
        control: this.#choice,
        format: (value) => (this.#chosen === undefined ? String(value) : axisText(this.#chosen, value)),
        formatSeries: (_, value) => (this.#chosen === undefined ? String(value) : metricValueText(this.#chosen, value)),
        formatX: (x) => clockText(x),
        xTitle: "Time",
        rangeY: (low, high) => this.#range(low, high),
        series: [
          { label: "counted", color: "series-1" },
          { label: "estimated", color: "series-2", look: "dashed" },
          { label: "expected", color: "ink-3", look: "dashed" },
        ],
        bands: [{ color: "series-2" }, { color: "series-1" }],
      },
      theme,
    );
    this.#choice.addEventListener("change", () => this.#draw());
  }

  get root(): HTMLElement {
    return this.#chart.root;
  }

  update(quality: QualityReport): void {
    this.#quality = quality;
    this.#offer(quality);
    this.#draw();
  }

  destroy(): void {
    this.#chart.destroy();
  }

  /** Offers the metrics that any interval has, the one that stands for the model first. */
  #offer(quality: QualityReport): void {
    const points = quality.history.flatMap(({ metrics, estimates }) => [...metrics, ...estimates]);
    const found = new Map([...quality.metrics, ...points].map((metric) => [metricKey(metric), metric]));
    for (const key of [...found.keys()]) if (!points.some((metric) => metricKey(metric) === key)) found.delete(key);
    const keys = [...found.keys()];
    if (keys.join() === this.#offered) return;
    this.#offered = keys.join();
    const before = this.#choice.value;
    this.#choice.replaceChildren(
      ...[...found].map(([key, metric]) => element("option", { value: key }, metricName(metric))),
    );
    const headline = headlineMetric([...found.values()]);
    this.#choice.value = found.has(before) ? before : headline === undefined ? "" : metricKey(headline);
  }

  #draw(): void {
    const { history = [], metrics = [] } = this.#quality ?? {};
    const key = this.#choice.value;
    const pick = (from: readonly Metric[]) => from.find((metric) => metricKey(metric) === key);
    const counted = history.map((point) => pick(point.metrics));
    const estimated = history.map((point) => pick(point.estimates));
    this.#chosen = counted.find(Boolean) ?? estimated.find(Boolean);
    const expected = pick(metrics)?.expected ?? null;
    const values = (from: readonly (Metric | undefined)[], field: "value" | "lower" | "upper"): Values =>
      from.map((metric) => metric?.[field] ?? null);
    this.#chart.update({
      x: history.map(({ at }) => epochSeconds(at)),
      series: [values(counted, "value"), values(estimated, "value"), history.map(() => expected)],
      bands: [
        { lower: values(estimated, "lower"), upper: values(estimated, "upper") },
        { lower: values(counted, "lower"), upper: values(counted, "upper") },
      ],
    });
  }

  #range(low: number, high: number): readonly [number, number] {
    const margin = (high - low || Math.abs(high) || 1) * 0.12;
    const isBounded = this.#chosen !== undefined && isShare(this.#chosen);
    return isBounded ? [Math.max(0, low - margin), Math.min(1, high + margin)] : [low - margin, high + margin];
  }
}

function axisText(metric: Metric, value: number): string {
  return isShare(metric) ? value.toFixed(3) : metricValueText(metric, value);
}

import type { QualityReport } from "../../monitor-report.ts";
import { Chart } from "./chart.ts";
import { type Bars, countBars } from "./histogram.ts";
import { shareText } from "./number-text.ts";
import type { PageTheme } from "./theme.ts";

/** How often each class was predicted in the window: there before any truth is known. */
export class PredictedChart {
  readonly #chart: Chart;
  #bars: Bars | undefined;

  constructor(theme: PageTheme) {
    this.#chart = new Chart(
      {
        title: "Predicted classes",
        note: "share of the predictions of the window",
        format: shareText,
        formatX: (x) => this.#bars?.labels[x] ?? "",
        xTitle: "Class",
        ticks: () => this.#bars?.ticks ?? { at: [], labels: [] },
        rangeX: () => [-0.6, Math.max(1, this.#bars?.labels.length ?? 1) - 0.4],
        series: [{ label: "predicted", color: "series-1", look: "wide-bars" }],
      },
      theme,
    );
  }

  get root(): HTMLElement {
    return this.#chart.root;
  }

  update({ labels, predicted_counts }: QualityReport): void {
    this.#bars = countBars(new Map(labels.map((label, i) => [label, predicted_counts[i] ?? 0])));
    this.root.hidden = predicted_counts.length === 0;
    this.#chart.update({ x: this.#bars.labels.map((_, i) => i), series: [this.#bars.now] });
  }

  destroy(): void {
    this.#chart.destroy();
  }
}

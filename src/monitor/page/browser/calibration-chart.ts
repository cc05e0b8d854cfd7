import type { CalibrationBin } from "../../monitor-report.ts";
import { Chart } from "./chart.ts";
import { countText, shareText, steadyText } from "./number-text.ts";
import type { PageTheme } from "./theme.ts";

/** How often what was predicted with a probability came true, against the diagonal of a perfect model, above how many rows there were. */
export class CalibrationChart {
  readonly #chart: Chart;

  constructor(theme: PageTheme) {
    this.#chart = new Chart(
      {
        title: "Calibration",
        note: "share that came true against predicted probability",
        height: 220,
        format: (value) => steadyText(value, 2),
        formatX: (x) => steadyText(x),
        formatSeries: (series, value) => (series === 0 ? countText(value) : shareText(value)),
        xTitle: "Predicted probability",
        ticks: () => ({ at: [0, 0.2, 0.4, 0.6, 0.8, 1], labels: ["0", "0.2", "0.4", "0.6", "0.8", "1"] }),
        rangeX: () => [0, 1],
        rangeY: () => [0, 1],
        series: [
          { label: "rows", color: "reference", look: "wide-bars", scale: "second" },
          { label: "perfect", color: "ink-3", look: "dashed" },
          { label: "came true", color: "series-1", look: "dots" },
        ],
      },
      theme,
    );
  }

  get root(): HTMLElement {
    return this.#chart.root;
  }

  update(bins: readonly CalibrationBin[]): void {
    const filled = bins.filter(({ count }) => count > 0);
    const inner = filled.filter(({ mean_confidence }) => mean_confidence > 0 && mean_confidence < 1);
    const x = [0, ...inner.map(({ mean_confidence }) => mean_confidence), 1];
    const at = (end: number) => filled.find(({ mean_confidence }) => mean_confidence === end);
    const [first, last] = [at(0), at(1)];
    this.#chart.update({
      x: filled.length === 0 ? [] : x,
      series: [
        [first?.count ?? null, ...inner.map(({ count }) => count), last?.count ?? null],
        x,
        [first?.share_correct ?? null, ...inner.map(({ share_correct }) => share_correct), last?.share_correct ?? null],
      ],
    });
  }

  destroy(): void {
    this.#chart.destroy();
  }
}

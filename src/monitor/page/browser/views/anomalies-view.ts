import type { AnomalyReport, ChangeDetector } from "../../../monitor-report.ts";
import { anomalyExample, changesExample } from "../advice.ts";
import { Chart } from "../chart.ts";
import { DataTable, textCell } from "../data-table.ts";
import { element, setText } from "../element.ts";
import { type Fact, FactStrip } from "../fact-strip.ts";
import { type Bars, numericBars } from "../histogram.ts";
import { absent, countText, numberText, shareText } from "../number-text.ts";
import { emptyState, panel } from "../panel.ts";
import type { PageTheme } from "../theme.ts";
import { agoText, epochSeconds } from "../time-text.ts";
import type { View } from "../view.ts";

const methods: Readonly<Record<string, string>> = {
  adwin: "ADWIN",
  page_hinkley: "Page-Hinkley",
  ewma: "EWMA",
  threshold: "threshold",
  mahalanobis: "Mahalanobis",
  half_space_trees: "half-space trees",
};

interface DetectorRow extends ChangeDetector {
  readonly nowSeconds: number;
}

/** Unusual rows and sudden changes of one model version. */
export function createAnomaliesView(theme: PageTheme): View {
  const strip = new FactStrip();
  const note = element("p", { class: "note" });
  const scores = new ScoreChart(theme);
  const detectors = createDetectorTable();
  const noScores = emptyState(
    "Rows get no anomaly score",
    "Name a detector in the model's monitor.yaml: mahalanobis needs a reference profile, half_space_trees learns from the traffic.",
    anomalyExample,
  );
  const noDetectors = emptyState(
    "Nothing is watched for sudden changes",
    "Name what to watch in the model's monitor.yaml.",
    changesExample,
  );
  const detectorPanel = panel("Sudden changes", detectors.root, noDetectors);
  return {
    root: element(
      "div",
      {},
      note,
      strip.root,
      noScores,
      element("div", { class: "columns" }, scores.chart.root, detectorPanel),
    ),
    update({ models: [model], at }) {
      const anomalies = model?.anomalies;
      if (anomalies === undefined) return;
      const hasDetector = anomalies.detector !== "";
      setText(note, anomalies.note);
      note.hidden = anomalies.note === "" || !hasDetector;
      strip.root.hidden = !hasDetector;
      strip.update(hasDetector ? facts(anomalies) : []);
      noScores.hidden = hasDetector;
      scores.chart.root.hidden = !hasDetector;
      scores.update(anomalies);
      noDetectors.hidden = anomalies.detectors.length > 0;
      detectors.root.hidden = anomalies.detectors.length === 0;
      detectors.update(anomalies.detectors.map((detector) => ({ ...detector, nowSeconds: epochSeconds(at) })));
    },
    destroy: () => scores.chart.destroy(),
  };
}

function facts({ detector, scores, anomalous_rows, anomalous_share, threshold }: AnomalyReport): readonly Fact[] {
  const last = scores?.quantiles.at(-1);
  return [
    { name: "Detector", value: methods[detector] ?? detector },
    { name: "Threshold", value: numberText(threshold), detail: "scores above it are anomalies" },
    {
      name: "Anomalous rows",
      value: shareText(anomalous_share),
      detail: `of the window; ${countText(anomalous_rows)} since the version was loaded`,
    },
    {
      name: "Mean score",
      value: numberText(scores?.mean),
      detail: scores === undefined ? "" : `of ${countText(scores.count)} rows in the window`,
    },
    {
      name: last === undefined ? "Largest score" : `${shareText(last.probability)} of scores below`,
      value: numberText(last?.value ?? scores?.maximum),
    },
  ];
}

/** Scores of the rows in the window, and where the threshold lies. */
class ScoreChart {
  readonly chart: Chart;
  #bars: Bars | undefined;

  constructor(theme: PageTheme) {
    this.chart = new Chart(
      {
        title: "Anomaly score of a row",
        note: "share of rows in the window",
        height: 240,
        format: shareText,
        formatX: (x) => this.#bars?.labels[x] ?? "",
        xTitle: "Score",
        ticks: () => this.#bars?.ticks ?? { at: [], labels: [] },
        rangeX: () => [-0.6, Math.max(1, this.#bars?.labels.length ?? 1) - 0.4],
        series: [
          { label: "up to the threshold", color: "series-1", look: "wide-bars" },
          { label: "above", color: "firing", look: "wide-bars" },
        ],
      },
      theme,
    );
  }

  update({ scores, threshold }: AnomalyReport): void {
    if (scores === undefined) {
      this.chart.update({ x: [], series: [[], []] });
      return;
    }
    const bars = numericBars(scores);
    this.#bars = bars;
    // A bar belongs to the side of the threshold that its lower edge is on; the one around it to what lies below.
    const first = scores.underflow_count > 0 ? 1 : 0;
    const isAbove = (i: number) => (scores.edges[i - first] ?? Number.NEGATIVE_INFINITY) >= threshold;
    this.chart.update({
      x: bars.now.map((_, i) => i),
      series: [
        bars.now.map((share, i) => (isAbove(i) ? null : share)),
        bars.now.map((share, i) => (isAbove(i) ? share : null)),
      ],
    });
  }
}

function createDetectorTable(): DataTable<DetectorRow> {
  return new DataTable<DetectorRow>({
    caption: "Detectors of sudden changes",
    keyOf: ({ method, signal }) => JSON.stringify([method, signal]),
    order: { key: "changed", isDescending: true },
    perPage: 40,
    empty: "",
    columns: [
      { key: "signal", title: "What", sortValue: ({ signal }) => signal, cell: textCell(({ signal }) => signal) },
      {
        key: "method",
        title: "Method",
        sortValue: ({ method }) => method,
        cell: textCell(({ method }) => methods[method] ?? method),
      },
      {
        key: "current",
        title: "Now",
        isNumber: true,
        sortValue: ({ current }) => current,
        cell: textCell(({ current }) => numberText(current)),
      },
      {
        key: "changes",
        title: "Changes",
        isNumber: true,
        sortValue: ({ changes }) => changes,
        cell: textCell(({ changes }) => countText(changes)),
      },
      {
        key: "changed",
        title: "Last change",
        isNumber: true,
        sortValue: ({ changed_at }) => (changed_at === undefined ? undefined : epochSeconds(changed_at)),
        cell: textCell(({ changed_at, nowSeconds }) =>
          changed_at === undefined ? absent : agoText(epochSeconds(changed_at), nowSeconds),
        ),
      },
      {
        key: "change",
        title: "From, to",
        isNumber: true,
        isWide: true,
        cell: textCell(changeText, () => "quiet"),
      },
      {
        key: "seen",
        title: "Values",
        isNumber: true,
        isWide: true,
        sortValue: (row) => row.sample_count,
        cell: textCell(
          (row) => countText(row.sample_count),
          () => "quiet",
        ),
      },
    ],
  });
}

function changeText({ before, after }: ChangeDetector): string {
  return before === undefined || after === undefined ? "" : `${numberText(before, 3)} → ${numberText(after, 3)}`;
}

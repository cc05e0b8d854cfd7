import type { QualityReport } from "../../../monitor-report.ts";
import { outcomesCommand, taskExample } from "../advice.ts";
import { CalibrationChart } from "../calibration-chart.ts";
import { ConfusionTable } from "../confusion-table.ts";
import { element, setText } from "../element.ts";
import { type Fact, FactStrip } from "../fact-strip.ts";
import { metricRows } from "../metric-rows.ts";
import { createMetricTable } from "../metric-table.ts";
import { outcomeStatusText } from "../metric-text.ts";
import { absent, countText, durationText, shareText } from "../number-text.ts";
import { emptyState, panel } from "../panel.ts";
import { PredictedChart } from "../predicted-chart.ts";
import { QualityChart } from "../quality-chart.ts";
import type { PageTheme } from "../theme.ts";
import { clockText, epochSeconds } from "../time-text.ts";
import type { View } from "../view.ts";

/** How good the answers of one model version are: counted from outcomes, and estimated beside that. */
export function createQualityView(theme: PageTheme, model: string): View {
  const strip = new FactStrip();
  const note = element("p", { class: "note" });
  const metrics = createMetricTable();
  const history = new QualityChart(theme);
  const confusion = new ConfusionTable();
  const calibration = new CalibrationChart(theme);
  const predicted = new PredictedChart(theme);
  const unwatched = emptyState(
    "Quality is not watched",
    "Say in the model's monitor.yaml what it predicts, for example for a classifier with two classes, and load it again.",
    taskExample,
  );
  const unlabelled = emptyState(
    "No outcomes in the window yet",
    "Report what turned out to be true: by MonitorService/ReportOutcomes, or from a table with the columns prediction_id, row and truth.",
    outcomesCommand(model),
  );
  const tooFew = element("p", { class: "note" });
  const confusionPanel = panel("True classes in rows, predicted ones in columns", confusion.root);
  const parts = element(
    "div",
    { class: "columns quality" },
    element("div", { class: "stack" }, panel("Metrics of the window", metrics.root), confusionPanel),
    element("div", { class: "stack" }, history.root, calibration.root, predicted.root),
  );
  const root = element("div", {}, note, strip.root, unwatched, unlabelled, tooFew, parts);
  return {
    root,
    update({ models: [report] }) {
      const quality = report?.quality;
      if (report === undefined || quality === undefined) return;
      const isWatched = quality.task !== "";
      const lists = [quality.metrics, quality.estimates, quality.history, quality.predicted_counts];
      const hasNumbers = lists.some((list) => list.length > 0);
      setText(note, quality.note);
      note.hidden = quality.note === "";
      strip.root.hidden = !isWatched;
      strip.update(isWatched ? facts(quality) : []);
      unwatched.hidden = isWatched;
      const isCounted = quality.outcomes.some(({ status, count }) => status === "OUTCOME_STATUS_ACCEPTED" && count > 0);
      unlabelled.hidden = !isWatched || quality.metrics.length > 0 || isCounted;
      setText(tooFew, `Metrics appear with ${countText(quality.min_samples)} rows in the window whose truth is known.`);
      tooFew.hidden = !isWatched || quality.metrics.length > 0 || !isCounted;
      parts.hidden = !isWatched || !hasNumbers;
      metrics.update(metricRows(quality));
      history.update(quality);
      confusion.update(quality.confusion);
      confusionPanel.hidden = quality.confusion === undefined;
      calibration.update(quality.calibration);
      predicted.update(quality);
      calibration.root.hidden = quality.calibration.length === 0;
    },
    destroy() {
      history.destroy();
      calibration.destroy();
      predicted.destroy();
    },
  };
}

function facts(quality: QualityReport): readonly Fact[] {
  const { window, outcomes } = quality;
  const count = (status: string) =>
    outcomes.find((outcome) => outcome.status === `OUTCOME_STATUS_${status}`)?.count ?? 0;
  const refused = outcomes.reduce((sum, outcome) => sum + outcome.count, 0) - count("ACCEPTED") - count("CORRECTED");
  const words = outcomes
    .filter(({ status, count: number }) => number > 0 && !status.endsWith("ACCEPTED"))
    .map(({ status, count: number }) => `${countText(number)} ${outcomeStatusText(status)}`);
  const range =
    window === undefined ? "" : `${clockText(epochSeconds(window.from))} to ${clockText(epochSeconds(window.to))}`;
  return [
    {
      name: "Task",
      value: quality.task,
      detail: quality.labels.length === 0 ? "" : `${countText(quality.labels.length)} classes`,
    },
    { name: "Rows in the window", value: window === undefined ? absent : countText(window.rows), detail: range },
    {
      name: "Labels known",
      value: shareText(quality.label_coverage),
      detail: "of predictions within the label horizon",
    },
    {
      name: "Label delay, median",
      value: durationText(quality.label_delay_p50_seconds),
      detail: `95 % within ${durationText(quality.label_delay_p95_seconds)}`,
    },
    {
      name: "Outcomes accepted",
      value: countText(count("ACCEPTED")),
      detail: refused > 0 ? words.join(", ") : `of ${countText(quality.joinable_predictions)} that can be joined`,
    },
  ];
}

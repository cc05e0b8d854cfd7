import type { ModelReport, QualityReport, SignalReport, TrafficPoint } from "../../monitor/monitor-report.ts";
import { lineCharacters } from "../../monitor/page/browser/line-points.ts";
import { metricRows } from "../../monitor/page/browser/metric-rows.ts";
import {
  intervalText,
  metricName,
  metricValueText,
  outcomeStatusText,
} from "../../monitor/page/browser/metric-text.ts";
import { anomalyShare, driftRatio, leadingScore } from "../../monitor/page/browser/model-facts.ts";
import {
  absent,
  countText,
  durationText,
  numberText,
  rateText,
  secondsText,
  shareText,
  steadyText,
} from "../../monitor/page/browser/number-text.ts";
import { sortRows } from "../../monitor/page/browser/row-order.ts";
import { methodText } from "../../monitor/page/browser/signal-words.ts";
import { agoText, epochSeconds } from "../../monitor/page/browser/time-text.ts";
import { renderTextTable, type TextColumn } from "../text-table.ts";
import { colored, safeText, type TextStyle } from "./text-style.ts";

/** Signals that are listed, the furthest from the reference first. */
const maxSignals = 20;
/** Classes whose matrix fits a terminal. */
const maxClasses = 12;
const linePoints = 30;

/** Everything about one model version as text: stages, quality, drift, anomalies. */
export function renderModel(model: ModelReport, nowSeconds: number, style: TextStyle): string {
  const title = colored(`${safeText(model.model_name)} version ${model.model_version}`, "bold", style);
  const sections = [
    stages(model, style),
    quality(model.quality, style),
    drift(model, style),
    anomalies(model, nowSeconds, style),
  ];
  return `${title}\n\n${sections.filter(Boolean).join("\n")}`;
}

const left = (title: string): TextColumn => ({ title });
const right = (title: string): TextColumn => ({ title, align: "right" });

function stages({ history }: ModelReport, style: TextStyle): string {
  const last = history.at(-1);
  if (last === undefined) return "No traffic yet.\n";
  const stage = (name: string, of: (point: TrafficPoint) => number) => [
    name,
    ...(style.hasLines ? [lineCharacters(history.slice(-linePoints).map(of))] : []),
    secondsText(of(last)),
  ];
  return renderTextTable(
    [left("stage of a request"), ...(style.hasLines ? [left("")] : []), right("mean")],
    [
      stage("queue", (point) => point.queue_seconds),
      stage("input", (point) => point.compute_input_seconds),
      stage("run", (point) => point.compute_infer_seconds),
      stage("output", (point) => point.compute_output_seconds),
    ],
  );
}

function quality(report: QualityReport, style: TextStyle): string {
  if (report.task === "") return `Quality is not watched: ${safeText(report.note)}\n`;
  const parts = [
    `${report.task}, ${countText(report.window?.rows ?? 0)} rows in the window`,
    `labels known ${shareText(report.label_coverage)}`,
    `label delay ${durationText(report.label_delay_p50_seconds)} median, ${durationText(report.label_delay_p95_seconds)} for 95 %`,
  ];
  const outcomes = report.outcomes.map(({ status, count }) => `${countText(count)} ${outcomeStatusText(status)}`);
  if (outcomes.length > 0) parts.push(`outcomes: ${outcomes.join(", ")}`);
  const note = report.note === "" ? "" : `${safeText(report.note)}\n`;
  return [`Quality: ${parts.join("; ")}\n${note}`, metrics(report), confusion(report, style)]
    .filter(Boolean)
    .join("\n");
}

function metrics(report: QualityReport): string {
  const rows = metricRows(report);
  if (rows.length === 0) return "No metrics yet: report outcomes with `sluice outcomes`.\n";
  return renderTextTable(
    [left("metric"), right("value"), right("interval"), right("estimated"), right("expected"), right("rows")],
    rows.map(({ metric, realized, estimate }) => [
      safeText(metricName(metric)),
      metricValueText(metric, realized?.value),
      realized === undefined ? "" : intervalText(realized),
      metricValueText(metric, estimate?.value),
      metricValueText(metric, metric.expected),
      countText(realized?.sample_count),
    ]),
  );
}

function confusion({ confusion: matrix }: QualityReport, style: TextStyle): string {
  if (matrix === undefined || matrix.labels.length > maxClasses) return "";
  const { labels, counts } = matrix;
  const rows = labels.map((label, row) => [
    safeText(label),
    ...counts.slice(row * labels.length, (row + 1) * labels.length).map((count) => {
      return count === 0 ? colored("·", "dim", style) : countText(count);
    }),
  ]);
  return renderTextTable([left("true \\ predicted"), ...labels.map((label) => right(safeText(label)))], rows);
}

function drift({ data }: ModelReport, style: TextStyle): string {
  if (data.reference === "")
    return `Drift: ${data.note === "" ? "there is no reference profile" : safeText(data.note)}\n`;
  const head = `Drift: ${countText(data.drifted_signals)} of ${countText(data.signal_count)} signals drifted; ${countText(data.window?.rows ?? 0)} rows in the window, ${rateText(data.sampled_rows_per_second, "rows/s")} of ${rateText(data.rows_per_second, "rows/s")} looked at\n`;
  const note = data.note === "" ? "" : `${safeText(data.note)}\n`;
  const shown = sortRows(data.signals, signalRank, true).slice(0, maxSignals);
  if (shown.length === 0) return head + note;
  const table = renderTextTable(
    [
      left("signal"),
      left("method"),
      right("score"),
      right("critical"),
      right("effect"),
      right("of limit"),
      ...(style.hasLines ? [left("windows")] : []),
      right("bad values"),
      left(""),
    ],
    shown.map((signal) => signalRow(signal, style)),
  );
  const rest = data.signals.length - shown.length;
  return `${head}${note}\n${table}${rest > 0 ? `and ${countText(rest)} more\n` : ""}`;
}

function signalRank(signal: SignalReport): number | undefined {
  const score = leadingScore(signal);
  return score === undefined ? undefined : driftRatio(score) + (signal.drifted ? 1e6 : 0);
}

function signalRow(signal: SignalReport, style: TextStyle): readonly string[] {
  const score = leadingScore(signal);
  const numbers =
    score === undefined
      ? [absent, absent, absent, absent, absent]
      : [
          methodText(score.method),
          steadyText(score.value, 4),
          steadyText(score.critical, 4),
          steadyText(score.effect_threshold, 4),
          `${steadyText(driftRatio(score))}x`,
        ];
  return [
    safeText(signal.name),
    ...numbers,
    ...(style.hasLines ? [lineCharacters(score?.history.slice(-linePoints) ?? [])] : []),
    signal.anomalies.length === 0 ? absent : shareText(anomalyShare(signal)),
    signal.drifted ? colored("drifted", "yellow", style) : "",
  ];
}

function anomalies({ anomalies: report }: ModelReport, nowSeconds: number, style: TextStyle): string {
  const head =
    report.detector === ""
      ? `Anomalies: ${report.note === "" ? "rows get no score" : safeText(report.note)}\n`
      : `Anomalies: ${safeText(report.detector)}, ${countText(report.anomalous_rows)} rows above ${numberText(report.threshold)} since the version was loaded\n`;
  if (report.detectors.length === 0) return head;
  const table = renderTextTable(
    [left("watched for changes"), left("method"), right("now"), right("changes"), right("last"), right("values")],
    report.detectors.map(({ signal, method, current, changes, changed_at, sample_count }) => [
      safeText(signal),
      method.replaceAll("_", " "),
      numberText(current),
      changes > 0 ? colored(countText(changes), "yellow", style) : countText(changes),
      changed_at === undefined ? absent : agoText(epochSeconds(changed_at), nowSeconds),
      countText(sample_count),
    ]),
  );
  return `${head}\n${table}`;
}

import type { Alert, ModelReport, MonitorReport } from "../../monitor/monitor-report.ts";
import { lineCharacters } from "../../monitor/page/browser/line-points.ts";
import {
  alertRank,
  alertStateText,
  headlineMetric,
  metricName,
  metricValueText,
} from "../../monitor/page/browser/metric-text.ts";
import { alertCounts, trafficFacts } from "../../monitor/page/browser/model-facts.ts";
import {
  absent,
  bytesText,
  countText,
  durationText,
  rateText,
  secondsText,
  shareText,
} from "../../monitor/page/browser/number-text.ts";
import { agoText, epochSeconds } from "../../monitor/page/browser/time-text.ts";
import { renderTextTable, type TextColumn } from "../text-table.ts";
import { renderModel } from "./model-text.ts";
import { colored, safeText, type TextStyle } from "./text-style.ts";

/** Points of the line beside a model's traffic. */
const linePoints = 30;

/** A report as text: the server, its models, its alerts, and more of the models where the style asks for it. Ends with a newline. */
export function renderReport(report: MonitorReport, style: TextStyle): string {
  const { models } = report;
  const sections = [
    renderServer(report),
    models.length === 0 ? "No model version is watched.\n" : renderModels(models, style),
  ];
  const failed = models.filter(({ state_reason }) => state_reason !== "");
  if (failed.length > 0) sections.push(failed.map(renderReason).join(""));
  const alerts = models.flatMap((model) => model.alerts);
  if (alerts.length > 0) sections.push(renderAlerts(alerts, epochSeconds(report.at), style));
  if (style.isFull) sections.push(...models.map((model) => renderModel(model, epochSeconds(report.at), style)));
  return sections.join("\n").replaceAll("\u00a0", " "); // nothing is broken into lines here
}

function renderServer({ at, started_at, server_version, history }: MonitorReport): string {
  const last = history.at(-1);
  const parts = [
    `sluice ${server_version}`,
    `running for ${durationText(epochSeconds(at) - epochSeconds(started_at))}`,
  ];
  if (last !== undefined) {
    parts.push(
      `event loop delay p99 ${secondsText(last.loop_delay_p99_seconds)}`,
      `memory ${bytesText(last.front_bytes + last.runtime_bytes)}`,
    );
  }
  return `${parts.join(", ")}, ${new Date(epochSeconds(at) * 1000).toISOString()}\n`;
}

function renderModels(models: readonly ModelReport[], style: TextStyle): string {
  const right = (...titles: readonly string[]) => titles.map((title): TextColumn => ({ title, align: "right" }));
  const columns = [
    { title: "model" },
    ...right("version"),
    { title: "state" },
    ...(style.hasLines ? [{ title: "traffic" }] : []),
    ...right("requests", "p50", "p99", "failed", "quality"),
    { title: "" },
    ...right("drifted"),
    { title: "alerts" },
  ];
  return renderTextTable(
    columns,
    models.map((model) => modelRow(model, style)),
  );
}

function renderReason({ model_name, model_version, state_reason }: ModelReport): string {
  return `${safeText(model_name)}${model_version === "" ? "" : ` version ${model_version}`}: ${safeText(state_reason)}\n`;
}

function modelRow(model: ModelReport, style: TextStyle): readonly string[] {
  const { history, quality, data } = model;
  const traffic = trafficFacts(history);
  const metric = headlineMetric(quality.metrics);
  const line = lineCharacters(history.slice(-linePoints).map(({ requests, seconds }) => requests / seconds));
  const drifted =
    data.reference === "" ? absent : `${countText(data.drifted_signals)} of ${countText(data.signal_count)}`;
  return [
    safeText(model.model_name),
    model.model_version,
    colored(model.state, model.state === "READY" ? "dim" : "yellow", style),
    ...(style.hasLines ? [line] : []),
    rateText(traffic?.requestsPerSecond),
    secondsText(traffic?.p50Seconds),
    secondsText(traffic?.p99Seconds),
    shareText(traffic?.failureShare),
    metric === undefined ? absent : metricValueText(metric, metric.value),
    metric === undefined ? "" : metricName(metric),
    colored(drifted, data.drifted_signals > 0 ? "yellow" : "dim", style),
    alertWords(model, style),
  ];
}

function alertWords(model: ModelReport, style: TextStyle): string {
  const { firing, pending } = alertCounts(model);
  if (firing > 0) return colored(`${firing} firing`, "red", style);
  if (pending > 0) return colored(`${pending} pending`, "yellow", style);
  return model.alerts.length === 0 ? absent : "ok";
}

function renderAlerts(alerts: readonly Alert[], nowSeconds: number, style: TextStyle): string {
  const sorted = [...alerts].sort((a, b) => alertRank(a.state) - alertRank(b.state));
  const color = { firing: "red", pending: "yellow" } as const;
  const rows = sorted.map((alert) => {
    const state = alertStateText(alert.state);
    const look = state === "firing" || state === "pending" ? color[state] : "dim";
    return [
      colored(state, look, style),
      safeText(alert.name),
      `${safeText(alert.model_name)} ${alert.model_version}`,
      alert.since === undefined ? absent : agoText(epochSeconds(alert.since), nowSeconds),
      safeText(alert.message),
    ];
  });
  return renderTextTable(
    ["alert", "", "model", "since", ""].map((title) => ({ title })),
    rows,
  );
}

import { stringify } from "yaml";
import { instruments } from "../src/monitor/telemetry/instruments.ts";
import { labelOf, Queries } from "./dashboards/query.ts";

/** One alert of Prometheus. */
interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly severity: "warning" | "critical";
  readonly summary: string;
  readonly description: string;
}

const name = "sluice.model.name";
const version = "sluice.model.version";
const ofModel = `{{ $labels.${labelOf(name)} }} version {{ $labels.${labelOf(version)} }}`;

/** Rules look at every server by itself: its address stays in the result. */
const perServer = ["job", "instance"];
const perModel = [...perServer, labelOf(name), labelOf(version)];
const by = (labels: readonly string[]) => `by (${labels.join(", ")})`;
const on = (labels: readonly string[]) => `on (${labels.join(", ")})`;

/** Without the matchers of a dashboard. */
const queries = new Queries({ model: "", server: "", range: "5m" });

/** The default rules: thresholds are choices, and meant to be changed. */
export const alertRules: readonly AlertRule[] = [
  {
    alert: "SluiceErrors",
    expr:
      `sum ${by(perServer)} (rate(${queries.samples(instruments.callDuration, { "error.type": "!=" }, "_count")}[5m])) / ` +
      `sum ${by(perServer)} (rate(${queries.samples(instruments.callDuration, {}, "_count")}[5m])) > 0.01`,
    for: "10m",
    severity: "critical",
    summary: "More than 1 % of the calls fail by the server's own fault",
    description:
      "{{ $value | humanizePercentage }} of the calls to {{ $labels.instance }} end with an error of the server.",
  },
  {
    alert: "SluiceRejections",
    expr:
      `sum ${by([...perModel, labelOf("sluice.reason")])} (rate(${queries.samples(instruments.rejections)}[5m])) / ` +
      `${on(perModel)} group_left sum ${by(perModel)} (rate(${queries.samples(instruments.requestDuration, {}, "_count")}[5m])) > 0.01`,
    for: "5m",
    severity: "warning",
    summary: "More than 1 % of the requests to a model are refused",
    description: `{{ $value | humanizePercentage }} of the requests to ${ofModel} end as {{ $labels.${labelOf("sluice.reason")} }}.`,
  },
  {
    alert: "SluiceRefusals",
    expr:
      `sum ${by([...perServer, labelOf("sluice.reason")])} (rate(${queries.samples(instruments.rejections, { [name]: "" })}[5m])) / ` +
      `${on(perServer)} group_left sum ${by(perServer)} (rate(${queries.samples(instruments.requestDuration, {}, "_count")}[5m])) > 0.01`,
    for: "5m",
    severity: "warning",
    summary: "Many requests are refused before they come to a model",
    description: `For every request that comes to a model of {{ $labels.instance }}, {{ printf "%.2f" $value }} end before it as {{ $labels.${labelOf("sluice.reason")} }}.`,
  },
  {
    alert: "SluiceLatency",
    expr:
      `histogram_quantile(0.99, sum ${by(["le", ...perModel])} (rate(${queries.samples(instruments.requestDuration, { "error.type": "" }, "_bucket")}[5m]))) > ` +
      `${on(perModel)} ${queries.samples(instruments.latencyTarget)}`,
    for: "10m",
    severity: "warning",
    summary: "A model is slower than it aims to be",
    description: `p99 of ${ofModel} is {{ $value | humanizeDuration }}, above its sluice_latency_target_ms.`,
  },
  {
    alert: "SluiceQueue",
    expr: `${queries.samples(instruments.queueSize)} > 0.8 * ${queries.samples(instruments.queueLimit)}`,
    for: "5m",
    severity: "warning",
    summary: "The queue of a model is nearly full",
    description: `{{ $value }} requests wait for ${ofModel}: more than 80 % of --max-queue-requests.`,
  },
  {
    alert: "SluiceEventLoop",
    expr: `${queries.samples(instruments.delayP99)} > 0.05`,
    for: "5m",
    severity: "warning",
    summary: "A front process is saturated",
    description: "The event loop of {{ $labels.instance }} is {{ $value | humanizeDuration }} late.",
  },
  {
    alert: "SluiceRuntimeRestarts",
    expr: `sum ${by(perServer)} (increase(${queries.samples(instruments.runtimeRestarts)}[15m])) > 2`,
    severity: "critical",
    summary: "Runtime processes end again and again",
    description: "{{ $value | humanize }} runtime processes of {{ $labels.instance }} ended unasked within 15 minutes.",
  },
  {
    alert: "SluiceModelUnavailable",
    expr: `${queries.samples(instruments.modelStatus, { "sluice.state": "unavailable" })} == 1`,
    for: "5m",
    severity: "critical",
    summary: "A model version cannot be served",
    description: `${ofModel} is unavailable on {{ $labels.instance }}: its log line says why.`,
  },
  {
    alert: "SluiceDrift",
    expr: `${queries.samples(instruments.driftSignals)} > 0`,
    severity: "warning",
    summary: "What a model is asked or answers is no longer what its reference says",
    description: `{{ $value }} features or outputs of ${ofModel} drift.`,
  },
  {
    alert: "SluiceLabelCoverage",
    expr: `${queries.samples(instruments.labelCoverage)} < 0.5 * avg_over_time(${queries.samples(instruments.labelCoverage)}[7d])`,
    for: "1h",
    severity: "warning",
    summary: "Fewer truths come than usual",
    description: `Only {{ $value | humanizePercentage }} of the predictions of ${ofModel} have a truth, less than half of the week's mean.`,
  },
  {
    alert: "SluiceModelAlert",
    // Drift has a rule of its own above, also where the model's own is switched off.
    expr: `${queries.samples(instruments.alertState, { "sluice.alert": "!=drift" })} == 2`,
    severity: "warning",
    summary: "An alert of a model's monitor.yaml fires",
    description: `{{ $labels.${labelOf("sluice.alert")} }} of ${ofModel} fires on {{ $labels.instance }}.`,
  },
  {
    alert: "SluiceMonitorOverload",
    expr: `sum ${by([...perServer, labelOf("sluice.monitor"), labelOf("sluice.reason")])} (rate(${queries.samples(instruments.monitorDropped)}[15m])) > 0`,
    for: "15m",
    severity: "warning",
    summary: "The monitor leaves records out",
    description: `{{ $labels.${labelOf("sluice.monitor")} }} of {{ $labels.instance }} drops records: {{ $labels.${labelOf("sluice.reason")} }}.`,
  },
];

/** deploy/prometheus/alerts.yaml. */
export function renderAlertRules(): string {
  const rules = alertRules.map(({ alert, expr, for: hold, severity, summary, description }) => ({
    alert,
    expr,
    ...(hold === undefined ? {} : { for: hold }),
    labels: { severity },
    annotations: { summary, description },
  }));
  const heading =
    "# Alert rules for Prometheus. Generated by `npm run generate` from scripts/alert-rules.ts; thresholds are meant to be changed in a copy.\n";
  return `${heading}${stringify({ groups: [{ name: "sluice", rules }] }, { lineWidth: 0 })}`;
}

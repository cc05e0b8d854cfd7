import type { ModelReport } from "../../../monitor-report.ts";
import { DataTable, textCell } from "../data-table.ts";
import { element, setAttribute, setText } from "../element.ts";
import { type Fact, FactStrip } from "../fact-strip.ts";
import { headlineMetric, intervalText, metricName, metricValueText } from "../metric-text.ts";
import { alertCounts, trafficFacts } from "../model-facts.ts";
import { absent, countText, rateText, secondsText, shareText } from "../number-text.ts";
import type { PageReport } from "../page-report.ts";
import { emptyState } from "../panel.ts";
import { routeFragment } from "../routes.ts";
import { matches } from "../row-order.ts";
import { Sparkline } from "../sparkline.ts";
import type { View } from "../view.ts";

const perPage = 50;

/** Every model with its state, traffic, quality, drift and alerts. */
export function createModelsView(): View {
  const strip = new FactStrip();
  const find = element("input", {
    type: "search",
    placeholder: "Find a model",
    "aria-label": "Find a model",
    class: "find",
  });
  const table = createTable();
  const nothing = emptyState(
    "No model version is watched",
    "Load one: put it into the repository, or start the server with one.",
    "sluice serve <repository>",
  );
  const root = element(
    "div",
    {},
    element("h2", {}, "Models"),
    strip.root,
    element("div", { class: "tools" }, find),
    table.root,
    nothing,
  );
  let models: readonly ModelReport[] = [];
  const show = () => {
    const { value } = find;
    table.update(value === "" ? models : models.filter(({ model_name }) => matches(model_name, value)));
  };
  find.addEventListener("input", () => {
    table.restart();
    show();
  });
  return {
    root,
    update(report) {
      models = report.models;
      nothing.hidden = models.length > 0;
      table.root.hidden = models.length === 0;
      strip.update(serverFacts(report));
      show();
    },
    destroy() {},
  };
}

function serverFacts({ models }: PageReport): readonly Fact[] {
  const traffic = models.map(({ history }) => trafficFacts(history)).filter((facts) => facts !== undefined);
  const requests = traffic.reduce((sum, { requestsPerSecond }) => sum + requestsPerSecond, 0);
  const rows = traffic.reduce((sum, { rowsPerSecond }) => sum + rowsPerSecond, 0);
  const last = models.map(({ history }) => history.at(-1)).filter((point) => point !== undefined);
  const failures = last.reduce((sum, point) => sum + point.failures, 0);
  const all = last.reduce((sum, point) => sum + point.requests + point.failures, 0);
  const ready = models.filter(({ state }) => state === "READY").length;
  const firing = models.reduce((sum, model) => sum + alertCounts(model).firing, 0);
  const pending = models.reduce((sum, model) => sum + alertCounts(model).pending, 0);
  const drifted = models.reduce((sum, { data }) => sum + data.drifted_signals, 0);
  return [
    {
      name: "Models ready",
      value: countText(ready),
      detail: `of ${countText(models.length)}`,
      look: ready < models.length ? "pending" : undefined,
    },
    { name: "Requests", value: rateText(requests), detail: rateText(rows, "rows/s") },
    {
      name: "Failed",
      value: all === 0 ? absent : shareText(failures / all),
      detail: `${countText(failures)} in the last interval`,
    },
    { name: "Signals drifted", value: countText(drifted), look: drifted > 0 ? "pending" : undefined },
    {
      name: "Alerts firing",
      value: countText(firing),
      detail: `${countText(pending)} pending`,
      look: firing > 0 ? "firing" : undefined,
    },
  ];
}

function createTable(): DataTable<ModelReport> {
  return new DataTable<ModelReport>({
    caption: "Models, with state, traffic, quality, drift and alerts",
    keyOf: ({ model_name, model_version }) => JSON.stringify([model_name, model_version]),
    order: { key: "name", isDescending: false },
    perPage,
    empty: "No model has such a name.",
    columns: [
      { key: "name", title: "Model", sortValue: ({ model_name }) => model_name, cell: nameCell },
      {
        key: "version",
        title: "Version",
        isNumber: true,
        isWide: true,
        sortValue: (model) => Number(model.model_version),
        cell: textCell((model) => model.model_version),
      },
      {
        key: "state",
        title: "State",
        isMark: true,
        sortValue: ({ state }) => state,
        cell: textCell(
          ({ state }) => state.toLowerCase(),
          ({ state }) => `state ${state.toLowerCase()}`,
        ),
      },
      {
        key: "provider",
        title: "Runs on",
        isWide: true,
        sortValue: (model) => model.execution_provider,
        cell: textCell((model) => model.execution_provider || absent),
      },
      {
        key: "requests",
        title: "Requests",
        isNumber: true,
        sortValue: ({ history }) => trafficFacts(history)?.requestsPerSecond,
        cell: requestsCell,
      },
      {
        key: "p99",
        title: "p99",
        meaning: "99th percentile of the time from arrival to answer",
        isNumber: true,
        isWide: true,
        sortValue: ({ history }) => trafficFacts(history)?.p99Seconds,
        cell: textCell(({ history }) => secondsText(trafficFacts(history)?.p99Seconds)),
      },
      {
        key: "failed",
        title: "Failed",
        isNumber: true,
        isWide: true,
        sortValue: ({ history }) => trafficFacts(history)?.failureShare,
        cell: textCell(({ history }) => shareText(trafficFacts(history)?.failureShare)),
      },
      {
        key: "quality",
        title: "Quality",
        isNumber: true,
        isWide: true,
        sortValue: ({ quality }) => headlineMetric(quality.metrics)?.value,
        cell: qualityCell,
      },
      {
        key: "drift",
        title: "Drifted",
        meaning: "Signals that have drifted, of all that are compared",
        isNumber: true,
        isWide: true,
        sortValue: ({ data }) => data.drifted_signals,
        cell: textCell(driftText, ({ data }) => (data.drifted_signals > 0 ? "state pending" : "quiet")),
      },
      {
        key: "alerts",
        title: "Alerts",
        isNumber: true,
        sortValue: alertSortValue,
        cell: textCell(alertText, alertLook),
      },
    ],
  });
}

function nameCell() {
  const root = element("a", { class: "row-link" });
  return {
    root,
    update({ model_name, model_version }: ModelReport) {
      setText(root, model_name);
      const route = { view: "model", tab: "traffic", model: model_name, version: model_version, signal: "" } as const;
      setAttribute(root, "href", routeFragment(route));
    },
  };
}

function requestsCell() {
  const line = new Sparkline(72, 18);
  const text = element("span", { class: "with-spark" });
  return {
    root: element("span", { class: "spark-cell" }, line.root, text),
    update({ history }: ModelReport) {
      line.update(history.map(({ requests, seconds }) => requests / seconds));
      setText(text, rateText(trafficFacts(history)?.requestsPerSecond));
    },
  };
}

function qualityCell() {
  const value = element("span");
  const detail = element("span", { class: "quiet" });
  return {
    root: element("span", {}, value, detail),
    update({ quality }: ModelReport) {
      const metric = headlineMetric(quality.metrics);
      setText(value, metric === undefined ? absent : metricValueText(metric, metric.value));
      setText(detail, metric === undefined ? "" : ` ${metricName(metric)}`);
      setAttribute(
        value,
        "title",
        metric === undefined ? undefined : `${intervalText(metric)}, ${countText(metric.sample_count)} rows`,
      );
    },
  };
}

function driftText({ data }: ModelReport): string {
  return data.reference === "" ? absent : `${countText(data.drifted_signals)} of ${countText(data.signal_count)}`;
}

function alertSortValue(model: ModelReport): number {
  const { firing, pending } = alertCounts(model);
  return firing * 1_000 + pending;
}

function alertText(model: ModelReport): string {
  if (model.alerts.length === 0) return absent;
  const { firing, pending } = alertCounts(model);
  if (firing > 0) return `${firing} firing`;
  return pending > 0 ? `${pending} pending` : "ok";
}

function alertLook(model: ModelReport): string {
  const { firing, pending } = alertCounts(model);
  if (firing > 0) return "state firing";
  return pending > 0 ? "state pending" : "quiet";
}

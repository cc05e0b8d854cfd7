import type { Alert } from "../../../monitor-report.ts";
import { alertsExample } from "../advice.ts";
import { DataTable, textCell } from "../data-table.ts";
import { element, setAttribute, setText } from "../element.ts";
import { alertRank, alertStateText, metricValueText } from "../metric-text.ts";
import { absent, countText } from "../number-text.ts";
import { emptyState } from "../panel.ts";
import { routeFragment } from "../routes.ts";
import { agoText, epochSeconds } from "../time-text.ts";
import type { View } from "../view.ts";

interface AlertRow extends Alert {
  readonly nowSeconds: number;
}

/** Alerts and how they stand, firing ones first. @param isOfOneModel the models need no column */
export function createAlertsView(isOfOneModel: boolean): View {
  const table = createTable(isOfOneModel);
  const nothing = emptyState(
    "There are no alert rules",
    "Add them to the monitor.yaml of a model, and load it again.",
    alertsExample,
  );
  const heading = isOfOneModel ? undefined : element("h2", {}, "Alerts");
  return {
    root: element("div", {}, heading, nothing, table.root),
    update({ models, at }) {
      const rows = models.flatMap(({ alerts }) => alerts.map((alert) => ({ ...alert, nowSeconds: epochSeconds(at) })));
      nothing.hidden = rows.length > 0;
      table.root.hidden = rows.length === 0;
      table.update(rows);
    },
    destroy() {},
  };
}

function createTable(isOfOneModel: boolean): DataTable<AlertRow> {
  const since = ({ since: at }: AlertRow) => (at === undefined ? undefined : epochSeconds(at));
  const model = {
    key: "model",
    title: "Model",
    sortValue: ({ model_name, model_version }: AlertRow) => `${model_name} ${model_version}`,
    cell: modelCell,
  };
  return new DataTable<AlertRow>({
    caption: "Alert rules and how they stand",
    keyOf: (alert) => JSON.stringify([alert.model_name, alert.model_version, alert.name]),
    order: { key: "state", isDescending: false },
    perPage: 100,
    empty: "",
    columns: [
      { key: "name", title: "Alert", sortValue: ({ name }) => name, cell: textCell(({ name }) => name) },
      {
        key: "state",
        title: "State",
        sortValue: ({ state }) => alertRank(state),
        cell: textCell(
          ({ state }) => alertStateText(state),
          ({ state }) => `state ${alertStateText(state)}`,
        ),
      },
      ...(isOfOneModel ? [] : [model]),
      {
        key: "severity",
        title: "Severity",
        isWide: true,
        sortValue: ({ severity }) => ["critical", "warning", "info"].indexOf(severity),
        cell: textCell(
          ({ severity }) => severity,
          () => "quiet",
        ),
      },
      {
        key: "value",
        title: "Value",
        isNumber: true,
        isWide: true,
        sortValue: ({ value }) => value,
        cell: textCell(({ metric, value }) => metricValueText({ name: metric }, value)),
      },
      {
        key: "threshold",
        title: "Fires",
        isNumber: true,
        isWide: true,
        cell: textCell(
          ({ metric, comparison, threshold }) => `${comparison} ${metricValueText({ name: metric }, threshold)}`,
          () => "quiet",
        ),
      },
      {
        key: "rows",
        title: "Rows",
        isNumber: true,
        isWide: true,
        sortValue: (row) => row.sample_count,
        cell: textCell(
          (row) => countText(row.sample_count),
          () => "quiet",
        ),
      },
      {
        key: "since",
        title: "Since",
        isNumber: true,
        sortValue: since,
        cell: textCell((row) => (since(row) === undefined ? absent : agoText(since(row) ?? 0, row.nowSeconds))),
      },
      { key: "message", title: "In words", isWide: true, isProse: true, cell: textCell(({ message }) => message) },
    ],
  });
}

function modelCell() {
  const root = element("a", { class: "row-link" });
  return {
    root,
    update({ model_name, model_version }: AlertRow) {
      setText(root, `${model_name} ${model_version}`);
      setAttribute(
        root,
        "href",
        routeFragment({ view: "model", tab: "alerts", model: model_name, version: model_version, signal: "" }),
      );
    },
  };
}

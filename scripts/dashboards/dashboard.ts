import { type Panel, refIdOf } from "./panel.ts";

/** Panels under one heading. */
export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

/** A value that whoever looks at a dashboard can choose. */
export interface Variable {
  readonly name: string;
  readonly label: string;
  /** A query of Grafana's Prometheus source, `label_values(metric, label)`. */
  readonly query: string;
}

/** Marks on the time axis where an expression has a value. */
export interface Annotation {
  readonly name: string;
  readonly expr: string;
  readonly title: string;
}

/** A whole dashboard. */
export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly variables: readonly Variable[];
  readonly annotations: readonly Annotation[];
  readonly rows: readonly Row[];
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana puts the chosen source in its place
const source = { type: "prometheus", uid: "${datasource}" };
const gridWidth = 24;
const panelHeight = 8;

/** The JSON that Grafana imports. */
export function renderDashboard({ uid, title, description, variables, annotations, rows }: Dashboard): string {
  const dashboard = {
    uid,
    title,
    description,
    tags: ["sluice"],
    schemaVersion: 39,
    editable: true,
    refresh: "30s",
    time: { from: "now-1h", to: "now" },
    templating: { list: [sourceVariable, ...variables.map(renderVariable)] },
    annotations: {
      list: annotations.map(({ name, expr, title: titleFormat }) => ({
        name,
        datasource: source,
        enable: true,
        expr,
        titleFormat,
        step: "30s",
      })),
    },
    panels: place(rows),
  };
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}

const sourceVariable = { name: "datasource", label: "Data source", type: "datasource", query: "prometheus" };

function renderVariable({ name, label, query }: Variable) {
  return {
    name,
    label,
    type: "query",
    datasource: source,
    definition: query,
    query: { query, refId: name },
    refresh: 2,
    sort: 1,
    multi: true,
    includeAll: true,
    allValue: ".*",
    current: { text: "All", value: "$__all" },
  };
}

/** Gives panels their places: from left to right, on the next line where a line is full. */
function place(rows: readonly Row[]): unknown[] {
  const placed: unknown[] = [];
  let y = 0;
  for (const { title, panels } of rows) {
    placed.push({
      id: placed.length + 1,
      type: "row",
      title,
      collapsed: false,
      gridPos: { x: 0, y, w: gridWidth, h: 1 },
      panels: [],
    });
    y++;
    let x = 0;
    for (const panel of panels) {
      if (x + panel.width > gridWidth) {
        x = 0;
        y += panelHeight;
      }
      placed.push(render(panel, placed.length + 1, { x, y, w: panel.width, h: panelHeight }));
      x += panel.width;
    }
    y += panelHeight;
  }
  return placed;
}

function render({ type, title, description, targets, more }: Panel, id: number, gridPos: object): object {
  const isInstant = type === "table" || type === "bargauge";
  return {
    id,
    type,
    title,
    description,
    datasource: source,
    gridPos,
    targets: targets.map(({ expr, legend }, index) => ({
      refId: refIdOf(index),
      datasource: source,
      expr,
      legendFormat: legend,
      ...(type === "heatmap" ? { format: "heatmap" } : type === "table" ? { format: "table" } : {}),
      ...(isInstant ? { instant: true, range: false } : {}),
    })),
    ...more,
  };
}

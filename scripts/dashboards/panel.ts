/** Panels of a Grafana dashboard, as far as ours need them. */

/** One query of a panel. */
export interface Target {
  readonly expr: string;
  /** Grafana's form: `{{label}}`. */
  readonly legend: string;
}

/** A panel without its place. */
export interface Panel {
  readonly title: string;
  readonly description: string;
  readonly type: "timeseries" | "heatmap" | "table" | "bargauge";
  /** Of 24 columns. */
  readonly width: number;
  readonly targets: readonly Target[];
  /** The fields of the panel's JSON beside those above. */
  readonly more: Readonly<Record<string, unknown>>;
}

interface PanelOptions {
  /** Grafana's unit. Default: a plain number. */
  readonly unit?: string;
  readonly description?: string;
  readonly width?: number;
  readonly max?: number;
  /** Least value of the axis; null: that of the data. Default: 0. */
  readonly min?: number | null;
}

const defaultWidth = 8;

/** Lines over time. @param options.isStacked areas upon each other */
export function timeseries(
  title: string,
  targets: readonly Target[],
  options: PanelOptions & { readonly isStacked?: boolean } = {},
): Panel {
  const { unit = "short", isStacked = false } = options;
  const custom = {
    fillOpacity: isStacked ? 30 : 5,
    showPoints: "never",
    stacking: { group: "A", mode: isStacked ? "normal" : "none" },
  };
  const { min = 0, max } = options;
  const limits = { ...(min === null ? {} : { min }), ...(max === undefined ? {} : { max }) };
  return panel("timeseries", title, targets, options, {
    fieldConfig: { defaults: { custom, unit, ...limits }, overrides: [] },
    options: { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi", sort: "desc" } },
  });
}

/** The buckets of a histogram over time. */
export function heatmap(title: string, expr: string, options: PanelOptions = {}): Panel {
  return panel("heatmap", title, [{ expr, legend: "{{le}}" }], options, {
    options: {
      calculate: false,
      cellGap: 1,
      color: { exponent: 0.5, mode: "scheme", scheme: "Blues", steps: 64 },
      yAxis: { unit: options.unit ?? "short" },
    },
  });
}

/** What is the case now, one line a series, one column a query. */
export function table(title: string, targets: readonly Target[], options: PanelOptions = {}): Panel {
  return panel("table", title, targets, options, {
    fieldConfig: { defaults: { unit: options.unit ?? "short" }, overrides: [] },
    transformations: [
      { id: "merge", options: {} },
      {
        id: "organize",
        options: {
          excludeByName: { Time: true },
          renameByName: Object.fromEntries(
            targets.map(({ legend }, index) => [targets.length > 1 ? `Value #${refIdOf(index)}` : "Value", legend]),
          ),
        },
      },
    ],
  });
}

/** Bars of what is the case now. */
export function bars(title: string, targets: readonly Target[], options: PanelOptions = {}): Panel {
  return panel("bargauge", title, targets, options, {
    fieldConfig: { defaults: { min: 0, unit: options.unit ?? "short" }, overrides: [] },
    options: { displayMode: "basic", orientation: "horizontal", reduceOptions: { calcs: ["lastNotNull"] } },
  });
}

function panel(
  type: Panel["type"],
  title: string,
  targets: readonly Target[],
  { description = "", width = defaultWidth }: PanelOptions,
  more: Panel["more"],
): Panel {
  return { type, title, description, width, targets, more };
}

/** A, B, C: Grafana's names of a panel's queries. */
export function refIdOf(index: number): string {
  return String.fromCharCode("A".charCodeAt(0) + index);
}

import type { Metric } from "../../monitor-report.ts";
import { DataTable, textCell } from "./data-table.ts";
import { setAttribute, svgElement } from "./element.ts";
import type { MetricRow } from "./metric-rows.ts";
import { intervalText, isShare, metricKey, metricName, metricValueText } from "./metric-text.ts";
import { absent, countText } from "./number-text.ts";

/** The metrics of a window with their intervals, the estimates and what the reference profile expects beside them. */
export function createMetricTable(): DataTable<MetricRow> {
  return new DataTable<MetricRow>({
    caption: "Metrics of the window, with interval, sample size, estimate and expectation",
    keyOf: ({ metric }) => metricKey(metric),
    order: { key: "", isDescending: false },
    perPage: 40,
    empty: "No metrics yet.",
    columns: [
      {
        key: "name",
        title: "Metric",
        sortValue: ({ metric }) => metricName(metric),
        cell: textCell(({ metric }) => metricName(metric)),
      },
      {
        key: "value",
        title: "Value",
        isNumber: true,
        sortValue: ({ realized }) => realized?.value,
        cell: textCell(({ metric, realized }) => metricValueText(metric, realized?.value)),
      },
      {
        key: "interval",
        title: "Interval",
        isNumber: true,
        isWide: true,
        cell: textCell(
          ({ realized }) => (realized === undefined ? "" : intervalText(realized)),
          () => "quiet",
        ),
      },
      { key: "range", title: "", isWide: true, cell: rangeCell },
      {
        key: "estimate",
        title: "Estimated",
        meaning: "From the scores alone, without outcomes",
        isNumber: true,
        sortValue: ({ estimate }) => estimate?.value,
        cell: textCell(({ metric, estimate }) => metricValueText(metric, estimate?.value)),
      },
      {
        key: "expected",
        title: "Expected",
        meaning: "What the reference profile says",
        isNumber: true,
        isWide: true,
        sortValue: ({ metric }) => metric.expected,
        cell: textCell(({ metric }) => metricValueText(metric, metric.expected)),
      },
      {
        key: "rows",
        title: "Rows",
        isNumber: true,
        sortValue: ({ realized }) => realized?.sample_count,
        cell: textCell(({ realized }) => rowsText(realized)),
      },
    ],
  });
}

function rowsText(metric: Metric | undefined): string {
  if (metric === undefined) return absent;
  return metric.zero_division ? `${countText(metric.sample_count)}, 0/0` : countText(metric.sample_count);
}

const rangeWidth = 84;

/** The interval on a scale: value, its interval, the estimate as a ring, the expectation as a stroke. What it shows stands beside it in numbers. */
function rangeCell() {
  const interval = svgElement("line", { class: "range-interval", y1: 8, y2: 8 });
  const value = svgElement("circle", { class: "range-value", cy: 8, r: 3 });
  const estimate = svgElement("circle", { class: "range-estimate", cy: 8, r: 3 });
  const expected = svgElement("line", { class: "range-expected", y1: 2, y2: 14 });
  const rail = svgElement("line", { class: "range-rail", x1: 0, x2: rangeWidth, y1: 8, y2: 8 });
  const viewBox = `-4 0 ${rangeWidth + 8} 16`;
  const box = { class: "range", viewBox, width: rangeWidth + 8, height: 16, "aria-hidden": "true" };
  const root = svgElement("svg", box, rail, expected, interval, estimate, value);
  return {
    root,
    update({ metric, realized, estimate: estimated }: MetricRow) {
      const [low, high] = rangeScale(metric, [realized, estimated]);
      const place = (x: number | undefined) =>
        x === undefined
          ? undefined
          : Math.round(((Math.min(high, Math.max(low, x)) - low) / (high - low)) * rangeWidth * 10) / 10;
      setAttribute(interval, "x1", place(realized?.lower));
      setAttribute(interval, "x2", place(realized?.upper));
      show(value, { cx: place(realized?.value) });
      show(estimate, { cx: place(estimated?.value) });
      show(expected, { x1: place(metric.expected), x2: place(metric.expected) });
    },
  };
}

function show(shape: SVGElement, places: Readonly<Record<string, number | undefined>>): void {
  const isThere = Object.values(places).every((place) => place !== undefined);
  setAttribute(shape, "visibility", isThere ? undefined : "hidden");
  for (const [name, place] of Object.entries(places)) setAttribute(shape, name, place);
}

/** Ends of the scale: those between which a share is told apart, else half as much again around the numbers. */
function rangeScale(metric: Metric, shown: readonly (Metric | undefined)[]): readonly [number, number] {
  const values = shown.flatMap((one) => [one?.value, one?.lower, one?.upper]).concat(metric.expected);
  const known = values.filter((value) => value !== undefined);
  const [least, most] = [Math.min(...known), Math.max(...known)];
  if (isShare(metric)) {
    if (least >= 0.8) return [0.8, 1];
    return most <= 0.2 ? [0, 0.2] : [0, 1];
  }
  const margin = (most - least || Math.abs(most) || 1) * 0.5;
  return [least - margin, most + margin];
}

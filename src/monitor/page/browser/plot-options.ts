import uPlot from "uplot";
import type { ChartOptions, ChartSeries } from "./chart-options.ts";
import { trimZeros } from "./number-text.ts";
import type { PageTheme } from "./theme.ts";
import { axisClockText } from "./time-text.ts";

/** Round distances between moments, seconds: none below a second, which is the least interval that there is. */
const timeIncrements = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400];

/** What uPlot is told of a chart, but for its size. */
export type PlotOptions = Omit<uPlot.Options, "width" | "height">;

/**
 * A chart as uPlot takes it: each band as two rows that are not drawn, the upper and the lower one, then the series, stacked ones as sums from the
 * top down. Colours are asked for at every drawing, so that they follow the theme.
 * @param onPointed hears the place under the pointer; undefined: there is none
 */
export function plotOptions(
  options: ChartOptions,
  theme: PageTheme,
  onPointed: (index: number | undefined) => void,
): PlotOptions {
  const bands = options.bands ?? [];
  const first = 1 + bands.length * 2;
  const ordered = options.isStacked === true ? [...options.series].reverse() : options.series;
  const stackBands: uPlot.Band[] =
    options.isStacked === true
      ? ordered.slice(0, -1).map(({ color }, i) => ({
          series: [first + i, first + i + 1],
          fill: () => theme.color(`${color}/0.55`),
        }))
      : [];
  return {
    padding: [10, 24, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      drag: { x: false, y: false },
      points: { size: 7 },
      ...(options.group === undefined ? {} : { sync: { key: options.group } }),
    },
    scales: {
      x: {
        time: options.ticks === undefined,
        ...(options.rangeX === undefined
          ? {}
          : { range: () => [...(options.rangeX?.() ?? [0, 1])] as [number, number] }),
      },
      y: { range: (_plot, low, high) => [...(options.rangeY ?? fromZero)(low ?? 0, high ?? 0)] as [number, number] },
      second: { range: (_plot, _low, high) => [0, Math.max(1, (high ?? 0) * 4)] },
    },
    axes: [horizontalAxis(options, theme), verticalAxis(options, theme)],
    series: [
      {},
      ...bands.flatMap((): uPlot.Series[] => [
        { width: 0, points: { show: false } },
        { width: 0, points: { show: false } },
      ]),
      ...ordered.map((series, i) => plotSeries(series, theme, options.isStacked === true && i === ordered.length - 1)),
    ],
    bands: [
      ...bands.map(
        ({ color }, i): uPlot.Band => ({ series: [1 + i * 2, 2 + i * 2], fill: () => theme.color(`${color}/0.16`) }),
      ),
      ...stackBands,
    ],
    hooks: { setCursor: [(plot) => onPointed(plot.cursor.idx ?? undefined)] },
  };
}

function fromZero(low: number, high: number): readonly [number, number] {
  const top = high <= 0 ? (low < 0 ? 0 : 1) : high * 1.08;
  return [Math.min(0, low * 1.08), top];
}

function plotSeries(
  { color, look = "line", scale = undefined }: ChartSeries,
  theme: PageTheme,
  isBottom: boolean,
): uPlot.Series {
  const stroke = () => theme.color(color);
  const shared = { scale: scale ?? "y", stroke, points: { show: look === "dots", size: 6, fill: stroke } };
  if (look === "bars" || look === "wide-bars") {
    const size = look === "bars" ? 0.42 : 0.86;
    return {
      ...shared,
      width: 0,
      fill: stroke,
      paths: uPlot.paths.bars?.({ size: [size, 80, 5] }),
      points: { show: false },
    } as uPlot.Series;
  }
  return {
    ...shared,
    width: look === "area" ? 1 : 1.5,
    ...(look === "dashed" ? { dash: [5, 4] } : {}),
    ...(isBottom ? { fill: () => theme.color(`${color}/0.55`) } : {}),
  };
}

const axisFont = '11px Inter, ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

function axis(theme: PageTheme): uPlot.Axis {
  return {
    stroke: () => theme.color("ink-2"),
    font: axisFont,
    gap: 6,
    grid: { stroke: () => theme.color("grid"), width: 1 },
    ticks: { show: false },
  };
}

function horizontalAxis({ ticks }: ChartOptions, theme: PageTheme): uPlot.Axis {
  const plain = { ...axis(theme), size: 26, grid: { show: false } };
  if (ticks === undefined) {
    const label = (seconds: number, splits: readonly number[]) =>
      axisClockText(seconds, (splits[1] ?? 0) - (splits[0] ?? 0));
    return {
      ...plain,
      space: 64,
      incrs: timeIncrements,
      values: (_plot, splits) => splits.map((seconds) => label(seconds, splits)),
    };
  }
  return { ...plain, splits: () => [...ticks().at], values: () => [...ticks().labels] };
}

function verticalAxis({ format, increments }: ChartOptions, theme: PageTheme): uPlot.Axis {
  return {
    ...axis(theme),
    size: 62,
    space: 34,
    ...(increments === undefined ? {} : { incrs: [...increments] }),
    values: (_plot, splits) => splits.map((value) => trimZeros(format(value))),
  };
}

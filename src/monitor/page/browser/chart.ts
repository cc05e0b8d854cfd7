import uPlot from "uplot";
import { element, setAttribute, setText } from "./element.ts";
import { trimZeros } from "./number-text.ts";
import type { PageTheme } from "./theme.ts";
import { axisClockText } from "./time-text.ts";

/** Round distances between numbers that are counted: none between whole ones. */
export const wholeIncrements: readonly number[] = Array.from({ length: 15 }, (_, i) =>
  [1, 2, 5].map((step) => step * 10 ** i),
).flat();

/** Round distances between moments, seconds: none below a second, which is the least interval that there is. */
const timeIncrements = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400];

/** Numbers of a chart along its horizontal axis; null is a gap. */
export type Values = readonly (number | null)[];

/** One line, area or row of bars. */
export interface ChartSeries {
  readonly label: string;
  /** Custom property of the style sheet that has its colour. */
  readonly color: string;
  readonly look?: "line" | "dashed" | "dots" | "area" | "wide-bars" | "bars";
  /** Of the vertical scales; absent: the one whose axis is drawn. */
  readonly scale?: "second";
}

/** An area between two rows of numbers, for intervals. */
export interface ChartBand {
  readonly color: string;
}

/** How a chart is drawn. */
export interface ChartOptions {
  readonly title: string;
  /** What the vertical axis counts, for people: `mean time of a request`. */
  readonly note?: string;
  /** What is chosen for the chart, in its first line. */
  readonly control?: HTMLElement;
  readonly series: readonly ChartSeries[];
  readonly bands?: readonly ChartBand[];
  /** Each series is drawn on top of the one before. */
  readonly isStacked?: boolean;
  readonly height?: number;
  /** Writes a number of the vertical axis. */
  readonly format: (value: number) => string;
  /** Writes a place on the horizontal axis, for the table and the reading. */
  readonly formatX: (x: number) => string;
  /** Heading of the first column of the table. */
  readonly xTitle: string;
  /** Labels of the horizontal axis and where they stand; absent: moments, told by `formatX`. */
  readonly ticks?: () => { readonly at: readonly number[]; readonly labels: readonly string[] };
  /** Distances between numbers of the vertical axis that are round; absent: decimal ones. */
  readonly increments?: readonly number[];
  /** Ends of the horizontal axis; absent: those of the numbers. */
  readonly rangeX?: () => readonly [number, number];
  /** Ends of the vertical axis from the least and the greatest number; absent: from zero up. */
  readonly rangeY?: (low: number, high: number) => readonly [number, number];
  /** Charts of one view that point at the same moment. */
  readonly group?: string;
  /** Writes a number of one series where it is no number of the vertical axis. */
  readonly formatSeries?: (series: number, value: number) => string;
}

/** Numbers to draw: as many rows as there are series, and a lower and an upper one for each band. */
export interface ChartData {
  readonly x: readonly number[];
  readonly series: readonly Values[];
  readonly bands?: readonly { readonly lower: Values; readonly upper: Values }[];
}

/**
 * A chart by uPlot, with what a canvas lacks: a legend that tells the numbers under the pointer, a reading by the arrow keys, and a table of
 * the same numbers.
 */
export class Chart {
  readonly root: HTMLElement;
  readonly #options: ChartOptions;
  readonly #theme: PageTheme;
  readonly #plotBox: HTMLElement;
  readonly #values: readonly HTMLElement[];
  readonly #at = element("span", { class: "chart-at" });
  readonly #reading = element("p", { class: "visually-hidden", "aria-live": "polite" });
  readonly #table: HTMLTableElement = element("table", { class: "plain" });
  readonly #details: HTMLDetailsElement;
  readonly #empty = element("p", { class: "chart-empty" }, "No numbers yet");
  readonly #resizing: ResizeObserver;
  readonly #stopListening: () => void;
  #plot: uPlot | undefined;
  #data: ChartData = { x: [], series: [] };
  #pointed: number | undefined;

  constructor(options: ChartOptions, theme: PageTheme) {
    this.#options = options;
    this.#theme = theme;
    this.#values = options.series.map(() => element("span", { class: "legend-value" }));
    this.#plotBox = element("div", {
      class: "plot",
      tabindex: 0,
      role: "group",
      "aria-roledescription": "chart",
      "data-height": options.height ?? 160,
    });
    this.#plotBox.style.height = `${options.height ?? 160}px`;
    this.#plotBox.addEventListener("keydown", (event) => this.#onKey(event));
    this.#plotBox.addEventListener("blur", () => this.#pointAt(undefined));
    this.#details = element("details", { class: "chart-table" }, element("summary", {}, "Table"));
    this.#details.append(element("div", { class: "scroll" }, this.#table));
    this.#details.addEventListener("toggle", () => this.#fillTable());
    this.root = element("figure", { class: "chart" }, this.#heading(), this.#plotBox, this.#details, this.#reading);
    this.#plotBox.append(this.#empty);
    this.#resizing = new ResizeObserver(() => this.#fit());
    this.#resizing.observe(this.#plotBox);
    this.#stopListening = theme.onChange(() => this.#plot?.redraw(false));
  }

  update(data: ChartData): void {
    this.#data = data;
    this.#empty.hidden = data.x.length > 0;
    if (data.x.length > 0) {
      this.#plot ??= this.#create();
      this.#plot.setData(this.#aligned());
    }
    if (this.#pointed === undefined || this.#pointed >= data.x.length) this.#onPointed(undefined);
    else this.#showValues(this.#pointed);
    setAttribute(this.#plotBox, "aria-label", this.#summary());
    this.#fillTable();
  }

  destroy(): void {
    this.#resizing.disconnect();
    this.#stopListening();
    this.#plot?.destroy();
  }

  #heading(): HTMLElement {
    const { title, note, series, control } = this.#options;
    const legend = element(
      "ul",
      { class: "legend" },
      ...series.map(({ label, color, look }, i) =>
        element("li", {}, swatch(color, look), element("span", {}, label), this.#values[i]),
      ),
    );
    const noteText = note === undefined ? undefined : element("span", { class: "chart-note" }, note);
    const line = element(
      "div",
      { class: "chart-line" },
      element("span", { class: "chart-title" }, title),
      noteText,
      this.#at,
      control,
    );
    return element("figcaption", {}, line, legend);
  }

  #create(): uPlot {
    const { width } = this.#plotBox.getBoundingClientRect();
    const height = this.#options.height ?? 160;
    return new uPlot(
      { ...plotOptions(this.#options, this.#theme, (i) => this.#onPointed(i)), width, height },
      undefined,
      this.#plotBox,
    );
  }

  #fit(): void {
    const { width } = this.#plotBox.getBoundingClientRect();
    if (this.#plot !== undefined && width > 0 && width !== this.#plot.width) {
      this.#plot.setSize({ width, height: this.#options.height ?? 160 });
    }
  }

  /** The rows that uPlot draws: bands first, then the series, the stacked ones as sums from the top down. */
  #aligned(): uPlot.AlignedData {
    const { x, series, bands = [] } = this.#data;
    const drawn = this.#options.isStacked === true ? sumsFromTop(series) : series;
    const rows = [...bands.flatMap(({ lower, upper }) => [upper, lower]), ...drawn];
    return [x, ...rows] as unknown as uPlot.AlignedData; // uPlot takes plain arrays, but its types do not know readonly ones
  }

  #onPointed(index: number | undefined): void {
    this.#pointed = index;
    this.#showValues(index);
  }

  /** Tells the numbers of a place; of none: of the last moment, where the chart is over time. */
  #showValues(index: number | undefined): void {
    const { ticks, formatX } = this.#options;
    const shown = index ?? (ticks === undefined ? this.#data.x.length - 1 : undefined);
    this.#values.forEach((value, i) => {
      setText(value, shown === undefined ? "" : this.#text(i, this.#data.series[i]?.[shown]));
    });
    const x = index === undefined ? undefined : this.#data.x[index];
    setText(this.#at, x === undefined ? "" : formatX(x));
  }

  #text(series: number, value: number | null | undefined): string {
    if (value === null || value === undefined) return "–";
    return this.#options.formatSeries?.(series, value) ?? this.#options.format(value);
  }

  #summary(): string {
    const { title, series, formatX } = this.#options;
    const last = this.#data.x.length - 1;
    const x = this.#data.x[last];
    if (x === undefined) return `${title}: no numbers yet`;
    const values = series.map(({ label }, i) => `${label} ${this.#text(i, this.#data.series[i]?.[last])}`);
    return `${title}. ${last + 1} points, the last at ${formatX(x)}: ${values.join(", ")}. Arrow keys read the others.`;
  }

  #onKey(event: KeyboardEvent): void {
    const last = this.#data.x.length - 1;
    const from = this.#pointed ?? last;
    const to = { ArrowLeft: from - 1, ArrowRight: from + 1, Home: 0, End: last }[event.key];
    if (to === undefined || last < 0) return;
    event.preventDefault();
    const index = Math.min(last, Math.max(0, to));
    this.#pointAt(index);
    const x = this.#data.x[index] ?? 0;
    const values = this.#options.series.map(
      ({ label }, i) => `${label} ${this.#text(i, this.#data.series[i]?.[index])}`,
    );
    setText(this.#reading, `${this.#options.formatX(x)}: ${values.join(", ")}`);
  }

  #pointAt(index: number | undefined): void {
    const x = index === undefined ? undefined : this.#data.x[index];
    this.#plot?.setCursor(
      x === undefined
        ? { left: -10, top: -10 }
        : { left: this.#plot.valToPos(x, "x"), top: this.#plot.over.clientHeight / 2 },
    );
    this.#onPointed(index);
  }

  #fillTable(): void {
    if (!this.#details.open) return;
    const { xTitle, series, formatX } = this.#options;
    const titles = [xTitle, ...series.map(({ label }) => label)];
    const head = element(
      "thead",
      {},
      element("tr", {}, ...titles.map((title) => element("th", { scope: "col" }, title))),
    );
    const rows = this.#data.x.map((x, at) => {
      const cells = series.map((_, i) => element("td", { class: "number" }, this.#text(i, this.#data.series[i]?.[at])));
      return element("tr", {}, element("th", { scope: "row" }, formatX(x)), ...cells);
    });
    const caption = element("caption", { class: "visually-hidden" }, this.#options.title);
    this.#table.replaceChildren(caption, head, element("tbody", {}, ...rows.reverse()));
  }
}

function swatch(color: string, look: ChartSeries["look"] = "line"): HTMLElement {
  const mark = element("span", { class: `swatch ${look}`, "aria-hidden": "true" });
  mark.style.setProperty("--color", `var(--${color})`);
  return mark;
}

/** Sums of the first n rows, n - 1 rows, and so on to the first alone: the order in which areas cover each other. */
function sumsFromTop(series: readonly Values[]): readonly Values[] {
  const sums: Values[] = [];
  for (const row of series) {
    const below = sums.at(-1);
    sums.push(row.map((value, i) => (value === null ? null : value + (below?.[i] ?? 0))));
  }
  return sums.reverse();
}

type PlotOptions = Omit<uPlot.Options, "width" | "height">;

function plotOptions(
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

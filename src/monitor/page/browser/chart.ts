import uPlot from "uplot";
import type { ChartData, ChartOptions, ChartSeries, Values } from "./chart-options.ts";
import { element, setAttribute, setText } from "./element.ts";
import { plotOptions } from "./plot-options.ts";
import type { PageTheme } from "./theme.ts";

const defaultHeight = 160;

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
    });
    this.#plotBox.style.height = `${this.#height}px`;
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

  get #height(): number {
    return this.#options.height ?? defaultHeight;
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
    const height = this.#height;
    return new uPlot(
      { ...plotOptions(this.#options, this.#theme, (i) => this.#onPointed(i)), width, height },
      undefined,
      this.#plotBox,
    );
  }

  #fit(): void {
    const { width } = this.#plotBox.getBoundingClientRect();
    if (this.#plot !== undefined && width > 0 && width !== this.#plot.width) {
      this.#plot.setSize({ width, height: this.#height });
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

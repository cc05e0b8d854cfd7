import type { SignalReport } from "../../monitor-report.ts";
import { Chart } from "./chart.ts";
import { element, setText } from "./element.ts";
import { type Bars, numbersOf, signalBars } from "./histogram.ts";
import { absent, countText, numberText, shareText, steadyText } from "./number-text.ts";
import { methodText } from "./signal-words.ts";
import type { PageTheme } from "./theme.ts";

/** One signal in full: its distribution now against the reference, every score, and values that should not be. */
export class SignalDetail {
  readonly root: HTMLElement;
  readonly #title = element("h3", { tabindex: -1 });
  readonly #hint = element(
    "p",
    { class: "quiet hint" },
    "Choose a signal to see its distribution now against the reference.",
  );
  readonly #body: HTMLElement;
  readonly #scores = element("tbody");
  readonly #numbers = element("tbody");
  readonly #anomalies = element("tbody");
  readonly #anomalyTable: HTMLElement;
  readonly #chart: Chart;
  #bars: Bars | undefined;

  constructor(theme: PageTheme) {
    this.#chart = new Chart(
      {
        title: "Distribution",
        note: "share of values, now against the reference",
        height: 220,
        format: shareText,
        formatX: (x) => this.#bars?.labels[x] ?? "",
        xTitle: "Values",
        ticks: () => this.#bars?.ticks ?? { at: [], labels: [] },
        rangeX: () => [-0.6, Math.max(1, this.#bars?.labels.length ?? 1) - 0.4],
        series: [
          { label: "reference", color: "reference", look: "wide-bars" },
          { label: "now", color: "series-1", look: "bars" },
        ],
      },
      theme,
    );
    this.#anomalyTable = plainTable(
      "Values that should not be",
      ["Kind", "Now", "Share", "Reference"],
      this.#anomalies,
    );
    this.#body = element(
      "div",
      {},
      this.#chart.root,
      plainTable("Scores by method", ["Method", "Score", "Critical", "Effect", "Windows above"], this.#scores),
      plainTable("Numbers now and in the reference", ["", "Now", "Reference"], this.#numbers),
      this.#anomalyTable,
    );
    this.root = element(
      "section",
      { class: "panel detail", "aria-label": "Signal" },
      this.#title,
      this.#hint,
      this.#body,
    );
  }

  update(signal: SignalReport | undefined): void {
    this.#hint.hidden = signal !== undefined;
    this.#body.hidden = signal === undefined;
    setText(this.#title, signal?.name ?? "Signal");
    if (signal === undefined) return;
    this.#bars = signalBars(signal.current, signal.reference);
    const { labels = [], now = [], reference } = this.#bars ?? {};
    this.#chart.update({ x: labels.map((_, i) => i), series: [reference ?? labels.map(() => null), now] });
    this.#scores.replaceChildren(
      ...signal.scores.map(({ method, value, critical, effect_threshold, windows_above, above }) => {
        const score = element("span", { class: above ? "state pending" : undefined }, steadyText(value, 4));
        return line(
          methodText(method),
          score,
          steadyText(critical, 4),
          steadyText(effect_threshold, 4),
          countText(windows_above),
        );
      }),
    );
    this.#numbers.replaceChildren(...numberRows(signal).map(([name, ...values]) => line(name, ...values)));
    this.#anomalyTable.hidden = signal.anomalies.length === 0;
    this.#anomalies.replaceChildren(
      ...signal.anomalies.map(({ kind, count, share, reference_share }) =>
        line(kind.replaceAll("_", " "), countText(count), shareText(share), shareText(reference_share)),
      ),
    );
  }

  destroy(): void {
    this.#chart.destroy();
  }
}

function numberRows({ current, reference }: SignalReport): readonly (readonly [string, string, string])[] {
  const [now, before] = [numbersOf(current), numbersOf(reference)];
  if (now === undefined && before === undefined) return [];
  const deviation = (profile: typeof now) =>
    profile === undefined || profile.count < 2 ? undefined : Math.sqrt(profile.m2 / (profile.count - 1));
  const quantile = (profile: typeof now, share: number) =>
    profile?.quantiles.find(({ probability }) => probability === share)?.value;
  const row = (name: string, value: (profile: typeof now) => number | undefined, text = numberText) =>
    [
      name,
      value(now) === undefined ? absent : text(value(now)),
      value(before) === undefined ? absent : text(value(before)),
    ] as const;
  return [
    row("values", (profile) => profile?.count, countText),
    row("mean", (profile) => profile?.mean),
    row("deviation", deviation),
    row("least", (profile) => profile?.minimum),
    row("median", (profile) => quantile(profile, 0.5)),
    row("greatest", (profile) => profile?.maximum),
  ];
}

function line(name: string, ...cells: readonly (string | Node)[]): HTMLTableRowElement {
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, name),
    ...cells.map((cell) => element("td", { class: "number" }, cell)),
  );
}

function plainTable(title: string, heads: readonly string[], body: HTMLElement): HTMLElement {
  const head = element(
    "tr",
    {},
    ...heads.map((text, i) => element("th", { scope: "col", class: i > 0 ? "number" : undefined }, text)),
  );
  return element(
    "div",
    { class: "scroll" },
    element("table", { class: "plain" }, element("caption", {}, title), element("thead", {}, head), body),
  );
}

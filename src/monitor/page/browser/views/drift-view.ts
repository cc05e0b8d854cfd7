import type { ModelReport, SignalReport } from "../../../monitor-report.ts";
import { profileCommand } from "../advice.ts";
import { DataTable, textCell } from "../data-table.ts";
import { element, setAttribute, setText } from "../element.ts";
import { type Fact, FactStrip } from "../fact-strip.ts";
import { anomalyShare, driftRatio, leadingScore } from "../model-facts.ts";
import { absent, countText, rateText, shareText, steadyText } from "../number-text.ts";
import { signalSortValue } from "../page-report.ts";
import { emptyState } from "../panel.ts";
import { routeFragment } from "../routes.ts";
import { SignalDetail } from "../signal-detail.ts";
import { methodText } from "../signal-words.ts";
import { Sparkline } from "../sparkline.ts";
import type { PageTheme } from "../theme.ts";
import { clockText, epochSeconds } from "../time-text.ts";
import type { Surroundings, View } from "../view.ts";

const perPage = 40;

/** Which model version and signal a drift view is of. */
export interface DriftSubject {
  readonly model: string;
  readonly version: string;
  /** The signal that is shown in full; empty: the first one. */
  readonly signal: string;
}

/** How far the data of one model version is from its reference, signal by signal. */
export function createDriftView(theme: PageTheme, subject: DriftSubject, { refresh }: Surroundings): View {
  const strip = new FactStrip();
  const note = element("p", { class: "note" });
  const find = element("input", {
    type: "search",
    class: "find",
    placeholder: "Find a signal",
    "aria-label": "Find a signal",
  });
  const driftedOnly = element("input", { type: "checkbox" });
  /** Shown in full while nobody has chosen one: the signal that led the table at first. */
  let first = "";
  const shown = () => subject.signal || first;
  const table = createTable(subject, shown, refresh);
  const detail = new SignalDetail(theme);
  const nothing = noReference(subject);
  const tools = element("div", { class: "tools" }, find, element("label", {}, driftedOnly, "drifted only"));
  const parts = element("div", { class: "master" }, element("div", {}, tools, table.root), detail.root);
  const changed = () => {
    table.restart();
    refresh();
  };
  find.addEventListener("input", changed);
  driftedOnly.addEventListener("change", changed);
  return {
    root: element("div", {}, note, strip.root, nothing, parts),
    shown: () => ({
      signal: shown(),
      signals: {
        find: find.value.trim(),
        isDriftedOnly: driftedOnly.checked,
        order: table.order,
        from: table.from,
        count: perPage,
      },
    }),
    update({ models: [report], matched_signals }) {
      if (report === undefined) return;
      const { data } = report;
      setText(note, data.note);
      note.hidden = data.note === "";
      strip.root.hidden = data.reference === "" && data.signal_count === 0;
      strip.update(facts(report));
      nothing.hidden = data.reference !== "";
      parts.hidden = data.signal_count === 0 && data.signals.length === 0;
      const chosen = shown();
      const named = data.signals.find(({ name }) => name === chosen);
      const isExtra = named !== undefined && data.signals.length > Math.min(perPage, matched_signals - table.from);
      table.update(isExtra ? data.signals.slice(0, -1) : data.signals, matched_signals);
      detail.update(named);
      const leading = data.signals[0]?.name ?? "";
      if (subject.signal === "" && first === "" && leading !== "") {
        first = leading;
        refresh();
      }
    },
    destroy: () => detail.destroy(),
  };
}

function noReference({ model }: DriftSubject): HTMLElement {
  return emptyState(
    "There is no reference profile",
    "Make one from rows that are as they should be and that the model was not trained on. Beside the model, in its folder or in that of the version, it is found when the model is loaded again.",
    profileCommand(model),
  );
}

function facts({ data }: ModelReport): readonly Fact[] {
  const { window } = data;
  const range =
    window === undefined ? "" : `${clockText(epochSeconds(window.from))} to ${clockText(epochSeconds(window.to))}`;
  return [
    {
      name: "Signals drifted",
      value: data.reference === "" ? absent : countText(data.drifted_signals),
      detail: `of ${countText(data.signal_count)}`,
      look: data.drifted_signals > 0 ? "pending" : undefined,
    },
    { name: "Rows in the window", value: countText(window?.rows), detail: range },
    {
      name: "Rows looked at",
      value: rateText(data.sampled_rows_per_second, "rows/s"),
      detail: `of ${rateText(data.rows_per_second, "rows/s")}`,
    },
    { name: "Windows compared", value: countText(data.windows), detail: "since the version was loaded" },
    { name: "Reference", value: data.reference === "" ? absent : "profile", detail: data.reference },
  ];
}

function createTable(subject: DriftSubject, shown: () => string, refresh: () => void): DataTable<SignalReport> {
  const leading = (text: (score: NonNullable<ReturnType<typeof leadingScore>>) => string) => (signal: SignalReport) => {
    const score = leadingScore(signal);
    return score === undefined ? absent : text(score);
  };
  const sorted = (key: string) => (signal: SignalReport) => signalSortValue(signal, key);
  return new DataTable<SignalReport>({
    caption: "Signals with their drift scores, the furthest from the reference first",
    keyOf: ({ name }) => name,
    order: { key: "drift", isDescending: true },
    perPage,
    empty: "No signal fits.",
    onQuery: refresh,
    columns: [
      { key: "name", title: "Signal", sortValue: sorted("name"), cell: () => nameCell(subject, shown) },
      {
        key: "role",
        title: "Role",
        isWide: true,
        sortValue: sorted("role"),
        cell: textCell(
          ({ role }) => (role === "SIGNAL_ROLE_OUTPUT" ? "output" : "input"),
          () => "quiet",
        ),
      },
      {
        key: "method",
        title: "Method",
        meaning: "Of all methods the one furthest beyond its limit",
        isWide: true,
        sortValue: sorted("method"),
        cell: textCell(leading(({ method }) => methodText(method))),
      },
      {
        key: "value",
        title: "Score",
        isNumber: true,
        sortValue: sorted("value"),
        cell: textCell(leading(({ value }) => steadyText(value, 4))),
      },
      {
        key: "critical",
        title: "Critical",
        meaning: "Exceeded by chance alone only with the configured probability",
        isNumber: true,
        isWide: true,
        cell: textCell(
          leading(({ critical }) => steadyText(critical, 4)),
          () => "quiet",
        ),
      },
      {
        key: "drift",
        title: "Of limit",
        meaning: "Score as a share of its limit: the greater of critical value and effect threshold",
        isNumber: true,
        sortValue: sorted("drift"),
        cell: limitCell,
      },
      { key: "history", title: "Last windows", isWide: true, cell: historyCell },
      {
        key: "anomalies",
        title: "Bad values",
        meaning: "Null, NaN, infinite, out of range or unseen",
        isNumber: true,
        sortValue: sorted("anomalies"),
        cell: textCell((signal) => (signal.anomalies.length === 0 ? absent : shareText(anomalyShare(signal)))),
      },
    ],
  });
}

function nameCell({ model, version }: DriftSubject, shown: () => string) {
  const root = element("a", { class: "row-link" });
  return {
    root,
    update({ name }: SignalReport) {
      setText(root, name);
      setAttribute(root, "href", routeFragment({ view: "model", tab: "drift", model, version, signal: name }));
      setAttribute(root, "aria-current", name === shown() ? "true" : undefined);
    },
  };
}

/** Score against limit as a number and as a bar with the limit in its middle. */
function limitCell() {
  const text = element("span");
  const bar = element("span", { class: "limit-bar", "aria-hidden": "true" });
  return {
    root: element("span", { class: "limit" }, bar, text),
    update(signal: SignalReport) {
      const score = leadingScore(signal);
      const ratio = score === undefined ? 0 : driftRatio(score);
      setText(text, score === undefined ? absent : ratio > 99 ? ">99×" : `${ratio.toFixed(ratio < 10 ? 2 : 0)}×`);
      setAttribute(
        text,
        "class",
        signal.drifted ? "state drifted" : score?.above === true ? "state pending" : undefined,
      );
      bar.style.setProperty("--filled", `${Math.min(100, ratio * 50)}%`);
      setAttribute(bar, "class", ratio > 1 ? "limit-bar above" : "limit-bar");
    },
  };
}

function historyCell() {
  const line = new Sparkline(68, 18);
  return {
    root: line.root,
    update: (signal: SignalReport) => line.update(leadingScore(signal)?.history ?? []),
  };
}

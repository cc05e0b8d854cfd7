import type { ModelReport } from "../../monitor-report.ts";
import { element, setAttribute, setText } from "./element.ts";
import { type Fact, FactStrip } from "./fact-strip.ts";
import { headlineMetric, intervalText, metricName, metricValueText } from "./metric-text.ts";
import { alertCounts, trafficFacts } from "./model-facts.ts";
import { absent, countText, rateText, secondsText, shareText } from "./number-text.ts";
import type { PageReport } from "./page-report.ts";
import { emptyState } from "./panel.ts";
import { type ModelView, modelViews, type Route, routeFragment } from "./routes.ts";
import type { PageTheme } from "./theme.ts";
import type { Surroundings, View } from "./view.ts";
import { createAlertsView } from "./views/alerts-view.ts";
import { createAnomaliesView } from "./views/anomalies-view.ts";
import { createDriftView, type DriftSubject } from "./views/drift-view.ts";
import { createQualityView } from "./views/quality-view.ts";
import { createTrafficView } from "./views/traffic-view.ts";

type ModelRoute = Extract<Route, { readonly view: "model" }>;

const titles: Readonly<Record<ModelView, string>> = {
  traffic: "Traffic",
  quality: "Quality",
  drift: "Drift",
  anomalies: "Anomalies",
  alerts: "Alerts",
};

/** One model version: its name and state, five numbers, and a view for each of its sides. */
export class ModelPage implements View {
  readonly root: HTMLElement;
  readonly #theme: PageTheme;
  readonly #surroundings: Surroundings;
  readonly #subject: { model: string; version: string; signal: string };
  readonly #state = element("span");
  readonly #strip = new FactStrip();
  readonly #tabs = new Map<ModelView, HTMLAnchorElement>();
  readonly #place = element("div", { class: "tab-view" });
  readonly #reason = element("p", { class: "note" });
  readonly #gone: HTMLElement;
  readonly #body: HTMLElement;
  #tab: ModelView;
  #view: View;

  constructor(route: ModelRoute, theme: PageTheme, surroundings: Surroundings) {
    this.#theme = theme;
    this.#surroundings = surroundings;
    const { model, version, signal, tab } = route;
    this.#subject = { model, version, signal };
    this.#tab = tab;
    const back = element("a", { class: "back", href: "#/" }, "Models");
    const name = element(
      "h2",
      {},
      element("span", { class: "model-name" }, model),
      element("span", { class: "model-version" }, version === "" ? "" : ` version ${version}`),
    );
    const head = element("div", { class: "model-head" }, back, name, this.#state);
    this.#gone = emptyState(
      "There is no such model version",
      "It was unloaded, or never loaded. The list of models has those that there are.",
    );
    this.#gone.hidden = true;
    const tabs = modelViews.map((view) => {
      const link = element("a", { href: routeFragment({ ...route, tab: view, signal: "" }) }, titles[view]);
      this.#tabs.set(view, link);
      return link;
    });
    const nav = element("nav", { class: "tabs", "aria-label": "Sides of the model" }, ...tabs);
    this.#body = element("div", {}, this.#strip.root, nav, this.#place);
    this.root = element("div", {}, head, this.#reason, this.#gone, this.#body);
    this.#view = this.#open(tab);
  }

  /** Whether a route is of the same model version. */
  canShow({ model, version }: ModelRoute): boolean {
    return model === this.#subject.model && version === this.#subject.version;
  }

  /** Shows another side, or another signal, of the same model version. */
  show({ tab, signal }: ModelRoute): void {
    this.#subject.signal = signal;
    if (tab === this.#tab) return;
    this.#view.destroy();
    this.#tab = tab;
    this.#view = this.#open(tab);
  }

  /** The side after this one, or before it. */
  step(by: number): void {
    const at = (modelViews.indexOf(this.#tab) + by + modelViews.length) % modelViews.length;
    const { model, version } = this.#subject;
    location.hash = routeFragment({ view: "model", model, version, tab: modelViews[at] ?? "traffic", signal: "" });
  }

  readonly shown = () => this.#view.shown?.();

  update(report: PageReport): void {
    const [model] = report.models;
    this.#gone.hidden = model !== undefined;
    this.#body.hidden = model === undefined;
    setText(this.#state, model === undefined ? "" : stateText(model));
    setAttribute(this.#state, "class", `state ${model?.state.toLowerCase() ?? ""}`);
    setText(this.#reason, model?.state_reason ?? "");
    this.#reason.hidden = this.#reason.textContent === "";
    if (model === undefined) return;
    if (!this.#place.contains(this.#view.root)) this.#place.replaceChildren(this.#view.root);
    this.#strip.update(facts(model));
    this.#view.update(report);
  }

  destroy(): void {
    this.#view.destroy();
  }

  #open(tab: ModelView): View {
    for (const [view, link] of this.#tabs) setAttribute(link, "aria-current", view === tab ? "page" : undefined);
    return this.#create(tab);
  }

  #create(tab: ModelView): View {
    const subject: DriftSubject = this.#subject;
    if (tab === "traffic") return createTrafficView(this.#theme);
    if (tab === "quality") return createQualityView(this.#theme, subject.model);
    if (tab === "drift") return createDriftView(this.#theme, subject, this.#surroundings);
    return tab === "anomalies" ? createAnomaliesView(this.#theme) : createAlertsView(true);
  }
}

function stateText({ state, execution_provider }: ModelReport): string {
  return execution_provider === "" ? state.toLowerCase() : `${state.toLowerCase()} on ${execution_provider}`;
}

function facts(model: ModelReport): readonly Fact[] {
  const traffic = trafficFacts(model.history);
  const metric = headlineMetric(model.quality.metrics);
  const { firing, pending } = alertCounts(model);
  const { data } = model;
  return [
    {
      name: "Requests",
      value: rateText(traffic?.requestsPerSecond),
      detail: traffic === undefined ? "" : rateText(traffic.rowsPerSecond, "rows/s"),
    },
    {
      name: "Latency, p99",
      value: secondsText(traffic?.p99Seconds),
      detail: traffic === undefined ? "" : `median ${secondsText(traffic.p50Seconds)}`,
    },
    { name: "Failed", value: shareText(traffic?.failureShare) },
    {
      name: metric === undefined ? "Quality" : metricName(metric),
      value: metric === undefined ? absent : metricValueText(metric, metric.value),
      detail: metric === undefined ? "no outcomes yet" : intervalText(metric),
    },
    {
      name: "Signals drifted",
      value: data.reference === "" ? absent : countText(data.drifted_signals),
      detail: data.reference === "" ? "no reference" : `of ${countText(data.signal_count)}`,
      look: data.drifted_signals > 0 ? "pending" : undefined,
    },
    {
      name: "Alerts firing",
      value: model.alerts.length === 0 ? absent : countText(firing),
      detail:
        model.alerts.length === 0
          ? "no rules"
          : `${countText(pending)} pending, ${countText(model.alerts.length)} rules`,
      look: firing > 0 ? "firing" : pending > 0 ? "pending" : undefined,
    },
  ];
}

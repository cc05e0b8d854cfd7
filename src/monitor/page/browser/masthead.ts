import { element, setAttribute, setText, svgElement } from "./element.ts";
import type { PageReport } from "./page-report.ts";
import type { Freshness, ReportSource } from "./report-source.ts";
import { type Route, routeFragment, type ServerView } from "./routes.ts";
import type { Shortcuts } from "./shortcuts.ts";
import type { PageTheme } from "./theme.ts";
import { clockText, epochSeconds } from "./time-text.ts";

const views: readonly { readonly view: ServerView; readonly title: string }[] = [
  { view: "models", title: "Models" },
  { view: "alerts", title: "Alerts" },
  { view: "server", title: "Server" },
];

const freshnessTexts: Readonly<Record<Freshness, string>> = {
  waiting: "connecting",
  live: "live",
  paused: "paused",
  lost: "no connection",
  still: "saved",
};

/** What stands above every view: where to go, how fresh the numbers are, and how the page is lit. */
export class Masthead {
  readonly root: HTMLElement;
  readonly #theme: PageTheme;
  readonly #source: ReportSource;
  readonly #links = new Map<ServerView, HTMLAnchorElement>();
  readonly #badge = element("span", { class: "badge", hidden: true });
  readonly #freshness = element("span", { class: "freshness", role: "status" });
  readonly #word = element("span", { class: "freshness-word" }, "connecting");
  readonly #time = element("time", { class: "freshness-time" });
  readonly #pause = element("button", { type: "button", "aria-pressed": "false" }, "Pause");
  readonly #lit = element("button", { type: "button", class: "theme" });
  #isPaused = false;

  constructor(theme: PageTheme, source: ReportSource, shortcuts: Shortcuts) {
    this.#theme = theme;
    this.#source = source;
    const brand = element("a", { class: "brand", href: "#/", "aria-label": "sluice, models" }, mark(), "sluice");
    const links = views.map(({ view, title }) => {
      const link = element("a", { href: routeFragment({ view }) }, title);
      if (view === "alerts") link.append(this.#badge);
      this.#links.set(view, link);
      return link;
    });
    const keys = element(
      "button",
      { type: "button", "aria-label": "Keyboard shortcuts", title: "Keyboard shortcuts (?)" },
      "?",
    );
    keys.addEventListener("click", () => shortcuts.show());
    this.#pause.addEventListener("click", () => this.togglePause());
    this.#pause.hidden = source.isStill;
    this.#lit.addEventListener("click", () => theme.next());
    theme.onChange(() => this.#showTheme());
    this.#showTheme();
    this.#freshness.append(element("span", { class: "lamp", "aria-hidden": "true" }), this.#word);
    this.root = element(
      "header",
      { class: "masthead" },
      brand,
      element("nav", { "aria-label": "Views" }, ...links),
      element("div", { class: "controls" }, this.#freshness, this.#time, this.#pause, this.#lit, keys),
    );
  }

  show(route: Route): void {
    const current = route.view === "model" ? "models" : route.view;
    for (const [view, link] of this.#links) setAttribute(link, "aria-current", view === current ? "page" : undefined);
    document.title = route.view === "model" ? `${route.model} · sluice` : "sluice";
  }

  update(report: PageReport): void {
    this.#showTime(epochSeconds(report.at));
    const firing = report.firing_alerts;
    this.#badge.hidden = firing === 0;
    setText(this.#badge, String(firing));
    setAttribute(this.#badge, "aria-label", `${firing} firing`);
  }

  /** @param checkedAt when the server last said that this is how things are; absent: unchanged */
  showFreshness(freshness: Freshness, detail: string, checkedAt?: number): void {
    setAttribute(this.#freshness, "class", `freshness ${freshness}`);
    setText(this.#word, freshnessTexts[freshness]);
    setAttribute(this.#freshness, "title", detail === "" ? undefined : detail);
    if (checkedAt !== undefined && Number.isFinite(checkedAt)) this.#showTime(checkedAt);
  }

  togglePause(): void {
    if (this.#source.isStill) return;
    this.#isPaused = !this.#isPaused;
    setAttribute(this.#pause, "aria-pressed", String(this.#isPaused));
    setText(this.#pause, this.#isPaused ? "Go on" : "Pause");
    this.#source.pause(this.#isPaused);
  }

  #showTime(epoch: number): void {
    setText(this.#time, clockText(epoch, this.#source.isStill));
    setAttribute(this.#time, "datetime", new Date(epoch * 1000).toISOString());
  }

  #showTheme(): void {
    setText(this.#lit, { auto: "Auto", light: "Light", dark: "Dark" }[this.#theme.theme]);
    setAttribute(this.#lit, "aria-label", `Colours: ${this.#theme.theme}`);
    setAttribute(this.#lit, "title", "Colours: as the system, light or dark (t)");
  }
}

/** The mark of icon.svg. */
function mark(): SVGElement {
  const [wave, gates] = ["M3 20c4 0 4-4 8-4s4 4 8 4 4-4 10-4", "M11 5v7M21 5v7"];
  const box = { class: "mark", viewBox: "0 0 32 28", width: 22, height: 20, "aria-hidden": "true" };
  return svgElement("svg", box, svgElement("path", { d: wave }), svgElement("path", { d: gates, class: "gates" }));
}

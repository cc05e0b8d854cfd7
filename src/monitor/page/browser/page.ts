import { element, setAttribute } from "./element.ts";
import { Masthead } from "./masthead.ts";
import { ModelPage } from "./model-page.ts";
import { type PageReport, type ReportQuery, summaryQuery } from "./page-report.ts";
import { emptyState } from "./panel.ts";
import { LiveReports, type ReportListener, type ReportSource, StillReport } from "./report-source.ts";
import { parseRoute, type Route, routeFragment } from "./routes.ts";
import { Shortcuts } from "./shortcuts.ts";
import { PageTheme } from "./theme.ts";
import type { View } from "./view.ts";
import { createAlertsView } from "./views/alerts-view.ts";
import { createModelsView } from "./views/models-view.ts";
import { createServerView } from "./views/server-view.ts";

/** Where the document carries a report of its own: the page as a file. */
const embeddedId = "report";

/** Builds the page into an element and keeps it up to date. */
export function startPage(body: HTMLElement): void {
  const probe = element("span", { class: "visually-hidden", "aria-hidden": "true" });
  body.append(probe);
  const page = new Page(body, new PageTheme(probe));
  addEventListener("hashchange", () => page.go(parseRoute(location.hash)));
  page.go(parseRoute(location.hash));
}

/** The page: a masthead, one view below it, and one source of reports for whatever is looked at. */
class Page implements ReportListener {
  readonly #theme: PageTheme;
  readonly #main = element("main", { id: "main", tabindex: -1 });
  readonly #masthead: Masthead;
  readonly #source: ReportSource;
  #route: Route | undefined;
  #view: View | undefined;

  constructor(body: HTMLElement, theme: PageTheme) {
    this.#theme = theme;
    const embedded = document.getElementById(embeddedId)?.textContent;
    this.#source =
      embedded === undefined || embedded === null
        ? new LiveReports(this)
        : new StillReport(JSON.parse(embedded) as PageReport, this); // the writer of the document wrote it
    const shortcuts = new Shortcuts({
      go: (view) => this.#open({ view }),
      step: (by) => this.#view instanceof ModelPage && this.#view.step(by),
      toggleTheme: () => theme.next(),
      togglePause: () => this.#masthead.togglePause(),
    });
    this.#masthead = new Masthead(theme, this.#source, shortcuts);
    const skip = element("a", { class: "skip", href: "#main" }, "Skip to the view");
    skip.addEventListener("click", (event) => {
      event.preventDefault();
      this.#main.focus();
    });
    body.append(skip, this.#masthead.root, this.#main, shortcuts.dialog);
  }

  /** Shows a route: in the view that is there, if it can show it, else in another one. */
  go(route: Route): void {
    const isSame = this.#view instanceof ModelPage && route.view === "model" && this.#view.canShow(route);
    const isFirst = this.#route === undefined;
    this.#route = route;
    this.#masthead.show(route);
    if (isSame && this.#view instanceof ModelPage && route.view === "model") this.#view.show(route);
    else {
      this.#view?.destroy();
      this.#view = this.#create(route);
      if (!isFirst) this.#main.focus({ preventScroll: true });
      scrollTo(0, 0);
    }
    setAttribute(this.#main, "aria-busy", true);
    this.#ask();
  }

  onReport(report: PageReport): void {
    // A view takes the place of the one before with its first numbers, so that nothing on the page jumps.
    if (this.#view !== undefined && !this.#main.contains(this.#view.root)) this.#main.replaceChildren(this.#view.root);
    this.#view?.update(report);
    setAttribute(this.#main, "aria-busy", undefined);
    this.#masthead.update(report);
  }

  onFreshness(...freshness: Parameters<ReportListener["onFreshness"]>): void {
    this.#masthead.showFreshness(...freshness);
    if (freshness[0] === "lost" && !this.#main.hasChildNodes()) this.#main.append(noServer());
  }

  #open(route: Route): void {
    location.hash = routeFragment(route);
  }

  #create(route: Route): View {
    if (route.view === "model") return new ModelPage(route, this.#theme, { refresh: () => this.#ask() });
    if (route.view === "alerts") return createAlertsView(false);
    return route.view === "server" ? createServerView(this.#theme) : createModelsView();
  }

  #ask(): void {
    const route = this.#route;
    if (route !== undefined) this.#source.ask(this.#query(route));
  }

  #query(route: Route): ReportQuery {
    if (route.view !== "model") return summaryQuery;
    const { model, version } = route;
    const { signals = undefined, signal = "" } = this.#view?.shown?.() ?? {};
    return { model, version, signal, signals };
  }
}

function noServer(): HTMLElement {
  return emptyState(
    "The server does not answer",
    "It has stopped, or a proxy is in the way. The page asks again by itself. Whether the process runs is told by:",
    "curl --include http://<host>:<http-port>/v2/health/live",
  );
}

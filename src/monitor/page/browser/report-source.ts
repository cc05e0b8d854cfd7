import { type PageReport, queryText, type ReportQuery, selectReport } from "./page-report.ts";

/** How fresh what is shown is. */
export type Freshness = "waiting" | "live" | "paused" | "lost" | "still";

/** Where reports come from, and whom they go to. */
export interface ReportListener {
  onReport(report: PageReport): void;
  onFreshness(freshness: Freshness, detail: string, checkedAt?: number): void;
}

/** Whence a page has its reports. */
export interface ReportSource {
  /** Asks for this from now on, at once. */
  ask(query: ReportQuery): void;
  /** Stops asking, or goes on. */
  pause(isPaused: boolean): void;
  /** Reports do not change. */
  readonly isStill: boolean;
}

const intervalMs = 1_000;
/** A server that takes long to answer is asked more rarely: at most this share of the time. */
const busyShare = 0.1;
const longestWaitMs = 15_000;

/** Reports of the server that the page came from, about once a second while the page is visible. What has not changed does not travel again. */
export class LiveReports implements ReportSource {
  readonly isStill = false;
  readonly #listener: ReportListener;
  #query: ReportQuery | undefined;
  #isPaused = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: AbortController | undefined;
  #etag = "";
  #failures = 0;

  constructor(listener: ReportListener) {
    this.#listener = listener;
    document.addEventListener("visibilitychange", () => this.#again());
  }

  ask(query: ReportQuery): void {
    this.#query = query;
    this.#etag = "";
    this.#listenerWaits();
    this.#again();
  }

  pause(isPaused: boolean): void {
    this.#isPaused = isPaused;
    if (isPaused) this.#listener.onFreshness("paused", "");
    this.#again();
  }

  #listenerWaits(): void {
    if (this.#failures > 0) this.#listener.onFreshness("waiting", "");
  }

  #again(): void {
    clearTimeout(this.#timer);
    this.#running?.abort();
    if (document.visibilityState === "visible" && this.#query !== undefined) void this.#fetch(this.#query);
  }

  async #fetch(query: ReportQuery): Promise<void> {
    const running = new AbortController();
    this.#running = running;
    const began = performance.now();
    try {
      const headers = this.#etag === "" ? {} : { "if-none-match": this.#etag };
      const response = await fetch(`report.json${queryText(query)}`, {
        headers,
        cache: "no-store",
        signal: running.signal,
      });
      if (response.status === 200) {
        const report = (await response.json()) as PageReport; // our own server wrote it
        this.#etag = response.headers.get("etag") ?? "";
        this.#listener.onReport(report);
      } else if (response.status !== 304) throw new Error(`the server answered ${response.status}`);
      this.#failures = 0;
      const checkedAt = Date.parse(response.headers.get("date") ?? "") / 1000;
      this.#listener.onFreshness(this.#isPaused ? "paused" : "live", "", checkedAt);
    } catch (error) {
      if (running.signal.aborted) return;
      this.#failures++;
      this.#listener.onFreshness("lost", error instanceof Error ? error.message : String(error));
    }
    if (this.#isPaused) return;
    const tookMs = performance.now() - began;
    const waitMs =
      this.#failures > 0 ? intervalMs * 2 ** Math.min(this.#failures, 4) : Math.max(intervalMs, tookMs / busyShare);
    this.#timer = setTimeout(() => this.#again(), Math.min(longestWaitMs, waitMs));
  }
}

/** One report that the document carries itself: the page as a file. */
export class StillReport implements ReportSource {
  readonly isStill = true;
  readonly #listener: ReportListener;
  readonly #report: PageReport;

  constructor(report: PageReport, listener: ReportListener) {
    this.#report = report;
    this.#listener = listener;
  }

  ask(query: ReportQuery): void {
    this.#listener.onFreshness("still", "");
    this.#listener.onReport(selectReport(this.#report, query));
  }

  pause(): void {}
}

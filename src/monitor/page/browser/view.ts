import type { PageReport, SignalQuery } from "./page-report.ts";

/** Signals of a model that a view shows. */
export interface ShownSignals {
  readonly signals: SignalQuery;
  /** The one that is shown in full; empty: none. */
  readonly signal: string;
}

/** One view of the page. Made when it is looked at, told of every report, and ended when another one is looked at. */
export interface View {
  readonly root: HTMLElement;
  /** The signals that it shows; absent: it needs none. */
  readonly shown?: () => ShownSignals | undefined;
  update(report: PageReport): void;
  destroy(): void;
}

/** What a view may ask of the page around it. */
export interface Surroundings {
  /** The view shows something else of the report now: ask for it at once. */
  refresh(): void;
}

import type { Alert, ModelReport, MonitorReport, SignalReport, TrafficPoint } from "../../monitor-report.ts";
import { anomalyShare, driftRatio, leadingScore } from "./model-facts.ts";
import { matches, type SortOrder, type SortValue, sortRows } from "./row-order.ts";

/** Which signals of a model a view shows. */
export interface SignalQuery {
  /** Words that the name must hold; empty: any name. */
  readonly find: string;
  readonly isDriftedOnly: boolean;
  readonly order: SortOrder;
  readonly from: number;
  readonly count: number;
}

/** What a view needs of a report: of every model in short, or one model version in full. */
export interface ReportQuery {
  /** Empty: every model, in short. */
  readonly model: string;
  readonly version: string;
  /** The signal whose distributions are wanted; empty: none. */
  readonly signal: string;
  /** Undefined: no signals. */
  readonly signals: SignalQuery | undefined;
}

/** A report as a view asked for it: whole messages of the report, with lists cut to what is shown. */
export interface PageReport extends MonitorReport {
  /** Signals that fit the query; of these `data.signals` is the part that was asked for, and the named signal where it lies outside of it. */
  readonly matched_signals: number;
  /** Alerts that fire, of all models. */
  readonly firing_alerts: number;
}

/** Points of history in a report of all models: with many models, each has fewer. */
const maxSummaryPoints = 2_000;
/** Most signals in one answer. */
const maxSignals = 500;

/** The query of every model in short. */
export const summaryQuery: ReportQuery = { model: "", version: "", signal: "", signals: undefined };

/**
 * The part of a report that a query asks for. A model that there is not leaves the list of models empty.
 * @param firing_alerts of all models; absent: those of the report
 */
export function selectReport(
  report: MonitorReport,
  query: ReportQuery,
  firing_alerts = firingAlerts(report.models.flatMap(({ alerts }) => alerts)),
): PageReport {
  if (query.model === "") {
    const perModel = Math.max(1, Math.floor(maxSummaryPoints / Math.max(1, report.models.length)));
    return {
      ...report,
      models: report.models.map((model) => summarize(model, perModel)),
      matched_signals: 0,
      firing_alerts,
    };
  }
  const model = report.models.find(
    (candidate) => candidate.model_name === query.model && candidate.model_version === query.version,
  );
  if (model === undefined) return { ...report, models: [], matched_signals: 0, firing_alerts };
  const { signals, matched } = selectSignals(model.data.signals, query);
  return {
    ...report,
    models: [{ ...model, data: { ...model.data, signals } }],
    matched_signals: matched,
    firing_alerts,
  };
}

/** How many of these fire. */
export function firingAlerts(alerts: readonly Pick<Alert, "state">[]): number {
  return alerts.filter(({ state }) => state === "ALERT_STATE_FIRING").length;
}

/** A model without curves, matrices, signals and the history of its quality. @param points most points of its traffic; absent: all */
export function summarize(model: ModelReport, points = model.history.length): ModelReport {
  const { confusion: _confusion, ...quality } = model.quality;
  const { scores: _scores, ...anomalies } = model.anomalies;
  return {
    ...model,
    history: model.history.slice(-points).map(withoutSizes),
    quality: { ...quality, calibration: [], history: [], predicted_counts: [] },
    data: { ...model.data, signals: [] },
    anomalies,
  };
}

function withoutSizes(point: TrafficPoint): TrafficPoint {
  return point.batch_sizes.length === 0 ? point : { ...point, batch_sizes: [] };
}

function selectSignals(
  all: readonly SignalReport[],
  { signals: query, signal: named }: ReportQuery,
): { readonly signals: readonly SignalReport[]; readonly matched: number } {
  if (query === undefined) return { signals: [], matched: 0 };
  const fitting = all.filter(
    ({ name, drifted }) => (drifted || !query.isDriftedOnly) && (query.find === "" || matches(name, query.find)),
  );
  const { key, isDescending } = query.order;
  const ordered = sortRows(fitting, (signal) => signalSortValue(signal, key), isDescending);
  const shown = ordered.slice(query.from, query.from + Math.min(query.count, maxSignals));
  const chosen = all.find(({ name }) => name === named);
  const listed = chosen === undefined || shown.includes(chosen) ? shown : [...shown, chosen];
  return {
    signals: listed.map((signal) => (signal === chosen ? signal : withoutDistributions(signal))),
    matched: fitting.length,
  };
}

/** A signal as a row of a table: of its scores over time only those of the one that leads. */
function withoutDistributions({ current: _current, reference: _reference, ...signal }: SignalReport): SignalReport {
  const leading = leadingScore(signal);
  return { ...signal, scores: signal.scores.map((score) => (score === leading ? score : { ...score, history: [] })) };
}

/** What the table of signals is sorted by, for each of its columns. */
export function signalSortValue(signal: SignalReport, key: string): SortValue {
  const score = leadingScore(signal);
  if (key === "name") return signal.name;
  if (key === "role") return signal.role;
  if (key === "method") return score?.method;
  if (key === "value") return score?.value;
  if (key === "windows") return score?.windows_above;
  if (key === "anomalies") return anomalyShare(signal);
  return score === undefined ? undefined : driftRatio(score) + (signal.drifted ? 1e6 : 0);
}

/** A query as the address of report.json has it. */
export function queryText({ model, version, signal, signals }: ReportQuery): string {
  if (model === "") return "";
  const text = new URLSearchParams({ model, version });
  if (signals !== undefined) {
    const { order, find, from, count, isDriftedOnly } = signals;
    text.set("signals", `${from}-${from + count}`);
    text.set("sort", `${order.isDescending ? "-" : ""}${order.key}`);
    if (find !== "") text.set("find", find);
    if (isDriftedOnly) text.set("drifted", "1");
    if (signal !== "") text.set("signal", signal);
  }
  return `?${text}`;
}

/** The reverse of {@link queryText}; what is no range asks for no signals. */
export function parseQuery(text: URLSearchParams): ReportQuery {
  const model = text.get("model") ?? "";
  if (model === "") return summaryQuery;
  const [from, to] =
    /^(\d{1,9})-(\d{1,9})$/
      .exec(text.get("signals") ?? "")
      ?.slice(1)
      .map(Number) ?? [];
  const sort = text.get("sort") ?? "-drift";
  const isDescending = sort.startsWith("-");
  const signals: SignalQuery | undefined =
    from === undefined || to === undefined
      ? undefined
      : {
          find: text.get("find") ?? "",
          isDriftedOnly: text.get("drifted") === "1",
          order: { key: isDescending ? sort.slice(1) : sort, isDescending },
          from,
          count: Math.max(0, to - from),
        };
  return { model, version: text.get("version") ?? "", signal: text.get("signal") ?? "", signals };
}

import { toTimestamp } from "../../model/package-messages.ts";
import type { Alert, AlertState, ModelReport, ModelReportDraft } from "../monitor-report.ts";
import type { CounterSeries } from "../telemetry/series.ts";
import type { AlertBoard } from "./alert-board.ts";
import { noReading, plainThreshold, type SubjectReading } from "./alert-reading.ts";
import type { AlertRule, AlertSeverity, AlertStateName } from "./alert-rule.ts";
import {
  type AlertStatus,
  alertCondition,
  effectiveThreshold,
  newAlertStatus,
  nextAlertStatus,
} from "./alert-state.ts";
import { alertText } from "./alert-text.ts";
import { GrowthWindow } from "./growth-window.ts";
import { readAlert } from "./read-alert.ts";

/** Values of `sluice.alert.state`: the worse, the higher, so that a maximum over replicas tells the worst. */
export const alertStateValues: Readonly<Record<AlertStateName, number>> = { unknown: -1, ok: 0, pending: 1, firing: 2 };

const stateWords: Readonly<Record<AlertStateName, AlertState>> = {
  unknown: "ALERT_STATE_UNKNOWN",
  ok: "ALERT_STATE_OK",
  pending: "ALERT_STATE_PENDING",
  firing: "ALERT_STATE_FIRING",
};

const levels: Readonly<Record<AlertSeverity, "info" | "warn" | "error">> = {
  info: "info",
  warning: "warn",
  critical: "error",
};

/** What the alerts of a model version are made from. */
export interface ModelAlertsOptions {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly rules: readonly AlertRule[];
  readonly board: AlertBoard;
  /** The series `sluice.alert.state` of a rule. */
  readonly series: (name: string) => Pick<CounterSeries, "set">;
  /** For the log. */
  readonly report: (
    level: "info" | "warn" | "error",
    message: string,
    fields: Readonly<Record<string, unknown>>,
  ) => void;
  /** Epoch milliseconds. */
  readonly nowMs: number;
}

/** A rule and how it stands. */
interface Watched {
  readonly rule: AlertRule;
  readonly growth: GrowthWindow;
  readonly series: Pick<CounterSeries, "set">;
  status: AlertStatus;
  reading: SubjectReading;
}

/** The rules of one load of a model version: evaluates them, keeps their states, tells the board, the log and the metrics. */
export class ModelAlerts {
  readonly #options: ModelAlertsOptions;
  readonly #watched: readonly Watched[];
  #isOpen = false;

  constructor(options: ModelAlertsOptions) {
    this.#options = options;
    this.#watched = options.rules.map((rule) => ({
      rule,
      growth: new GrowthWindow(rule.windowMs),
      series: options.series(rule.name),
      status: newAlertStatus(options.nowMs),
      reading: noReading,
    }));
  }

  /** The version is in service: its alerts are on the board from here on, and in the metrics. */
  open(): void {
    this.#isOpen = true;
    for (const watched of this.#watched) this.#publish(watched);
  }

  /** Works out how every rule stands. @param nowMs epoch milliseconds */
  evaluate(report: ModelReport, nowMs: number): void {
    for (const watched of this.#watched) {
      const { rule, growth, status } = watched;
      const lastWindowMs = watched.reading.windowEndMs;
      watched.reading = readAlert(report, rule, { nowMs, growth: (total) => growth.record(total, nowMs) });
      // The same window again tells nothing new: it must not count as another one in a row.
      if (lastWindowMs !== undefined && lastWindowMs === watched.reading.windowEndMs) continue;
      watched.status = nextAlertStatus(status, alertCondition(watched.reading, rule), nowMs, rule);
      if (this.#isOpen) this.#publish(watched);
      this.#log(watched, status.state);
    }
  }

  report(into: ModelReportDraft): void {
    into.alerts = this.#watched.map((watched) => this.#alertOf(watched));
  }

  /** The version is gone. */
  close(): void {
    if (!this.#isOpen) return;
    for (const watched of this.#watched) {
      this.#options.board.remove(this.#alertOf(watched), watched.rule.isSentByWebhook);
    }
  }

  #publish(watched: Watched): void {
    watched.series.set(alertStateValues[watched.status.state]);
    this.#options.board.update(this.#alertOf(watched), watched.rule.isSentByWebhook);
  }

  /** An alert that fires is logged as severe as it is, its end as information; what is pending or unknown is no news. */
  #log({ rule, status, reading }: Watched, before: AlertStateName): void {
    if (status.state === before || (status.state !== "firing" && before !== "firing")) return;
    const isFiring = status.state === "firing";
    this.#options.report(
      isFiring ? levels[rule.severity] : "info",
      isFiring ? "an alert fires" : "an alert has ended",
      {
        alert: rule.name,
        model: this.#options.modelName,
        version: this.#options.modelVersion,
        severity: rule.severity,
        state: status.state,
        text: alertText(rule, reading),
      },
    );
  }

  #alertOf({ rule, status, reading }: Watched): Alert {
    const { value, samples } = reading;
    const threshold = reading.threshold ?? plainThreshold(rule.threshold);
    const isKnown = value !== undefined && Number.isFinite(value) && samples >= rule.minSamples;
    return {
      name: rule.name,
      model_name: this.#options.modelName,
      model_version: this.#options.modelVersion,
      state: stateWords[status.state],
      since: toTimestamp(status.sinceMs),
      metric: rule.metric,
      ...(isKnown && { value }),
      ...(threshold !== undefined && Number.isFinite(threshold) && { threshold: effectiveThreshold(rule, threshold) }),
      comparison: rule.comparison,
      sample_count: Math.round(samples),
      message: alertText(rule, reading),
      severity: rule.severity,
    };
  }
}

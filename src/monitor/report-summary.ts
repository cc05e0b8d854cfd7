import type { MonitorReport } from "./monitor-report.ts";
import { summarize } from "./page/browser/page-report.ts";

/** A report without what takes much room: signals, curves, matrices and the history of quality. What an overview of many models shows stays. */
export function summaryOf(report: MonitorReport): MonitorReport {
  return { ...report, models: report.models.map((model) => summarize(model)) };
}

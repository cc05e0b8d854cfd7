import type { ModelReport, MonitorReport } from "./monitor-report.ts";

/** A report without what takes much room: signals, curves, matrices and the history of quality. What an overview of many models shows stays. */
export function summaryOf(report: MonitorReport): MonitorReport {
  return { ...report, models: report.models.map(summaryOfModel) };
}

function summaryOfModel(model: ModelReport): ModelReport {
  const { confusion: _, ...quality } = model.quality;
  const { scores: __, ...anomalies } = model.anomalies;
  return {
    ...model,
    quality: { ...quality, calibration: [], history: [], predicted_counts: [] },
    data: { ...model.data, signals: [] },
    anomalies,
  };
}

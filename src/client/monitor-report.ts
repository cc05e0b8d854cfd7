import type { CallOptions } from "./infer-options.ts";

/** What of a report is asked for. */
export interface MonitorReportOptions extends CallOptions {
  /** Only what an overview shows: signals, curves, matrices and the history of quality are left out. Default: false. */
  readonly summary?: boolean;
}

/** What a client reads of `sluice.monitor.v1.MonitorReport`; the message has more. */
export interface MonitorReportMessage {
  readonly models: readonly ModelReportMessage[];
}

/** One model version of a report. */
export interface ModelReportMessage {
  readonly model_name: string;
  readonly model_version: string;
  readonly quality?: {
    /** `binary`, `multiclass` or `regression`; empty: quality is not watched, and `note` says why. */
    readonly task: string;
    readonly note: string;
    /** Class labels in the order of their index. */
    readonly labels: readonly string[];
  };
}

import { InferenceError } from "../errors.ts";
import { Captures } from "../monitor/captures.ts";
import type { ModelMonitors } from "../monitor/model-monitors.ts";
import { summaryOf } from "../monitor/report-summary.ts";
import { monitorServiceDefinition } from "../protocol/definitions.ts";
import type { AlertWatch } from "./alert-watch.ts";
import type { AnyCallHandler } from "./call.ts";
import type { Log } from "./log.ts";
import type { ServiceHandlers } from "./method-table.ts";
import type { OutcomeHandlers } from "./outcome-methods.ts";
import { unaryMethod } from "./unary-method.ts";

interface ReportRequest {
  readonly model_name: string;
  readonly model_version: string;
  readonly summary: boolean;
}

interface CaptureRequest {
  readonly model_name: string;
  readonly model_version: string;
  /** A decimal number. */
  readonly row_count: string;
}

/**
 * sluice.monitor.v1.MonitorService over the monitors of this server. It answers while the server stops too, but takes no outcomes then.
 * @param outcomes absent: none are taken
 */
export function monitorService(
  monitors: ModelMonitors,
  watch: AlertWatch,
  outcomes: OutcomeHandlers | undefined,
  log: Log,
): ServiceHandlers {
  const captures = new Captures(monitors);
  const notYet: AnyCallHandler = unaryMethod<never, object>(() => {
    throw new InferenceError("unsupported", "this server does not offer the method");
  }, log);
  const handlers: Readonly<Record<string, AnyCallHandler>> = {
    GetMonitorReport: unaryMethod(async ({ model_name, model_version, summary }: ReportRequest) => {
      const report = await monitors.report(model_name, model_version);
      return { report: summary ? summaryOf(report) : report };
    }, log),
    ReportOutcomes: notYet,
    StreamOutcomes: notYet,
    ...outcomes,
    WatchMonitors: watch.handler,
    CaptureReference: unaryMethod(async ({ model_name, model_version, row_count }: CaptureRequest, call) => {
      const rowCount = Number(row_count);
      return { profile: await captures.capture(model_name, model_version, rowCount, call.signal) };
    }, log),
  };
  return { definition: monitorServiceDefinition(), handlers };
}

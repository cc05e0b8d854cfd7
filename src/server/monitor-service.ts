import { InferenceError } from "../errors.ts";
import type { ModelMonitors } from "../monitor/model-monitors.ts";
import { monitorServiceDefinition } from "../protocol/definitions.ts";
import type { AlertWatch } from "./alert-watch.ts";
import type { AnyCallHandler } from "./call.ts";
import type { Log } from "./log.ts";
import type { ServiceHandlers } from "./method-table.ts";
import { unaryMethod } from "./unary-method.ts";

interface ReportRequest {
  readonly model_name: string;
  readonly model_version: string;
}

/** sluice.monitor.v1.MonitorService over the monitors of this server. It answers while the server stops too. */
export function monitorService(monitors: ModelMonitors, watch: AlertWatch, log: Log): ServiceHandlers {
  const notYet: AnyCallHandler = unaryMethod<never, object>(() => {
    throw new InferenceError("unsupported", "this server does not offer the method");
  }, log);
  const handlers: Readonly<Record<string, AnyCallHandler>> = {
    GetMonitorReport: unaryMethod(({ model_name, model_version }: ReportRequest) => {
      return { report: monitors.report(model_name, model_version) };
    }, log),
    ReportOutcomes: notYet,
    StreamOutcomes: notYet,
    WatchMonitors: watch.handler,
    CaptureReference: notYet,
  };
  return { definition: monitorServiceDefinition(), handlers };
}

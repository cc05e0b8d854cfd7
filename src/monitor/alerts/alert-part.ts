import type { ModelPart, ModelPartContext } from "../model-part.ts";
import { instruments } from "../telemetry/instruments.ts";
import { checkAlertWindows, resolveAlertRules } from "./alert-rules.ts";
import { ModelAlerts } from "./model-alerts.ts";

/**
 * The alerts of a model version as a part of its monitor; undefined: it has no rules.
 * @throws InferenceError "refused" for a rule that looks back too far
 */
export function createAlertPart(context: ModelPartContext): ModelPart | undefined {
  const { description, config, profile, series, alerts: board, clock } = context;
  const rules = resolveAlertRules(config.alerts, profile);
  if (rules.length === 0) return undefined;
  checkAlertWindows(rules, config.windows.blockSeconds);
  const alerts = new ModelAlerts({
    modelName: description.name,
    modelVersion: description.version,
    rules,
    board,
    series: (name) => series.level(instruments.alertState, { "sluice.alert": name }),
    report: (level, message, fields) => context.report(level, message, fields),
    nowMs: clock.nowMs(),
  });
  return {
    name: "alerts",
    open: () => alerts.open(),
    onEvaluated: (report, nowMs) => alerts.evaluate(report, nowMs),
    report: (into) => alerts.report(into),
    close: () => alerts.close(),
  };
}

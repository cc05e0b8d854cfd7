import type { ReferenceProfile } from "../../model/package-messages.ts";
import type { AlertConfig } from "../config/alerts.ts";
import { refused } from "../config/section.ts";
import { maxTrafficPoints, trafficIntervalSeconds } from "../evaluate/traffic-history.ts";
import { alertMetrics } from "./alert-metrics.ts";
import type { AlertRule } from "./alert-rule.ts";
import { type DefaultRule, defaultRules, defaultWindowMs } from "./default-rules.ts";

/** The rules of a model version: the default ones that its reference profile allows, changed by its monitor.yaml, then those of the file. */
export function resolveAlertRules(
  configs: readonly AlertConfig[],
  profile: ReferenceProfile | undefined,
): readonly AlertRule[] {
  const names = new Set(configs.map(({ rule }) => rule.name));
  const defaults = defaultRules.filter((entry) => !names.has(entry.rule.name) && applies(entry, profile));
  const own = configs.filter(({ isEnabled }) => isEnabled);
  return [...defaults, ...own].map(({ rule }) => rule);
}

/**
 * Looks whether rules about traffic look back no further than the history of traffic goes.
 * @throws InferenceError "refused"
 */
export function checkAlertWindows(rules: readonly AlertRule[], blockSeconds: number): void {
  const keptSeconds = maxTrafficPoints * trafficIntervalSeconds(blockSeconds);
  for (const { name, metric, windowMs } of rules) {
    if (alertMetrics.get(metric)?.isTraffic !== true || windowMs === defaultWindowMs) continue;
    if (windowMs > keptSeconds * 1000) {
      throw refused(
        `alerts: windowSeconds of '${name}' is ${windowMs / 1000}, expected at most ${keptSeconds}: with blocks of ${blockSeconds} s traffic is kept for so long`,
      );
    }
  }
}

function applies({ needs }: DefaultRule, profile: ReferenceProfile | undefined): boolean {
  if (profile === undefined) return false;
  if (needs === "profile") return profile.signals.length > 0;
  if (needs === "calibration") return profile.calibrations.length > 0;
  return profile.expected.some(({ name }) => name === needs.expected);
}

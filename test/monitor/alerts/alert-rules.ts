import type { AlertRule } from "../../../src/monitor/alerts/alert-rule.ts";
import { readAlertConfigs } from "../../../src/monitor/config/alerts.ts";
import { Section } from "../../../src/monitor/config/section.ts";

/** The rules of a monitor.yaml. */
export function rulesOf(text: string) {
  const root = Section.parse(text);
  const configs = readAlertConfigs(root);
  root.end();
  return configs;
}

/** A rule as monitor.yaml has it, without its name. */
export function ruleOf(fields: string): AlertRule {
  const [config] = rulesOf(`alerts: [{ name: rule, ${fields} }]`);
  if (config === undefined) throw new Error("no rule");
  return config.rule;
}

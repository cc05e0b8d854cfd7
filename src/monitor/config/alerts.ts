import type { Section } from "./section.ts";

/** One rule of `alerts` in monitor.yaml. */
export type AlertConfig = Readonly<Record<never, never>>;

/** Most rules of a model. */
export const maxAlerts = 100;

/** Reads one rule. @throws InferenceError "refused" */
export function readAlertConfig(_section: Section): AlertConfig {
  return {};
}

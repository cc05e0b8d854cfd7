import type { Section } from "./section.ts";

/** Section `anomaly` of monitor.yaml, defaults filled in. */
export type AnomalyConfig = Readonly<Record<never, never>>;

/** Reads the section. @throws InferenceError "refused" */
export function readAnomalyConfig(_section: Section): AnomalyConfig {
  return {};
}

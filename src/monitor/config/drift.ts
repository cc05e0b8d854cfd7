import type { Section } from "./section.ts";

/** Section `drift` of monitor.yaml, defaults filled in. */
export type DriftConfig = Readonly<Record<never, never>>;

/** Reads the section. @throws InferenceError "refused" */
export function readDriftConfig(_section: Section): DriftConfig {
  return {};
}

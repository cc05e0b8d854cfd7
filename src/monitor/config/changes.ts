import type { Section } from "./section.ts";

/** One entry of `changes` in monitor.yaml: what watches a number over time. */
export type ChangeConfig = Readonly<Record<never, never>>;

/** Most entries of `changes`. */
export const maxChanges = 32;

/** Reads one entry. @throws InferenceError "refused" */
export function readChangeConfig(_section: Section): ChangeConfig {
  return {};
}

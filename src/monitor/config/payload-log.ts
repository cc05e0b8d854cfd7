import type { Section } from "./section.ts";

/** Section `payloadLog` of monitor.yaml, defaults filled in. */
export type PayloadLogConfig = Readonly<Record<never, never>>;

/** Reads the section. @throws InferenceError "refused" */
export function readPayloadLogConfig(_section: Section): PayloadLogConfig {
  return {};
}

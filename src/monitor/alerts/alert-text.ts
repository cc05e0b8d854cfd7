import { alertMetrics } from "./alert-metrics.ts";
import type { SubjectReading } from "./alert-reading.ts";
import type { AlertRule } from "./alert-rule.ts";
import { effectiveThreshold } from "./alert-state.ts";

/** How an alert stands, in a sentence, and what the rule's author wants to be said. */
export function alertText(rule: AlertRule, reading: SubjectReading): string {
  const said = rule.message === "" ? "" : ` ${rule.message}`;
  return `${describe(rule, reading)}.${said}`;
}

function describe(rule: AlertRule, { value, samples, threshold, subject }: SubjectReading): string {
  const { samples: unit = "samples" } = alertMetrics.get(rule.metric) ?? {};
  const name = subject === "" ? rule.metric : `${rule.metric} (${subject})`;
  if (value === undefined) return `${name}: there is no such number yet`;
  if (!(samples >= rule.minSamples)) {
    return `${name}: ${samples} ${unit} are too few to tell, at least ${rule.minSamples} are needed`;
  }
  if (threshold === undefined) return `${name} is ${rounded(value)}, and the reference does not tell what it should be`;
  const limit = effectiveThreshold(rule, threshold);
  const isBeyond = rule.comparison === "above" ? value > limit : value < limit;
  const stands = isBeyond ? rule.comparison : `not ${rule.comparison}`;
  return `${name} is ${rounded(value)}, ${stands} ${rounded(limit)} (${samples} ${unit})`;
}

function rounded(value: number): string {
  return String(Number(value.toPrecision(4)));
}

import { shellWord } from "./shell-words.ts";

/**
 * What views tell to do where something is missing: commands to type and parts of a monitor.yaml. Tests hold them against the readers of both.
 */

/** How a reference profile is made for a model. */
export function profileCommand(model: string): string {
  const folder = `<repository>/${shellWord(model)}`;
  return `sluice profile rows.csv --target <column> --model ${folder} --out ${folder}/reference_profile.pb`;
}

/** How outcomes are reported from a table. */
export function outcomesCommand(model: string): string {
  return `sluice outcomes <address> ${shellWord(model)} --input outcomes.csv`;
}

/** Says what a model predicts. */
export const taskExample = "task: binary\noutputs: { label: label, scores: probabilities }";

/** Gives rows a score without any profile. */
export const anomalyExample = "anomaly: { detector: half_space_trees }";

/** Watches a number for sudden changes. */
export const changesExample = "changes:\n  - { signal: confidence, method: adwin }";

/** A rule that fires. */
export const alertsExample =
  "alerts:\n  - { name: accuracy falls, metric: accuracy, comparison: below, threshold: 0.9, holdSeconds: 300 }";

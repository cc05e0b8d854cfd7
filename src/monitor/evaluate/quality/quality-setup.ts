import { InferenceError } from "../../../errors.ts";
import type { ScoreKind } from "../../../statistics/class-scores.ts";
import type { ModelTask } from "../../config/model-task.ts";
import type { MonitorConfig } from "../../config/monitor-config.ts";
import { unknownClass } from "../../telemetry/quality-instruments.ts";
import type { ClassificationRules } from "./classification-measure.ts";

/** Most memory for the outcomes and predictions of one model version, by time; taken as blocks fill. */
export const maxQualityBytes = 32 * 1024 * 1024;

/** Most blocks of each of the two grains: finer windows of a long past tell nothing more. */
const mostBlocks = 1440;

/** How classes are judged. @param task of a classifier */
export function classificationRules(task: ModelTask, config: MonitorConfig): ClassificationRules {
  const scores: ScoreKind = task.width === 0 ? "none" : task.width === task.labels.length ? "all" : "positive";
  return {
    labels: distinctLabels(task.labels),
    classes: task.labels.length,
    scores,
    positiveClass: task.positiveClass < 0 ? task.labels.length - 1 : task.positiveClass,
    topKs: scores === "all" ? [...new Set(config.topK)].filter((k) => k < task.labels.length) : [],
    betas: [...new Set(config.beta)].filter((beta) => beta !== 1),
    zeroDivision: config.zeroDivision,
  };
}

/** What the labels of classes must not be, so that metrics and series can be told apart. */
const reservedLabels: ReadonlySet<string> = new Set(["", "macro", "weighted", "micro", unknownClass]);

/** Labels as metrics and series name them: one that is reserved or occurs twice, as in many label files, gets its index behind it. */
export function distinctLabels(labels: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  const isPlain = (label: string) => counts.get(label) === 1 && !reservedLabels.has(label);
  return labels.map((label, index) => (isPlain(label) ? label : `${label}#${index}`));
}

/**
 * Blocks that memory allows in each of the two grains.
 *
 * @param blockBytes of a full block
 * @param classes that the model tells apart; 0: none
 * @throws InferenceError "refused" when one window does not fit
 */
export function maxBlocks(blockBytes: number, { windows }: MonitorConfig, classes: number): number {
  const mostBytes = maxQualityBytes / 2;
  const most = Math.floor(mostBytes / blockBytes);
  if (windows.blocks <= most) return Math.min(mostBlocks, most);
  const what = classes > 0 ? `a block of ${classes} classes` : "a block";
  throw new InferenceError(
    "refused",
    `monitor.yaml: windows.blocks is ${windows.blocks}, but ${what} takes ${blockBytes} bytes, of which ${most} fit into the ${mostBytes} bytes for a window: lower windows.blocks to ${most} and raise windows.blockSeconds, or set task: off`,
  );
}

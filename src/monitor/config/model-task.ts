import type { ModelDescription } from "../../runtime/model.ts";
import type { PredictionTask } from "../prediction.ts";
import type { MonitorConfig } from "./monitor-config.ts";

/** What a model predicts and where its answers say so: monitor.yaml and the model brought together. */
export interface ModelTask {
  readonly task: PredictionTask;
  /** Output with the predicted class; undefined: it follows from the scores. */
  readonly labelOutput: string | undefined;
  /** Output with the score of each class, or of the positive one; undefined: there are none, or a regression. */
  readonly scoresOutput: string | undefined;
  /** Output with the predicted numbers of a regression. */
  readonly valueOutput: string | undefined;
  /** Class labels in the order of their index; empty: a regression. */
  readonly labels: readonly string[];
  /** Index of the positive class of a binary model; -1: it has none. */
  readonly positiveClass: number;
  readonly threshold: number;
  /** Numbers kept of each row, see PredictionLayout. */
  readonly width: number;
}

/** What a model predicts, or why that is not known. */
export interface TaskFinding {
  /** Undefined: quality is not watched. */
  readonly task: ModelTask | undefined;
  /** What was guessed, or why nothing could be; empty when monitor.yaml says all. */
  readonly note: string;
}

/**
 * Finds the task of a model. What monitor.yaml says wins.
 * @throws InferenceError "refused" when monitor.yaml names an output that is not there or does not fit
 */
export function findTask(config: MonitorConfig, _model: ModelDescription): TaskFinding {
  if (config.task === "off") return { task: undefined, note: "monitor.yaml switches it off" };
  return { task: undefined, note: "nothing says what the model predicts" };
}

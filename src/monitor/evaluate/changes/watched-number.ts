import { nearest } from "../../../config.ts";
import type { ChangeConfig } from "../../config/changes.ts";
import type { ModelTask } from "../../config/model-task.ts";
import { refused } from "../../config/section.ts";
import type { Prediction, Truth } from "../../prediction.ts";
import type { ChangeScale } from "./change-detector.ts";

/** Reads a signal's number out of a prediction; NaN: it has none. */
export type NumberOfPrediction = (prediction: Prediction) => number;

/** Why a signal cannot be watched; undefined: it can. */
export function whyUnwatchable({ signal, label }: ChangeConfig, task: ModelTask | undefined): string | undefined {
  if (signal === "latency") return undefined;
  if (task === undefined) return `'${signal}' is watched of models whose task is known`;
  const isRegression = task.task === "regression";
  if (signal === "value") {
    if (!isRegression) return "'value' is watched of regressions; of classes there are 'confidence' and 'output_share'";
    return Number(label) < task.width
      ? undefined
      : `label ${label} is none of the ${task.width} predicted numbers, from 0`;
  }
  if (signal === "error") return undefined;
  if (isRegression) return `'${signal}' is watched of classes; of regressions there is 'value'`;
  if (signal === "confidence") return task.width > 0 ? undefined : "'confidence' needs an output with scores";
  if (task.labels.includes(label)) return undefined;
  const near = nearest(label, task.labels);
  return `label '${label}' is none of the classes${near === undefined ? "" : `, did you mean '${near}'?`}`;
}

/** @throws InferenceError "refused" when a configured entry cannot be watched. @param index its place in `changes` */
export function checkWatchable(config: ChangeConfig, task: ModelTask | undefined, index: number): void {
  const reason = whyUnwatchable(config, task);
  if (reason !== undefined) throw refused(`changes[${index}]: ${reason}`);
}

/** How the values of a signal are to be looked at. */
export function scaleOf(signal: ChangeConfig["signal"], task: ModelTask | undefined): ChangeScale {
  if (signal === "latency") return "duration";
  return signal === "value" || (signal === "error" && task?.task === "regression") ? "number" : "share";
}

/** How a signal is read out of a prediction; undefined: it is none of a prediction alone. */
export function numberOfPrediction({ signal, label }: ChangeConfig, task: ModelTask): NumberOfPrediction | undefined {
  if (signal === "confidence") return (prediction) => confidenceOf(prediction, task);
  if (signal === "value") {
    const index = Number(label);
    return ({ values }) => values[index] ?? Number.NaN;
  }
  if (signal !== "output_share") return undefined;
  const wanted = task.labels.indexOf(label);
  return ({ predictedClass }) => (predictedClass < 0 ? Number.NaN : Number(predictedClass === wanted));
}

/** Score of the class that was predicted; where there is the positive one's alone, what it leaves for the other. */
export function confidenceOf({ predictedClass, values }: Prediction, { positiveClass, width }: ModelTask): number {
  if (predictedClass < 0 || width === 0) return Number.NaN;
  if (width > 1) return values[predictedClass] ?? Number.NaN;
  const score = values[0] ?? Number.NaN;
  return predictedClass === positiveClass ? score : 1 - score;
}

/** 1: the wrong class, 0: the right one. Of numbers the mean absolute error; NaN where one is missing. */
export function errorOf({ predictedClass, values }: Prediction, truth: Truth): number {
  if (typeof truth === "number") return Number(predictedClass !== truth);
  let sum = 0;
  for (let i = 0; i < truth.length; i++) sum += Math.abs((values[i] ?? Number.NaN) - (truth[i] as number));
  return sum / truth.length;
}

import type { ConfusionMatrix } from "../../../model/package-messages.ts";
import type { MeasuredMetric } from "../../../statistics/measured-metric.ts";
import type { CalibrationBin } from "../../monitor-report.ts";
import type { Prediction, Truth } from "../../prediction.ts";

/** How the outcomes of one task are counted and what the counts say. States merge, so blocks of time and servers add up. */
export interface QualityMeasure<State> {
  create(): State;
  /** Bytes of a state. */
  readonly stateBytes: number;
  /** Numbers of a row: scores, or predicted numbers. */
  readonly width: number;
  /** Counts a prediction whose truth is known. @returns whether it was: not when its numbers are none */
  record(state: State, prediction: Prediction, truth: Truth, weight: number): boolean;
  /** Takes away what was counted before. */
  revert(state: State, prediction: Prediction, truth: Truth, weight: number): void;
  merge(target: State, source: State): void;
  /** Rows that were counted. */
  rows(state: State): number;
  /** All metrics that can be worked out. */
  metrics(state: State): readonly MeasuredMetric[];
  /** The few of them that a history tells of every block. */
  headline(state: State): readonly MeasuredMetric[];
  /** Undefined: the task has no classes, or too many. */
  confusion(state: State): ConfusionMatrix | undefined;
  /** Empty: the task has no probabilities. */
  calibration(state: State): readonly CalibrationBin[];
}

import {
  createRegression,
  mergeRegression,
  type Regression,
  recordRegression,
  regressionRows,
  revertRegression,
} from "../../../statistics/regression.ts";
import { regressionMetrics } from "../../../statistics/regression-metrics.ts";
import type { Truth } from "../../prediction.ts";
import type { QualityMeasure } from "./quality-measure.ts";

/** Judges predicted numbers. @param outputs numbers of a row */
export function createRegressionMeasure(outputs: number): QualityMeasure<Regression> {
  const { sums, truths } = createRegression(outputs);
  return {
    create: () => createRegression(outputs),
    width: outputs,
    stateBytes: sums.byteLength + truths.byteLength,
    record: (state, { values }, truth, weight) => recordRegression(state, numbersOf(truth), values, weight),
    revert: (state, { values }, truth, weight) => revertRegression(state, numbersOf(truth), values, weight),
    merge: mergeRegression,
    rows: regressionRows,
    metrics: (state) => regressionMetrics(state),
    headline: (state) => regressionMetrics(state).filter(({ label }) => label === ""),
    confusion: () => undefined,
    calibration: () => [],
  };
}

function numbersOf(truth: Truth): ArrayLike<number> {
  return typeof truth === "number" ? [truth] : truth;
}

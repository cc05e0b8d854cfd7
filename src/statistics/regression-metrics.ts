import { effectiveCount, type Interval, meanInterval } from "./interval.ts";
import { type MeasuredMetric, measured } from "./measured-metric.ts";
import {
  type OutputErrors,
  outputErrors,
  type Regression,
  regressionRows,
  regressionSquaredWeight,
  regressionWeight,
} from "./regression.ts";

/**
 * All metrics of counted rows that can be worked out; none without rows. With several outputs those of each, by its name, and under the empty
 * label their plain mean: so the RMSE of all is the mean of the roots, not the root of the mean.
 *
 * @param outputs names of the outputs; only looked at where there are several.
 */
export function regressionMetrics(state: Regression, outputs: readonly string[] = []): readonly MeasuredMetric[] {
  const rows = regressionRows(state);
  if (rows <= 0) return [];
  const each = Array.from({ length: state.outputs }, (_, output) => outputErrors(state, output));
  const count = effectiveCount(regressionWeight(state), regressionSquaredWeight(state));
  const [only] = each;
  if (each.length === 1 && only !== undefined) return outputMetrics("", only, rows, count);
  return [
    ...meanMetrics(each, rows),
    ...each.flatMap((errors, output) => outputMetrics(outputs[output] ?? String(output), errors, rows, count)),
  ];
}

function outputMetrics(label: string, errors: OutputErrors, rows: number, count: number): readonly MeasuredMetric[] {
  const { mse, mae, bias, r2 } = errors;
  const squares = meanInterval(mse, Math.sqrt(errors.mseVariance / count), 0);
  return [
    ...measured("mse", label, mse, rows, squares),
    ...measured("rmse", label, Math.sqrt(mse), rows, rootOf(squares)),
    ...measured("mae", label, mae, rows, meanInterval(mae, Math.sqrt(errors.maeVariance / count), 0)),
    ...measured("bias", label, bias, rows, meanInterval(bias, Math.sqrt(errors.biasVariance / count))),
    ...measured("r2", label, r2, rows),
  ];
}

function rootOf(interval: Interval | undefined): Interval | undefined {
  return interval && { lower: Math.sqrt(interval.lower), upper: Math.sqrt(interval.upper) };
}

function meanMetrics(each: readonly OutputErrors[], rows: number): readonly MeasuredMetric[] {
  const mean = (of: (errors: OutputErrors) => number) =>
    each.reduce((sum, errors) => sum + of(errors) / each.length, 0);
  return [
    ...measured(
      "mse",
      "",
      mean(({ mse }) => mse),
      rows,
    ),
    ...measured(
      "rmse",
      "",
      mean(({ mse }) => Math.sqrt(mse)),
      rows,
    ),
    ...measured(
      "mae",
      "",
      mean(({ mae }) => mae),
      rows,
    ),
    ...measured(
      "r2",
      "",
      mean(({ r2 }) => r2),
      rows,
    ),
  ];
}

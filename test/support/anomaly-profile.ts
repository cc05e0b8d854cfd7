import type { ReferenceProfile, SignalProfile } from "../../src/model/package-messages.ts";
import { createMahalanobisScorer, fitMahalanobis, mahalanobisScore } from "../../src/statistics/mahalanobis.ts";
import { quantile } from "../../src/statistics/quantile.ts";
import { createRowMoments, recordRow } from "../../src/statistics/row-moments.ts";

/** A reference profile of rows of tensor `x`, each column a signal `x[i]`, with what a row's distance needs. */
export function profileOf(rows: readonly (readonly number[])[], probability = 0.95): ReferenceProfile {
  const width = rows[0]!.length;
  const moments = createRowMoments(width);
  for (const row of rows) recordRow(moments, row);
  const fit = fitMahalanobis(moments)!;
  const scorer = createMahalanobisScorer(fit.mean, fit.inverseCovariance);
  const scores = Float64Array.from(rows, (row) => mahalanobisScore(scorer, row)).sort();
  const columns = Array.from({ length: width }, (_, column) => rows.map((row) => row[column]!));
  return {
    format_version: 1,
    model_name: "m",
    model_version: 0,
    row_count: rows.length,
    signals: columns.map(signalOf),
    calibrations: [],
    expected: [],
    labels: [],
    anomaly: {
      signals: fit.columns.map((column) => `x[${column}]`),
      mean: [...fit.mean],
      inverse_covariance: [...fit.inverseCovariance],
      threshold: quantile(scores, probability),
      threshold_probability: probability,
    },
  };
}

function signalOf(values: readonly number[], column: number): SignalProfile {
  const [minimum, maximum] = [Math.min(...values), Math.max(...values)];
  const numeric = {
    edges: [minimum, maximum + 1],
    counts: [values.length],
    ...{ underflow_count: 0, overflow_count: 0, null_count: 0, infinite_count: 0, count: values.length },
    ...{ mean: 0, m2: 0, minimum, maximum, quantiles: [] },
  };
  return { name: `x[${column}]`, tensor: "x", column, datatype: "FP32", role: "SIGNAL_ROLE_INPUT", numeric };
}

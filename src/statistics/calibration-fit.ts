import { calibrationError, createCalibrationBins, recordConfidence } from "./calibration-bins.ts";
import { applyIsotonic, fitIsotonic, type IsotonicMap } from "./isotonic.ts";

/** How scores of one class become probabilities, and whether that is better than leaving them as they are. */
export interface CalibrationFit {
  readonly map: IsotonicMap;
  /** Rows that it was fitted on. */
  readonly sampleCount: number;
  /** Expected calibration error of the scores as they are, {@link calibrationError} with norm l1. */
  readonly errorBefore: number;
  /** The same of rows that a map did not see: each fold is mapped by what was fitted on the others. */
  readonly errorAfter: number;
}

/** Parts that the rows are cut into; row i is in part i % folds, so the order of the rows should mean nothing. */
const folds = 5;

/** Fewer rows say nothing about calibration. */
export const minCalibrationRows = 100;

/**
 * Fits a calibration on labelled rows that the model was not trained on. Whoever uses it compares the two errors: a map that does not
 * lower the error over splits is worse than none.
 *
 * @param scores by row, 0 to 1: the score that the class got.
 * @param isClass by row: 1 when the class is the true one, else 0.
 * @returns undefined with fewer than {@link minCalibrationRows} rows or when all rows or none belong to the class.
 */
export function fitCalibration(scores: ArrayLike<number>, isClass: ArrayLike<number>): CalibrationFit | undefined {
  const rows = scores.length;
  let positives = 0;
  for (let row = 0; row < rows; row++) positives += isClass[row] ?? 0;
  if (rows < minCalibrationRows || positives === 0 || positives === rows) return undefined;
  const map = fitIsotonic(scores, isClass);
  if (map === undefined) return undefined;
  const before = createCalibrationBins();
  const after = createCalibrationBins();
  for (let fold = 0; fold < folds; fold++) {
    const foldMap = fitWithout(fold, scores, isClass) ?? map;
    for (let row = fold; row < rows; row += folds) {
      const score = scores[row] ?? 0;
      const isTrue = isClass[row] === 1;
      recordConfidence(before, score, isTrue);
      recordConfidence(after, applyIsotonic(foldMap, score), isTrue);
    }
  }
  return {
    map,
    sampleCount: rows,
    errorBefore: calibrationError(before) ?? 0,
    errorAfter: calibrationError(after) ?? 0,
  };
}

function fitWithout(fold: number, scores: ArrayLike<number>, isClass: ArrayLike<number>): IsotonicMap | undefined {
  const kept = Array.from(scores, (_, row) => row).filter((row) => row % folds !== fold);
  return fitIsotonic(
    kept.map((row) => scores[row] ?? 0),
    kept.map((row) => isClass[row] ?? 0),
  );
}

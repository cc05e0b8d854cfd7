import { addSums } from "./sums.ts";

/**
 * Weighted counts of true against predicted classes. A class that is none of the known ones has the index after the last: it is nobody's
 * hit, but it counts against the class that was predicted or missed.
 */
export interface Confusion {
  readonly classes: number;
  /** (classes + 1) squared sums of weights, row by row: the row is the true class, the column the predicted one. */
  readonly cells: Float64Array;
}

/** Numbers that the cells take. */
export function confusionLength(classes: number): number {
  return (classes + 1) * (classes + 1);
}

/** @param cells where the sums are to lie, {@link confusionLength} zeros. */
export function createConfusion(classes: number, cells = new Float64Array(confusionLength(classes))): Confusion {
  return { classes, cells };
}

/** Counts a row; any index that is no class, such as -1, is the unknown class. A negative weight takes away what was counted before. */
export function recordConfusion(confusion: Confusion, actual: number, predicted: number, weight = 1): void {
  const { classes, cells } = confusion;
  const at = knownClass(actual, classes) * (classes + 1) + knownClass(predicted, classes);
  cells[at] = (cells[at] ?? 0) + weight;
}

function knownClass(index: number, classes: number): number {
  return index >= 0 && index < classes ? index : classes;
}

/** Adds what another matrix of the same classes holds. */
export function mergeConfusion(target: Confusion, source: Confusion): void {
  addSums(target.cells, source.cells, 1);
}

/** Takes away what was merged before. */
export function subtractConfusion(target: Confusion, source: Confusion): void {
  addSums(target.cells, source.cells, -1);
}

/** What the metrics of classes are made of. */
export interface ClassTotals {
  /** By class: rows of it that were found. */
  readonly hits: Float64Array;
  /** By class: rows that were taken for it. */
  readonly predicted: Float64Array;
  /** By class: rows of it. */
  readonly actual: Float64Array;
  /** All rows, those of unknown classes too. */
  readonly total: number;
}

export function totalsOf({ classes, cells }: Confusion): ClassTotals {
  const hits = new Float64Array(classes);
  const predicted = new Float64Array(classes);
  const actual = new Float64Array(classes);
  let total = 0;
  for (let row = 0; row <= classes; row++) {
    for (let column = 0; column <= classes; column++) {
      const weight = cells[row * (classes + 1) + column] ?? 0;
      total += weight;
      if (row < classes) actual[row] = (actual[row] ?? 0) + weight;
      if (column < classes) predicted[column] = (predicted[column] ?? 0) + weight;
      if (row === column && row < classes) hits[row] = weight;
    }
  }
  return { hits, predicted, actual, total };
}

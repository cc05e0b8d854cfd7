import { addSums } from "./sums.ts";

/**
 * Weighted counts of true against predicted classes. A class that is none of the known ones has the index after the last: it is nobody's
 * hit, but it counts against the class that was predicted or missed.
 */
export interface Confusion {
  readonly classes: number;
  /**
   * Up to {@link maxConfusionClasses} classes, (classes + 1) squared sums of weights, row by row: the row is the true class, the column the
   * predicted one. With more classes only what metrics need: hits, predicted rows and true rows of each class, and all rows.
   */
  readonly cells: Float64Array;
}

/** Most classes whose mistakes are told apart: a matrix of 128 classes takes 130 KB, one of 1,000 would take 8 MB. */
export const maxConfusionClasses = 128;

/** Numbers that the cells take. */
export function confusionLength(classes: number): number {
  return classes <= maxConfusionClasses ? (classes + 1) * (classes + 1) : 3 * classes + 1;
}

/** @param cells where the sums are to lie, {@link confusionLength} zeros. */
export function createConfusion(classes: number, cells = new Float64Array(confusionLength(classes))): Confusion {
  return { classes, cells };
}

/** Counts a row; any index that is no class, such as -1, is the unknown class. A negative weight takes away what was counted before. */
export function recordConfusion({ classes, cells }: Confusion, actual: number, predicted: number, weight = 1): void {
  const row = knownClass(actual, classes);
  const column = knownClass(predicted, classes);
  const add = (at: number) => {
    cells[at] = (cells[at] ?? 0) + weight;
  };
  if (classes <= maxConfusionClasses) {
    add(row * (classes + 1) + column);
    return;
  }
  add(3 * classes);
  if (row < classes && row === column) add(row);
  if (column < classes) add(classes + column);
  if (row < classes) add(2 * classes + row);
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
  if (classes > maxConfusionClasses) {
    return {
      hits: cells.slice(0, classes),
      predicted: cells.slice(classes, 2 * classes),
      actual: cells.slice(2 * classes, 3 * classes),
      total: cells[3 * classes] ?? 0,
    };
  }
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

/** The matrix of the known classes, row by row; undefined where mistakes are not told apart. */
export function confusionMatrix({ classes, cells }: Confusion): readonly number[] | undefined {
  if (classes > maxConfusionClasses) return undefined;
  return Array.from({ length: classes * classes }, (_, index) => {
    const row = Math.floor(index / classes);
    return cells[row * (classes + 1) + (index - row * classes)] ?? 0;
  });
}

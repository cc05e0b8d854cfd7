import type { Outcome } from "../../outcome.ts";

/** What the truths of a table are taken for. */
export type TruthKind = "label" | "class" | "value";

/** What a server's monitor says that a model predicts. */
export interface WatchedModel {
  /** A regression, or one of classes. */
  readonly isRegression: boolean;
  /** Class labels in the order of their index. */
  readonly labels: readonly string[];
}

/** The part of an outcome that says what is true. */
export type TruthFields = Pick<Outcome, "classIndex" | "label" | "value" | "values">;

/**
 * How a truth is read from its cell: as the model predicts, or as `kind` says. A class is its label where the model has that label, else an index
 * where the cell is a whole number; what is neither goes as a label, and the server says which there are.
 */
export function truthReader(model: WatchedModel, kind: TruthKind | "auto"): (cell: string) => TruthFields {
  const asValue = (cell: string): TruthFields => ({ value: trueNumber(cell) });
  if (kind === "value" || (kind === "auto" && model.isRegression)) return asValue;
  if (kind === "label") return (label) => ({ label });
  const labels = new Set(kind === "class" ? [] : model.labels);
  return (cell) => {
    const index = labels.has(cell) ? undefined : indexOf(cell);
    return index === undefined ? { label: cell } : { classIndex: index };
  };
}

/** The number of a cell; NaN for what is none, an empty one too: the server refuses it and says so. */
export function trueNumber(cell: string): number {
  return cell.trim() === "" ? Number.NaN : Number(cell);
}

/** Whole numbers as tables write them, `3` or `3.0`. */
function indexOf(cell: string): number | undefined {
  const number = trueNumber(cell);
  return Number.isInteger(number) && number >= 0 && number <= 0xffffffff ? number : undefined;
}

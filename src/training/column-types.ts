import type { Datatype } from "../tensor.ts";
import { floatOf, integerOf } from "./cell-values.ts";

/** Rows that decide what a column of a text format holds. */
export const sampledRows = 1000;

/**
 * The datatype of a column of text by its first cells: INT64 where all are integers as programs write them (`007` is not: it would not come
 * back), FP64 where all are numbers, BOOL where all are true or false, else BYTES. Empty cells say nothing; without any other: BYTES.
 */
export function datatypeOfTexts(cells: readonly string[]): Datatype {
  const filled = cells.filter((cell) => cell.trim() !== "");
  if (filled.length === 0) return "BYTES";
  if (filled.every(isPlainInteger)) return "INT64";
  if (filled.every((cell) => floatOf(cell.trim()) !== undefined && !hasLeadingZero(cell))) return "FP64";
  return filled.every((cell) => /^\s*(true|false)\s*$/i.test(cell)) ? "BOOL" : "BYTES";
}

/** The datatype of a column of JSON values by its first leaves, by the same rule; a null says nothing. */
export function datatypeOfValues(leaves: readonly unknown[]): Datatype {
  const filled = leaves.filter((leaf) => leaf !== null && leaf !== undefined);
  if (filled.length === 0) return "BYTES";
  if (filled.every((leaf) => typeof leaf === "bigint" || Number.isSafeInteger(leaf))) return "INT64";
  if (filled.every((leaf) => typeof leaf === "number" || typeof leaf === "bigint" || isFloatWord(leaf))) return "FP64";
  return filled.every((leaf) => typeof leaf === "boolean") ? "BOOL" : "BYTES";
}

function isPlainInteger(cell: string): boolean {
  if (!/^-?(0|[1-9]\d{0,18})$/.test(cell)) return false;
  const value = integerOf(cell) ?? 0n;
  return BigInt.asIntN(64, value) === value;
}

function hasLeadingZero(cell: string): boolean {
  return /^\s*[+-]?0\d/.test(cell);
}

function isFloatWord(leaf: unknown): boolean {
  return leaf === "NaN" || leaf === "Infinity" || leaf === "-Infinity";
}

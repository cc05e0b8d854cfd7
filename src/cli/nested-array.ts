import type { TensorElement } from "../client/tensor-values.ts";
import { type Datatype, formatShape } from "../tensor.ts";
import { expected } from "../training/table-error.ts";
import { UsageError } from "./arguments.ts";

/** A nested list as one flat list and its shape. */
export interface FlatArray {
  readonly shape: readonly number[];
  /** In row-major order: everything that is no list. */
  readonly leaves: readonly unknown[];
}

/**
 * Flattens a nested list; a lone value is a scalar of shape [].
 * @throws UsageError when lists at the same depth differ in length.
 */
export function flattenArray(value: unknown, where: string): FlatArray {
  const shape: number[] = [];
  for (let inner = value; Array.isArray(inner); inner = inner[0]) shape.push(inner.length);
  const leaves: unknown[] = [];
  collect(value, 0);
  return { shape, leaves };

  function collect(item: unknown, depth: number): void {
    const expected = shape[depth];
    if (!Array.isArray(item)) {
      if (expected !== undefined) throw new UsageError(`${where}: a value where a list of ${expected} is expected`);
      leaves.push(item);
      return;
    }
    if (item.length !== expected) {
      throw new UsageError(
        `${where}: a list of ${item.length} where its neighbours are ${expected === undefined ? "values" : `lists of ${expected}`}, the shape begins with ${formatShape(shape.slice(0, depth))}`,
      );
    }
    for (const child of item) collect(child, depth + 1);
  }
}

/**
 * A JSON value as an element of a datatype: floats also take "NaN", "Infinity" and "-Infinity", which JSON cannot write as numbers.
 * @throws UsageError naming `where` and the value.
 */
export function leafValue(leaf: unknown, datatype: Datatype, where: string): TensorElement {
  if (datatype.startsWith("FP")) {
    if (typeof leaf === "number" || typeof leaf === "bigint") return Number(leaf);
    if (leaf === "NaN" || leaf === "Infinity" || leaf === "-Infinity") return Number(leaf);
  } else if (
    typeof leaf === "number" ||
    typeof leaf === "bigint" ||
    typeof leaf === "boolean" ||
    typeof leaf === "string"
  ) {
    return leaf;
  }
  throw new UsageError(`${where} is ${JSON.stringify(leaf)}, expected ${expected(datatype)}`);
}

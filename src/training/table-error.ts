import { InferenceError } from "../errors.ts";
import type { Datatype } from "../tensor.ts";

/** An error in a table: the file, where in it, and what is wrong. `place` is `line 7` or `row 12`; empty: the file as a whole. */
export function tableError(file: string, place: string, problem: string, cause?: unknown): InferenceError {
  const where = place === "" ? file : `${file}, ${place}`;
  return new InferenceError("invalid", `${where}: ${problem}`, { cause });
}

/** An error of one value, in the words that every format uses. */
export function valueError(
  file: string,
  place: string,
  column: string,
  value: unknown,
  datatype: Datatype,
): InferenceError {
  const name = column === "" ? "the value" : `column '${column}'`;
  return new InferenceError(
    "invalid",
    `${file}: ${name} in ${place} is ${shown(value)}, expected ${expected(datatype)}`,
  );
}

/** What a value of a datatype may be, for messages. */
export function expected(datatype: Datatype): string {
  if (datatype === "BYTES") return "text";
  if (datatype === "BOOL") return "true or false";
  return datatype.startsWith("FP") ? `a number (${datatype}; NaN for a missing one)` : `an integer (${datatype})`;
}

/** Most characters of a value that a message quotes. */
const maxShownCharacters = 100;

function shown(value: unknown): string {
  const text = typeof value === "bigint" ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length <= maxShownCharacters ? text : `${text.slice(0, maxShownCharacters)}...`;
}

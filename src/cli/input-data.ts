import type { Tensor } from "../tensor.ts";
import { asObject, parseJson } from "../training/json-values.ts";
import { isNpy } from "../training/npy-format.ts";
import { UsageError } from "./arguments.ts";
import { parseCsv } from "./csv.ts";
import { type ExplicitRequest, isExplicitRequest, readExplicitRequest } from "./infer-request-json.ts";
import { decodeNpy } from "./npy.ts";

export const inputFormats = ["auto", "json", "jsonl", "csv", "npy"] as const;
export type InputFormat = (typeof inputFormats)[number];

/** What an input file holds, before it is known what the model takes. */
export type InputData =
  /** Requests that name everything themselves. */
  | { readonly kind: "requests"; readonly requests: readonly ExplicitRequest[] }
  /** Rows of named columns. Cells are text from CSV, JSON values otherwise; `places` says where each row stands in the file. */
  | {
      readonly kind: "table";
      readonly columns: readonly string[];
      readonly rows: readonly (readonly unknown[])[];
      readonly places: readonly string[];
      readonly isText: boolean;
    }
  /** A nested list for each input. */
  | { readonly kind: "arrays"; readonly arrays: ReadonlyMap<string, unknown> }
  /** A nested list for the only input. */
  | { readonly kind: "array"; readonly array: unknown }
  /** A typed array for the only input. */
  | { readonly kind: "tensor"; readonly tensor: Tensor };

/**
 * Reads an input file. `auto` goes by its content: the magic bytes of NPY, an opening bracket or brace for JSON (several values on lines of
 * their own: JSON Lines), CSV otherwise.
 * @throws UsageError for content that is not of its format.
 */
export function readInputData(bytes: Uint8Array, format: InputFormat): InputData {
  if (format === "npy" || (format === "auto" && isNpy(bytes))) return { kind: "tensor", tensor: decodeNpy(bytes) };
  const text = decodeText(bytes);
  const actual = format === "auto" ? recognize(text) : format;
  if (actual === "csv") {
    const { columns, rows, lines } = parseCsv(text);
    return { kind: "table", columns, rows, places: lines.map((line) => `line ${line}`), isText: true };
  }
  return actual === "jsonl" ? fromLines(text) : fromJson(parseOrRefuse(text, "JSON"));
}

function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new UsageError("the input is neither NPY nor UTF-8 text", { cause: error });
  }
}

function recognize(text: string): "json" | "jsonl" | "csv" {
  if (!/^\s*[[{]/.test(text)) return "csv";
  const lines = nonEmptyLines(text);
  const first = lines[0]?.text ?? "";
  return lines.length > 1 && isJson(first) ? "jsonl" : "json";
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function parseOrRefuse(text: string, where: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    throw new UsageError(`${where}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

interface Line {
  readonly text: string;
  /** From 1. */
  readonly number: number;
}

function nonEmptyLines(text: string): readonly Line[] {
  return text
    .split("\n")
    .map((line, i) => ({ text: line.trim(), number: i + 1 }))
    .filter((line) => line.text !== "");
}

function fromLines(text: string): InputData {
  const lines = nonEmptyLines(text);
  const values = lines.map((line) => parseOrRefuse(line.text, `JSON line ${line.number}`));
  return fromList(
    values,
    lines.map(({ number }) => `line ${number}`),
  );
}

function fromJson(value: unknown): InputData {
  if (isExplicitRequest(value)) return { kind: "requests", requests: [readExplicitRequest(value)] };
  if (Array.isArray(value)) {
    return fromList(
      value,
      value.map((_, i) => `element ${i}`),
    );
  }
  const object = asObject(value);
  if (object === undefined) return { kind: "array", array: value };
  return { kind: "arrays", arrays: new Map(Object.entries(object)) };
}

/** A list of requests, of rows as objects, or of anything else: an array. */
function fromList(values: readonly unknown[], places: readonly string[]): InputData {
  if (values.length > 0 && values.every(isExplicitRequest)) {
    return { kind: "requests", requests: values.map(readExplicitRequest) };
  }
  const first = asObject(values[0]);
  if (first === undefined) return { kind: "array", array: values };
  const columns = Object.keys(first);
  const rows = values.map((value, i) => rowOf(value, columns, places[i] ?? ""));
  return { kind: "table", columns, rows, places, isText: false };
}

function rowOf(value: unknown, columns: readonly string[], place: string): readonly unknown[] {
  const object = asObject(value);
  if (object === undefined) throw new UsageError(`${place}: expected an object like the first one`);
  const surplus = Object.keys(object).find((key) => !columns.includes(key));
  if (surplus !== undefined) throw new UsageError(`${place}: '${surplus}' is not among the keys of the first object`);
  return columns.map((column) => {
    if (!Object.hasOwn(object, column)) throw new UsageError(`${place}: '${column}' is missing`);
    return object[column];
  });
}

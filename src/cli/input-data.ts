import type { Tensor } from "../tensor.ts";
import { memorySource } from "../training/byte-source.ts";
import { openJsonRows } from "../training/json-rows.ts";
import { asObject, parseJson } from "../training/json-values.ts";
import type { Table } from "../training/table.ts";
import { openTableSource, recognizeFormat } from "../training/table-file.ts";
import { UsageError } from "./arguments.ts";
import { type ExplicitRequest, isExplicitRequest, readExplicitRequest } from "./infer-request-json.ts";
import { decodeNpy } from "./npy.ts";

export const inputFormats = ["auto", "json", "jsonl", "csv", "npy", "parquet"] as const;
export type InputFormat = (typeof inputFormats)[number];

/** What an input file holds, before it is known what the model takes. */
export type InputData =
  /** Requests that name everything themselves. */
  | { readonly kind: "requests"; readonly requests: readonly ExplicitRequest[] }
  /** Rows of named columns. */
  | { readonly kind: "table"; readonly table: Table }
  /** A nested list for each input. */
  | { readonly kind: "arrays"; readonly arrays: ReadonlyMap<string, unknown> }
  /** A nested list for the only input. */
  | { readonly kind: "array"; readonly array: unknown }
  /** A typed array for the only input. */
  | { readonly kind: "tensor"; readonly tensor: Tensor };

/**
 * Reads an input file. `auto` goes by its content: the magic bytes of NPY and Parquet, an opening bracket or brace for JSON (several values on
 * lines of their own: JSON Lines), CSV otherwise.
 * @param name of the file, for messages
 * @throws UsageError or InferenceError "invalid" for content that is not of its format.
 */
export async function readInputData(bytes: Buffer, format: InputFormat, name = "the input"): Promise<InputData> {
  const actual = format === "auto" ? recognize(bytes) : format;
  switch (actual) {
    case "npy":
      return { kind: "tensor", tensor: decodeNpy(bytes) };
    case "csv":
    case "parquet":
      return { kind: "table", table: await openTableSource(memorySource(bytes, name), actual) };
    case "jsonl":
      return fromLines(decodeText(bytes), name);
    case "json":
      return fromJson(parseOrRefuse(decodeText(bytes), "JSON"), name);
  }
}

function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new UsageError("the input is neither NPY nor UTF-8 text", { cause: error });
  }
}

function recognize(bytes: Buffer): Exclude<InputFormat, "auto"> {
  const format = recognizeFormat(bytes);
  if (format !== "jsonl") return format;
  const lines = nonEmptyLines(decodeText(bytes));
  return lines.length > 1 && isJson(lines[0]?.text ?? "") ? "jsonl" : "json";
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

function fromLines(text: string, name: string): InputData {
  const lines = nonEmptyLines(text);
  const values = lines.map((line) => parseOrRefuse(line.text, `JSON line ${line.number}`));
  return fromList(
    values,
    lines.map(({ number }) => `line ${number}`),
    name,
  );
}

function fromJson(value: unknown, name: string): InputData {
  if (isExplicitRequest(value)) return { kind: "requests", requests: [readExplicitRequest(value)] };
  if (Array.isArray(value)) {
    return fromList(
      value,
      value.map((_, i) => `element ${i}`),
      name,
    );
  }
  const object = asObject(value);
  if (object === undefined) return { kind: "array", array: value };
  return { kind: "arrays", arrays: new Map(Object.entries(object)) };
}

/** A list of requests, of rows as objects, or of anything else: an array. */
function fromList(values: readonly unknown[], places: readonly string[], name: string): InputData {
  if (values.length > 0 && values.every(isExplicitRequest)) {
    return { kind: "requests", requests: values.map(readExplicitRequest) };
  }
  if (asObject(values[0]) === undefined) return { kind: "array", array: values };
  const rows = values.map((value, i) => ({ value, place: places[i] ?? "" }));
  return { kind: "table", table: openJsonRows(name, rows) };
}

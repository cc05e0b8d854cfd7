import type { InferenceResponse } from "../inference.ts";
import { elementCount, formatShape, type Tensor } from "../tensor.ts";
import { UsageError } from "./arguments.ts";
import { formatCsv } from "./csv.ts";
import { formatJson } from "./json-text.ts";
import { encodeNpy } from "./npy.ts";
import { exactText, type JsonElement, jsonElements, shortText } from "./tensor-text.ts";
import { renderTextTable } from "./text-table.ts";

export const outputFormats = ["table", "json", "csv", "npy"] as const;
export type OutputFormat = (typeof outputFormats)[number];

/** Elements of one row that a table shows before it says how many there are. */
const maxShownElements = 10;

/**
 * An answer in the form of a file: `json` is KServe's JSON response on one line, `csv` and `table` have one row for each row of the outputs.
 * @throws UsageError when the outputs do not fit the form: rows of different numbers in CSV, several outputs in NPY.
 */
export function formatAnswer(answer: InferenceResponse, format: OutputFormat): string | Uint8Array {
  switch (format) {
    case "json":
      return `${formatJson(jsonAnswer(answer))}\n`;
    case "table":
      return commonRows(answer.outputs) === undefined ? blocks(answer.outputs) : table(answer.outputs);
    case "csv":
      return csv(answer.outputs);
    case "npy":
      return npy(answer.outputs);
  }
}

function jsonAnswer(answer: InferenceResponse): object {
  return {
    model_name: answer.modelName,
    model_version: answer.modelVersion,
    id: answer.id === "" ? undefined : answer.id,
    parameters: answer.parameters.size === 0 ? undefined : Object.fromEntries(answer.parameters),
    outputs: answer.outputs.map((output) => ({
      name: output.name,
      datatype: output.datatype,
      shape: output.shape,
      data: jsonElements(output),
    })),
  };
}

/** How many rows all outputs have; undefined when they differ or one is a scalar. */
function commonRows(outputs: readonly Tensor[]): number | undefined {
  const rows = outputs[0]?.shape[0];
  return outputs.every(({ shape }) => shape[0] === rows) ? rows : undefined;
}

/** Elements of each row of an output. */
function rowsOf(output: Tensor): readonly (readonly JsonElement[])[] {
  const elements = jsonElements(output);
  const width = elementCount(output.shape.slice(1));
  return Array.from({ length: output.shape[0] ?? 0 }, (_, row) => elements.slice(row * width, (row + 1) * width));
}

function table(outputs: readonly Tensor[]): string {
  const columns = outputs.map((output) => rowsOf(output).map((row) => cell(row, output.shape.length > 1)));
  const rows = Array.from({ length: commonRows(outputs) ?? 0 }, (_, row) => [
    String(row),
    ...columns.map((column) => column[row] ?? ""),
  ]);
  return renderTextTable([{ title: "row", align: "right" }, ...outputs.map(({ name }) => ({ title: name }))], rows);
}

function cell(row: readonly JsonElement[], isList: boolean): string {
  const shown = row.slice(0, maxShownElements).map(shortText);
  if (!isList || row.length === 1) return shown.join(", ");
  return `[${shown.join(", ")}${row.length > shown.length ? `, ... ${row.length} in all` : ""}]`;
}

/** Outputs that share no rows, one below the other. */
function blocks(outputs: readonly Tensor[]): string {
  return outputs
    .map((output) => {
      const elements = cell(jsonElements(output), output.shape.length > 0);
      return `${output.name} ${output.datatype} ${formatShape(output.shape)}\n  ${elements}\n`;
    })
    .join("");
}

function csv(outputs: readonly Tensor[]): string {
  const rows = commonRows(outputs);
  if (rows === undefined) {
    const shapes = outputs.map(({ name, shape }) => `'${name}' ${formatShape(shape)}`).join(", ");
    throw new UsageError(
      `the outputs have no rows in common: ${shapes}; use --format json, or choose with --output-name`,
    );
  }
  const columns = outputs.flatMap((output) => {
    const width = elementCount(output.shape.slice(1));
    return output.shape.length === 1 || width === 1
      ? [output.name]
      : Array.from({ length: width }, (_, i) => `${output.name}_${i}`);
  });
  const cells = outputs.map(rowsOf);
  return formatCsv(
    columns,
    Array.from({ length: rows }, (_, row) => cells.flatMap((output) => (output[row] ?? []).map(exactText))),
  );
}

function npy(outputs: readonly Tensor[]): Uint8Array {
  const [output, second] = outputs;
  if (output === undefined || second !== undefined) {
    throw new UsageError(
      `an NPY file holds one array, the answer has ${outputs.map(({ name }) => `'${name}'`).join(", ")}: choose one with --output-name`,
    );
  }
  return encodeNpy(output);
}

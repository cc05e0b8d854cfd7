import type { ModelMetadata } from "../../client/model-metadata.ts";
import type { Table, TableColumn } from "../../training/table.ts";
import { UsageError } from "../arguments.ts";
import { type InputPlan, planInputs } from "../input-plan.ts";
import type { KeptColumn } from "./bulk-messages.ts";

/** Names of columns from `--keep a,b --keep c`; a name with a comma in it is one where the table has it. */
export function resolveNames(given: readonly string[], { columns }: Pick<Table, "columns">): readonly string[] {
  return given.flatMap((text) => (columns.some(({ name }) => name === text) ? [text] : text.split(",")));
}

export interface ColumnChoice {
  readonly ignore: readonly string[];
  readonly keep: readonly string[];
  /** Kept columns of CSV stay the text they are. */
  readonly keepsText: boolean;
}

/**
 * Which columns the model takes and which go to the output. Kept columns are inputs where all columns fit the model, and only repeated where
 * the others do.
 * @throws UsageError that names what does not fit.
 */
export function planColumns(
  { columns }: Pick<Table, "columns">,
  metadata: ModelMetadata,
  { ignore, keep, keepsText }: ColumnChoice,
): { readonly plan: InputPlan; readonly keptColumns: readonly KeptColumn[] } {
  const keptColumns = keep.map((name) => keptColumn(columns, name, keepsText));
  return { plan: planWithout(columns, metadata, ignore, keep), keptColumns };
}

function planWithout(
  columns: readonly TableColumn[],
  metadata: ModelMetadata,
  ignore: readonly string[],
  keep: readonly string[],
): InputPlan {
  try {
    return planInputs(columns, metadata, ignore);
  } catch (error) {
    if (keep.length === 0 || !(error instanceof UsageError)) throw error;
    const inputs = new Set(metadata.inputs.map(({ name }) => name));
    const onlyKept = keep.filter((name) => !inputs.has(name));
    try {
      return planInputs(columns, metadata, [...ignore, ...onlyKept]);
    } catch {
      throw error;
    }
  }
}

function keptColumn(columns: readonly TableColumn[], name: string, keepsText: boolean): KeptColumn {
  const index = columns.findIndex((column) => column.name === name);
  const column = columns[index];
  if (column === undefined) {
    throw new UsageError(
      `--keep '${name}': no such column, the input has ${columns.map((known) => known.name).join(", ")}`,
    );
  }
  return { index, column: keepsText ? { ...column, datatype: "BYTES" } : column };
}

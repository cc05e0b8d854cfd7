import type { ModelMetadata } from "../../client/model-metadata.ts";
import { formatShape } from "../../tensor.ts";
import type { TableColumn, TableFormat } from "../../training/table.ts";
import type { InputPlan } from "../input-plan.ts";
import type { PredictionColumns } from "../prediction-columns.ts";
import type { BulkJob } from "./bulk-messages.ts";
import { describeInput } from "./input-identity.ts";
import type { JobDescription } from "./journal.ts";

/** Columns that a line names before it says how many there are. */
const maxShownColumns = 6;

/** What of the table goes where, one line for each input, for people. */
export function mappingText({ table, plan, keptColumns, rowsPerMessage }: BulkJob, metadata: ModelMetadata): string {
  const used = new Set(plan.inputs.flatMap(({ group }) => group.columns));
  const kept = new Set(keptColumns.map(({ index }) => index));
  const left = table.columns.filter((_, index) => !used.has(index) && !kept.has(index));
  const rows = table.rowCount === undefined ? "" : `, ${table.rowCount} rows`;
  const lines = [`${table.name}: ${table.format}, ${table.columns.length} columns${rows}`];
  for (const { name, group, rowShape } of plan.inputs) {
    const columns = group.columns.flatMap((index) => table.columns[index] ?? []);
    lines.push(`  ${metadata.name} ${name} ${group.datatype} ${formatShape(rowShape)} <- ${columnList(columns)}`);
  }
  if (keptColumns.length > 0) lines.push(`  kept <- ${columnList(keptColumns.map(({ column }) => column))}`);
  if (left.length > 0) lines.push(`  left out: ${columnList(left)}`);
  lines.push(`  ${rowsPerMessage === 1 ? "1 row" : `${rowsPerMessage} rows`} a message`);
  return `${lines.join("\n")}\n`;
}

function columnList(columns: readonly TableColumn[]): string {
  const shown = columns.slice(0, maxShownColumns).map(({ name, datatype, shape }) => {
    const type = shape.length === 0 ? datatype : `${datatype} ${formatShape(shape)}`;
    return name === "" ? type : `${name} (${type})`;
  });
  return `${shown.join(", ")}${columns.length > shown.length ? `, ... ${columns.length} in all` : ""}`;
}

/** What an output is made from, for its journal. Standard input has no identity. */
export async function describeJob(
  job: BulkJob,
  format: TableFormat,
  given: { readonly input: string; readonly modelVersion: string },
): Promise<JobDescription> {
  const { plan, keptColumns, outputs, rowsPerMessage, table, predictions } = job;
  return {
    input: given.input === "-" ? "standard input" : await describeInput(given.input),
    "input format": table.format,
    model: job.model,
    "--model-version": given.modelVersion,
    inputs: describePlan(plan, table.columns),
    "--keep": keptColumns.map(({ column }) => `${column.name} ${column.datatype}`).join(", "),
    outputs: outputs
      .map((output) => (typeof output === "string" ? output : `${output.name}: ${output.classificationCount} classes`))
      .join(", "),
    format,
    "rows per message": String(rowsPerMessage),
    ...describePredictions(predictions),
  };
}

/** Not there without any, as in the journals of runs that knew of none. */
function describePredictions({ predictionIds, predictionTokens }: PredictionColumns): JobDescription {
  const columns = [...(predictionIds ? ["ids"] : []), ...(predictionTokens ? ["tokens"] : [])];
  return columns.length === 0 ? {} : { predictions: columns.join(", ") };
}

function describePlan({ inputs }: InputPlan, columns: readonly TableColumn[]): string {
  return inputs
    .map(({ name, group, rowShape }) => {
      const names = group.columns.map((index) => columns[index]?.name ?? "").join(", ");
      return `${name} ${group.datatype} ${formatShape(rowShape)} from ${names}`;
    })
    .join("; ");
}

import type { InferOptions } from "../../client/infer-options.ts";
import { createTensor } from "../../client/tensor-values.ts";
import { elementCount, itemBytes, type Tensor } from "../../tensor.ts";
import { groupWidth, sliceValues } from "../../training/batch-room.ts";
import type { GroupValues, Table, TableBatch, TableColumn, TablePosition } from "../../training/table.ts";
import type { InputPlan, PlannedInput } from "../input-plan.ts";
import { askForPredictions, type PredictionColumns } from "../prediction-columns.ts";
import { cutRows } from "../rows.ts";

/** A column of the table that goes to the output. */
export interface KeptColumn {
  readonly index: number;
  readonly column: TableColumn;
}

/** What a run over a table asks, and how. */
export interface BulkJob {
  readonly table: Table;
  readonly plan: InputPlan;
  readonly model: string;
  /** Empty: all. */
  readonly outputs: NonNullable<InferOptions["outputs"]>;
  /** What of the predictions is written beside the outputs. */
  readonly predictions: PredictionColumns;
  /** Columns of the table that go to the output, as what they are to be written. */
  readonly keptColumns: readonly KeptColumn[];
  readonly rowsPerMessage: number;
}

/** Rows that are asked about together. */
export interface BulkRows {
  readonly firstRow: number;
  readonly rowCount: number;
  readonly inputs: readonly Tensor[];
  /** Values of the kept columns. */
  readonly kept: readonly GroupValues[];
}

/** Rows on their way to the server. */
export interface BulkMessage extends BulkRows {
  /** Where the table goes on behind these rows. */
  readonly end: TablePosition;
}

/** Bytes of tensors in one message: large enough that a message costs little beside its rows, small enough that a few fit anywhere. */
export const targetMessageBytes = 1024 * 1024;

/** Rows of a message unless more are asked for: each also costs the memory of what it is read from and written to. */
const maxDefaultRows = 8192;

/** Bytes that a text is taken for when the rows of a message are chosen before any was read. */
const assumedTextBytes = 64;

/** Rows that make a message of about {@link targetMessageBytes}, at least one and at most
 * {@link maxDefaultRows}; one where every row is a request. */
export function chooseRowsPerMessage(plan: InputPlan, table: Pick<Table, "columns">, maxRows: number): number {
  if (plan.cut === "each") return 1;
  const rowBytes = plan.inputs.reduce((sum, { group }) => {
    const item = group.datatype === "BYTES" ? assumedTextBytes : itemBytes(group.datatype);
    return sum + item * groupWidth(group, table.columns);
  }, 0);
  return Math.max(1, Math.min(maxRows, maxDefaultRows, Math.floor(targetMessageBytes / Math.max(1, rowBytes))));
}

/** The rows of a table as messages, from a position on; ends early, between two messages, when the signal is aborted. */
export async function* bulkMessages(
  job: BulkJob,
  from: TablePosition,
  stop: AbortSignal,
): AsyncGenerator<BulkMessage, void, undefined> {
  const { table, plan, keptColumns } = job;
  const keptGroups = keptColumns.map(({ index, column }) => ({ columns: [index], datatype: column.datatype }));
  const groups = [...plan.inputs.map(({ group }) => group), ...keptGroups];
  for await (const batch of table.read({ groups, rowsPerBatch: job.rowsPerMessage, from })) {
    if (stop.aborted) return;
    yield toMessage(batch, plan);
  }
}

function toMessage({ firstRow, rowCount, groups, end }: TableBatch, plan: InputPlan): BulkMessage {
  const inputs = plan.inputs.map((input, i) => toTensor(input, groups[i] ?? [], plan.cut, rowCount));
  return { firstRow, rowCount, inputs, kept: groups.slice(plan.inputs.length), end };
}

function toTensor({ name, group, rowShape }: PlannedInput, values: GroupValues, cut: InputPlan["cut"], rows: number) {
  return createTensor(name, group.datatype, cut === "each" ? rowShape : [rows, ...rowShape], values);
}

/** The question that rows ask; its id is the number of the first one. */
export function toRequest(job: BulkJob, version: string, { inputs, firstRow }: BulkRows): InferOptions {
  const { model, outputs, predictions } = job;
  return { model, version, inputs, outputs, id: String(firstRow), ...askForPredictions(predictions) };
}

/** Several rows as two groups of rows, in order. */
export function halves(job: BulkJob, { firstRow, rowCount, inputs, kept }: BulkRows): readonly BulkRows[] {
  const size = Math.ceil(rowCount / 2);
  return [...cutRows({ tensors: inputs, cut: "batch" }, size)].map((half, i) => {
    const [start, end] = [i * size, Math.min(rowCount, (i + 1) * size)];
    const keptHalf = kept.map((values, k) => {
      const width = elementCount(job.keptColumns[k]?.column.shape ?? []);
      return sliceValues(values, start * width, end * width);
    });
    return { firstRow: firstRow + start, rowCount: end - start, inputs: half, kept: keptHalf };
  });
}

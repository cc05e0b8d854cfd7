import { InferenceError } from "../../errors.ts";
import type { Outcome } from "../../outcome.ts";
import type { ColumnGroup, GroupValues, Table } from "../../training/table.ts";
import { UsageError } from "../arguments.ts";
import { type TruthFields, trueNumber } from "./truth-reading.ts";

/** Names of the columns that are read, beside the truth. */
export const outcomeColumns = {
  id: "prediction_id",
  row: "row",
  token: "prediction_token",
  weight: "weight",
  observedAt: "observed_at",
} as const;

/** What stands where in a table of outcomes: indices of columns; undefined: not there. */
export interface OutcomePlan {
  readonly id: number | undefined;
  readonly row: number | undefined;
  readonly token: number | undefined;
  readonly weight: number | undefined;
  readonly observedAt: number | undefined;
  /** One, or one for each of the numbers that a model predicts. */
  readonly truth: readonly number[];
}

/**
 * Finds the columns of a table of outcomes. Where it has both, the token is taken: it is of use to any server.
 * @param truth name of the column with the truth; `NAME_0`, `NAME_1`, ... for several numbers
 * @throws UsageError for a table without truth, or without anything that names a prediction
 */
export function planOutcomes(table: Table, truth: string): OutcomePlan {
  const find = (name: string) => {
    const index = table.columns.findIndex((column) => column.name === name);
    return index < 0 ? undefined : index;
  };
  const { id, row, token, weight, observedAt } = outcomeColumns;
  const columns = { id: find(id), token: find(token) };
  const truthColumns = truthColumnsOf(table, truth);
  const names = table.columns.map(({ name }) => name).join(", ");
  if (columns.id === undefined && columns.token === undefined) {
    throw new UsageError(`${table.name} has neither a column '${id}' nor '${token}', only: ${names}`);
  }
  if (truthColumns.length === 0) {
    throw new UsageError(`${table.name} has no column '${truth}' with the truth, only: ${names}; name it with --truth`);
  }
  const isByToken = columns.token !== undefined;
  return {
    id: isByToken ? undefined : columns.id,
    row: isByToken ? undefined : find(row),
    token: columns.token,
    weight: find(weight),
    observedAt: find(observedAt),
    truth: truthColumns,
  };
}

function truthColumnsOf(table: Table, truth: string): readonly number[] {
  const names = table.columns.map(({ name }) => name);
  if (names.includes(truth)) return [names.indexOf(truth)];
  const several: number[] = [];
  while (names.includes(`${truth}_${several.length}`)) several.push(names.indexOf(`${truth}_${several.length}`));
  return several;
}

/** Outcomes of one model. */
export interface OutcomeReading {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly isCorrection: boolean;
  readonly readTruth: (cell: string) => TruthFields;
  /** Outcomes of a batch at most. */
  readonly rowsPerBatch: number;
}

/** Outcomes of successive rows. */
export interface OutcomeBatch {
  readonly firstRow: number;
  readonly outcomes: readonly Outcome[];
  /** Bytes of the file before the next batch; 0 in formats that know their number of rows. */
  readonly endByte: number;
}

/** The outcomes of a table, some thousand at a time. @throws InferenceError "invalid" as the table's reader does */
export async function* readOutcomes(
  table: Table,
  plan: OutcomePlan,
  reading: OutcomeReading,
): AsyncGenerator<OutcomeBatch, void, undefined> {
  const used = [plan.id, plan.row, plan.token, plan.weight, plan.observedAt, ...plan.truth];
  const columns = [...new Set(used.filter((index) => index !== undefined))];
  const groups = columns.map((index): ColumnGroup => ({ columns: [index], datatype: datatypeOf(table, index) }));
  for await (const batch of table.read({ groups, rowsPerBatch: reading.rowsPerBatch })) {
    const cells = new Map(columns.map((column, i) => [column, batch.groups[i] ?? []]));
    const outcomes = Array.from({ length: batch.rowCount }, (_, row) => {
      const outcome = outcomeOf(cells, row, plan, reading);
      checkCells(outcome, `row ${batch.firstRow + row} of ${table.name}`);
      return outcome;
    });
    yield { firstRow: batch.firstRow, outcomes, endByte: batch.end.byte };
  }
}

/** Cells of CSV are taken as they are written, so that a label `007` stays one; those of other formats are what the file says. */
function datatypeOf(table: Table, index: number): ColumnGroup["datatype"] {
  return table.format === "csv" ? "BYTES" : (table.columns[index]?.datatype ?? "BYTES");
}

type Cells = ReadonlyMap<number, GroupValues>;

function outcomeOf(cells: Cells, row: number, plan: OutcomePlan, reading: OutcomeReading): Outcome {
  const { modelName, modelVersion, isCorrection, readTruth } = reading;
  const text = (column: number | undefined) => (column === undefined ? undefined : textOf(cells.get(column)?.[row]));
  const number = (column: number | undefined) => {
    const cell = text(column);
    return cell === undefined || cell === "" ? undefined : Number(cell);
  };
  const token = text(plan.token);
  const [first, ...others] = plan.truth;
  const truth: TruthFields =
    others.length > 0
      ? { values: plan.truth.map((column) => trueNumber(text(column) ?? "")) }
      : readTruth(text(first) ?? "");
  return {
    ...(token === undefined
      ? { predictionId: text(plan.id), row: number(plan.row) }
      : { predictionToken: Buffer.from(token, "base64") }),
    ...truth,
    weight: number(plan.weight),
    observedAtMs: timeOf(text(plan.observedAt)),
    isCorrection,
    modelName,
    modelVersion,
  };
}

/** What no message can carry is an error of the table; everything else is left to the server, which refuses it alone. */
function checkCells({ row, observedAtMs }: Outcome, where: string): void {
  if (row !== undefined && !(Number.isInteger(row) && row >= 0 && row <= 0xffffffff)) {
    throw new InferenceError("invalid", `column '${outcomeColumns.row}' of ${where} is no row number, counted from 0`);
  }
  if (observedAtMs !== undefined && !Number.isFinite(observedAtMs)) {
    throw new InferenceError(
      "invalid",
      `column '${outcomeColumns.observedAt}' of ${where} is no time: ISO 8601, or epoch seconds`,
    );
  }
}

function textOf(cell: GroupValues[number] | undefined): string {
  return cell instanceof Uint8Array ? Buffer.from(cell).toString("utf8") : String(cell ?? "");
}

/** ISO 8601, or epoch seconds. */
function timeOf(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  const seconds = Number(text);
  return Number.isNaN(seconds) ? Date.parse(text) : seconds * 1000;
}

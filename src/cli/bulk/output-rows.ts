import { readTensor } from "../../client/tensor-values.ts";
import { formatShape, type Tensor } from "../../tensor.ts";
import type { TableColumn } from "../../training/table.ts";
import { UsageError } from "../arguments.ts";
import type { InputPlan } from "../input-plan.ts";
import type { OutputRows } from "./table-encoder.ts";

/**
 * The columns that answers make, by the first one.
 * @throws UsageError for an output without a row for each row of the input
 */
export function outputColumns(outputs: readonly Tensor[], rowCount: number, cut: InputPlan["cut"]): TableColumn[] {
  return outputs.map((output) => {
    if (cut === "batch" && output.shape[0] !== rowCount) {
      throw new UsageError(
        `output '${output.name}' of shape ${formatShape(output.shape)} has no row for each of the ${rowCount} rows asked; choose others with --output-name`,
      );
    }
    return { name: output.name, datatype: output.datatype, shape: rowShapeOf(output, cut) };
  });
}

/**
 * The elements of an answer for these columns.
 * @throws UsageError naming the rows when the answer has other outputs, datatypes or shapes of a row than the first one
 */
export function outputValues(
  outputs: readonly Tensor[],
  columns: readonly TableColumn[],
  message: { readonly firstRow: number; readonly rowCount: number },
  cut: InputPlan["cut"],
): OutputRows["values"] {
  const found = outputColumns(outputs, message.rowCount, cut);
  if (!isSame(found, columns)) {
    throw new UsageError(
      `the answer to ${describeRows(message)} is ${describeColumns(found)} where the first one was ${describeColumns(columns)}: these do not fit in one table; choose outputs with --output-name`,
    );
  }
  return outputs.map(readTensor);
}

/** `row 5` or `rows 5 to 9`, from 0. */
export function describeRows({ firstRow, rowCount }: { readonly firstRow: number; readonly rowCount: number }): string {
  return rowCount === 1 ? `row ${firstRow}` : `rows ${firstRow} to ${firstRow + rowCount - 1}`;
}

function rowShapeOf({ shape }: Tensor, cut: InputPlan["cut"]): readonly number[] {
  return cut === "batch" ? shape.slice(1) : shape;
}

function isSame(a: readonly TableColumn[], b: readonly TableColumn[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ name, datatype, shape }, i) => {
      const other = b[i];
      return other?.name === name && other.datatype === datatype && other.shape.join() === shape.join();
    })
  );
}

function describeColumns(columns: readonly TableColumn[]): string {
  return columns.map(({ name, datatype, shape }) => `'${name}' ${datatype} ${formatShape(shape)} a row`).join(", ");
}

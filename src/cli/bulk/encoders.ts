import type { TableColumn, TableFormat } from "../../training/table.ts";
import { UsageError } from "../arguments.ts";
import { CsvEncoder } from "./csv-encoder.ts";
import type { TableEncoder } from "./table-encoder.ts";

/**
 * An encoder for a format.
 * @param states what an earlier run's encoder had to be known to continue, in order
 * @throws UsageError for columns that the format cannot hold
 */
export function createEncoder(
  format: TableFormat,
  columns: readonly TableColumn[],
  _states: readonly unknown[],
): TableEncoder {
  switch (format) {
    case "csv":
      return new CsvEncoder(columns);
    default:
      throw new UsageError(`--format ${format} is not one that can be written`);
  }
}

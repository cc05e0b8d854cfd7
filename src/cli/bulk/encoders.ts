import type { TableColumn, TableFormat } from "../../training/table.ts";
import { CsvEncoder } from "./csv-encoder.ts";
import { JsonLinesEncoder } from "./json-lines-encoder.ts";
import { NpyEncoder } from "./npy-encoder.ts";
import { ParquetEncoder } from "./parquet-encoder.ts";
import type { TableEncoder } from "./table-encoder.ts";

/**
 * An encoder for a format.
 * @param states what an earlier run's encoder had to be known to continue, in order
 * @throws UsageError for columns that the format cannot hold
 */
export function createEncoder(
  format: TableFormat,
  columns: readonly TableColumn[],
  states: readonly unknown[],
): TableEncoder {
  switch (format) {
    case "csv":
      return new CsvEncoder(columns);
    case "jsonl":
      return new JsonLinesEncoder(columns);
    case "npy":
      return new NpyEncoder(columns);
    case "parquet":
      return new ParquetEncoder(columns, states);
  }
}

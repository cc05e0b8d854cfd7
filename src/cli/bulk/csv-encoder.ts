import type { TableColumn } from "../../training/table.ts";
import { formatRecord } from "../csv.ts";
import { elementText } from "../tensor-text.ts";
import { flatNames, noBytes, type OutputRows, rowWidth, type TableEncoder } from "./table-encoder.ts";

/** A CSV file with a header; columns of lists become one column for each element. */
export class CsvEncoder implements TableEncoder {
  readonly pendingRows = 0;
  readonly #columns: readonly TableColumn[];
  readonly #widths: readonly number[];

  constructor(columns: readonly TableColumn[]) {
    this.#columns = columns;
    this.#widths = columns.map(rowWidth);
  }

  begin(): Uint8Array {
    return Buffer.from(`${formatRecord(this.#columns.flatMap(flatNames))}\n`);
  }

  add({ rowCount, values }: OutputRows): Uint8Array {
    let text = "";
    const fields: string[] = [];
    for (let row = 0; row < rowCount; row++) {
      fields.length = 0;
      for (let column = 0; column < this.#columns.length; column++) {
        const width = this.#widths[column] as number; // as many as columns
        const datatype = (this.#columns[column] as TableColumn).datatype; // column is below length
        const elements = values[column] as OutputRows["values"][number]; // one for each column
        for (let i = row * width; i < (row + 1) * width; i++) {
          fields.push(elementText(elements[i] ?? "", datatype));
        }
      }
      text += `${formatRecord(fields)}\n`;
    }
    return Buffer.from(text);
  }

  takeState(): undefined {}

  end(): Uint8Array {
    return noBytes;
  }

  finalHead(): undefined {}
}

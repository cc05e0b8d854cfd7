import type { Datatype } from "../../tensor.ts";
import type { TableColumn } from "../../training/table.ts";
import { floatText } from "../float-text.ts";
import { formatJson } from "../json-text.ts";
import { jsonElement } from "../tensor-text.ts";
import { noBytes, type OutputElement, type OutputRows, rowWidth, type TableEncoder } from "./table-encoder.ts";

/** A JSON Lines file: an object for each row, with a list where a column holds several values a row. */
export class JsonLinesEncoder implements TableEncoder {
  readonly pendingRows = 0;
  readonly #columns: readonly (TableColumn & { readonly key: string; readonly width: number })[];

  constructor(columns: readonly TableColumn[]) {
    this.#columns = columns.map((column, i) => ({
      ...column,
      key: `${i === 0 ? "{" : ","}${JSON.stringify(column.name)}:`,
      width: rowWidth(column),
    }));
  }

  begin(): Uint8Array {
    return noBytes;
  }

  add({ rowCount, values }: OutputRows): Uint8Array {
    let text = "";
    for (let row = 0; row < rowCount; row++) {
      for (const [i, column] of this.#columns.entries()) {
        text += column.key + nested(values[i] ?? [], column, row * column.width, 0);
      }
      text += "}\n";
    }
    return Buffer.from(text);
  }

  takeState(): undefined {}

  end(): Uint8Array {
    return noBytes;
  }

  finalHead(): undefined {}
}

/** The value from an index on, as a list of the column's shape. */
function nested(elements: OutputRows["values"][number], column: TableColumn, at: number, depth: number): string {
  const { shape, datatype } = column;
  const length = shape[depth];
  if (length === undefined) return jsonText(elements[at] ?? "", datatype);
  const width = shape.slice(depth + 1).reduce((product, dimension) => product * dimension, 1);
  const items = Array.from({ length }, (_, i) => nested(elements, column, at + i * width, depth + 1));
  return `[${items.join(",")}]`;
}

function jsonText(element: OutputElement, datatype: Datatype): string {
  const isPlain = typeof element === "number" && Number.isFinite(element) && datatype !== "BOOL";
  return isPlain ? floatText(element, datatype) : formatJson(jsonElement(element, datatype));
}

import { createTensor } from "../../client/tensor-values.ts";
import type { Datatype } from "../../tensor.ts";
import { encodeNpyHeader, npyTypeCodes } from "../../training/npy-format.ts";
import type { TableColumn } from "../../training/table.ts";
import { UsageError } from "../arguments.ts";
import { noBytes, type OutputRows, type TableEncoder } from "./table-encoder.ts";

/** Bytes of the header: room for any number of rows, which only the end tells. */
const headerBytes = 128;

/** An NPY file of one numeric output, [rows, ...]. */
export class NpyEncoder implements TableEncoder {
  readonly pendingRows = 0;
  readonly #shape: readonly number[];
  readonly #datatype: Exclude<Datatype, "BYTES">;

  /** @throws UsageError for several columns, or text, whose longest one would have to be known before the first */
  constructor(columns: readonly TableColumn[]) {
    const [column, second] = columns;
    if (column === undefined || second !== undefined) {
      throw new UsageError(
        `an NPY file holds one array, the output has ${columns.map(({ name }) => `'${name}'`).join(", ")}: choose one with --output-name and keep no column, or take another --format`,
      );
    }
    const { name, datatype, shape } = column;
    if (datatype === "BYTES") {
      throw new UsageError(`output '${name}' is text, which an NPY file cannot grow by: take another --format`);
    }
    this.#shape = shape;
    this.#datatype = datatype;
  }

  begin(): Uint8Array {
    return this.finalHead(0);
  }

  add({ rowCount, values: [elements = []] }: OutputRows): Uint8Array {
    return createTensor("", this.#datatype, [rowCount, ...this.#shape], elements).data;
  }

  takeState(): undefined {}

  end(): Uint8Array {
    return noBytes;
  }

  finalHead(rowCount: number): Uint8Array {
    return encodeNpyHeader(npyTypeCodes[this.#datatype], [rowCount, ...this.#shape], headerBytes);
  }
}

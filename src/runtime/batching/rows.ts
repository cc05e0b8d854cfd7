import { InferenceError } from "../../errors.ts";
import { elementCount, itemBytes, type Tensor } from "../../tensor.ts";

/** Byte positions at which the rows of a BYTES tensor begin, and its end: `rows + 1` numbers. */
function bytesRowOffsets(data: Uint8Array, rows: number, elementsOfRow: number): number[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const offsets = [0];
  let position = 0;
  for (let row = 0; row < rows; row++) {
    for (let element = 0; element < elementsOfRow; element++) {
      if (position + 4 > data.length)
        throw new InferenceError("internal", "internal error", { cause: new Error("a BYTES tensor ends early") });
      position += 4 + view.getUint32(position, true);
    }
    offsets.push(position);
  }
  return offsets;
}

/** Where rows begin in a tensor's data, for cutting it along its first dimension. */
export class RowIndex {
  readonly #rowBytes: number;
  readonly #offsets: readonly number[] | undefined;

  /** @param data needed for BYTES only, whose rows vary */
  constructor(datatype: Tensor["datatype"], shape: readonly number[], data: () => Uint8Array) {
    const elementsOfRow = elementCount(shape.slice(1));
    this.#rowBytes = elementsOfRow * itemBytes(datatype);
    // Rows without elements are empty whatever their datatype; every other one takes bytes, which bounds their number.
    this.#offsets =
      datatype === "BYTES" && elementsOfRow > 0 ? bytesRowOffsets(data(), shape[0] ?? 0, elementsOfRow) : undefined;
  }

  /** Byte position of a row; of the end for the number of rows. */
  offset(row: number): number {
    return this.#offsets === undefined ? row * this.#rowBytes : (this.#offsets[row] ?? 0);
  }
}

/** Rows `start` to `start + rows` of a tensor, as a view. */
export function sliceRows(tensor: Tensor, start: number, rows: number, index: RowIndex): Tensor {
  return {
    ...tensor,
    shape: [rows, ...tensor.shape.slice(1)],
    data: tensor.data.subarray(index.offset(start), index.offset(start + rows)),
  };
}

/**
 * Tensors put together along their first dimension.
 * @throws InferenceError "runtime" when the other dimensions differ: the model gave parts that do not belong together
 */
export function joinRows(parts: readonly Tensor[]): Tensor {
  const [first] = parts;
  if (first === undefined)
    throw new InferenceError("internal", "internal error", { cause: new Error("no parts to join") });
  const rest = first.shape.slice(1);
  let rows = 0;
  for (const part of parts) {
    if (part.shape.length !== first.shape.length || !rest.every((dimension, i) => dimension === part.shape[i + 1])) {
      throw new InferenceError(
        "runtime",
        `output '${first.name}' has different shapes for parts of the request, so they cannot be joined`,
      );
    }
    rows += part.shape[0] ?? 0;
  }
  return {
    name: first.name,
    datatype: first.datatype,
    shape: [rows, ...rest],
    data: Buffer.concat(parts.map((part) => part.data)),
  };
}

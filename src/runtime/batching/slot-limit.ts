import { InferenceError } from "../../errors.ts";
import type { Tensor } from "../../tensor.ts";
import type { QueueEntry } from "../queue/queue-entry.ts";
import { bytesAtLength } from "./request-measure.ts";
import { RowIndex } from "./rows.ts";

/** What one batch of a model may carry through a slot of the arena, and how larger requests fit it: in parts of whole rows. */
export class SlotLimit {
  readonly #slotBytes: number;
  readonly #maxRows: number;

  /**
   * @param slotBytes bytes that the inputs of one batch may take
   * @param maxRows most rows of a batch; 0: the model does not batch, and a request is one piece
   */
  constructor(slotBytes: number, maxRows: number) {
    this.#slotBytes = slotBytes;
    this.#maxRows = maxRows;
  }

  /** @throws InferenceError "too_large" when the request fits no slot, not even row by row */
  check({ inputs, rows, growth = 1 }: Omit<Request, "byteLength">, byteLength: number): void {
    if (byteLength <= this.#slotBytes) return;
    const rowBytes = this.#maxRows > 0 ? Math.ceil(growth * largestRowBytes(inputs, rows)) : byteLength;
    if (rowBytes <= this.#slotBytes) return;
    const what = this.#maxRows > 0 ? "a row" : "a request";
    throw new InferenceError(
      "too_large",
      `${what} of ${rowBytes} bytes exceeds the ${this.#slotBytes} bytes that a batch may carry (--arena-max-bytes)`,
      { retryAfterMs: -1 },
    );
  }

  /** Rows that one part of the request may have; Infinity: it is one piece. */
  rowsOf({ inputs, rows, byteLength, growth = 1 }: Request): number {
    if (this.#maxRows === 0) return Number.POSITIVE_INFINITY;
    if (byteLength <= this.#slotBytes) return this.#maxRows;
    return Math.min(this.#maxRows, Math.max(1, Math.floor(this.#slotBytes / (growth * largestRowBytes(inputs, rows)))));
  }
}

interface Request {
  readonly inputs: readonly (Tensor | undefined)[];
  readonly rows: number;
  /** As the batch has them, padding included. */
  readonly byteLength: number;
  /** How many times its own bytes that is; absent: once. */
  readonly growth?: number;
}

/** At least the bytes of every row over all inputs; rows of BYTES vary, so each input counts with its largest. */
function largestRowBytes(inputs: readonly (Tensor | undefined)[], rows: number): number {
  let sum = 0;
  for (const input of inputs) {
    if (input === undefined || input.data.length === 0) continue; // rows without bytes can be as many as a caller writes
    const index = new RowIndex(input.datatype, input.shape, () => input.data);
    let largest = 0;
    for (let row = 0; row < rows; row++) largest = Math.max(largest, index.offset(row + 1) - index.offset(row));
    sum += largest;
  }
  return sum;
}

/** What a request takes of a batch's slot: more than its own bytes where its rows are padded. */
export function sizeInBatch<T extends Pick<QueueEntry, "inputs" | "rows" | "byteLength" | "measure">>(
  entry: T,
): Pick<QueueEntry, "inputs" | "rows" | "byteLength"> & { readonly growth?: number } {
  if (entry.measure.length === 0) return entry;
  const { inputs, rows, byteLength } = entry;
  const padded = bytesAtLength(entry, entry.measure.paddedLength);
  return { inputs, rows, byteLength: padded, growth: padded / Math.max(1, byteLength) };
}

import { InferenceError } from "../../errors.ts";
import type { Signature } from "../../inference.ts";
import type { LengthFilling, LengthPlan } from "../../model/length-plan.ts";
import { elementCount, itemBytes, type Tensor } from "../../tensor.ts";
import type { RanOutput } from "../process/frames.ts";
import { encodeNumbers } from "../process/number-bytes.ts";
import type { BatchLayout, InputContent, LaidOutEntry, PaddingShare, ReadOutput } from "./batch-layout.ts";

/** How a tensor lies in memory around one axis: `outer` pieces of `length * inner` bytes. */
interface Pieces {
  readonly outer: number;
  readonly inner: number;
}

/** @param axis as shapes have it, the batch dimension included */
function piecesOf(shape: readonly number[], axis: number, bytesOfItem: number): Pieces {
  return { outer: elementCount(shape.slice(0, axis)), inner: elementCount(shape.slice(axis + 1)) * bytesOfItem };
}

/**
 * Writes a tensor into `target`, each of its pieces in the place of one of `toLength`: what is longer there keeps what it holds, what is shorter
 * cuts off. @returns bytes that it takes in the target
 */
function copyPieces(
  source: Uint8Array,
  target: Uint8Array,
  offset: number,
  { outer, inner }: Pieces,
  fromLength: number,
  toLength: number,
): number {
  const [from, to] = [fromLength * inner, toLength * inner];
  const copied = Math.min(from, to);
  if (inner === 0) return 0; // pieces without bytes can be as many as a caller writes into a shape
  for (let piece = 0; piece < outer; piece++) {
    target.set(source.subarray(piece * from, piece * from + copied), offset + piece * to);
  }
  return outer * to;
}

/** Rows of different lengths padded to the length of the batch's bucket, and cut back (docs/adr/0009). */
export class PaddedLayout implements BatchLayout {
  readonly #signature: Signature;
  readonly #plan: LengthPlan;
  /** One element of padding of each input. */
  readonly #padding: readonly Buffer[];

  constructor(signature: Signature, plan: LengthPlan) {
    this.#signature = signature;
    this.#plan = plan;
    this.#padding = signature.inputs.map(({ datatype }, index) =>
      encodeNumbers(datatype, [plan.padValues[index] ?? 0]),
    );
  }

  gather(index: number, entries: readonly LaidOutEntry[], rows: number): InputContent | undefined {
    const axis = this.#plan.inputAxes[index];
    const length = batchLength(entries);
    if (axis === undefined || entries.every((entry) => entry.measure.length === length)) return undefined;
    const [first] = entries;
    const example = first?.inputs[index];
    if (example === undefined) return undefined;
    const shape = [rows, ...example.shape.slice(1)];
    shape[axis + 1] = length;
    const ownRows = entries.reduce((sum, entry) => sum + entry.rows, 0);
    const bytesOfItem = itemBytes(example.datatype);
    const bytes = Buffer.alloc(elementCount([ownRows, ...shape.slice(1)]) * bytesOfItem, this.#padding[index]);
    let offset = 0;
    for (const entry of entries) {
      const input = entry.inputs[index] as Tensor; // same set of inputs
      const pieces = piecesOf(input.shape, axis + 1, bytesOfItem);
      offset += copyPieces(input.data, bytes, offset, pieces, entry.measure.length, length);
    }
    return { shape, buffers: [bytes] };
  }

  fill(entries: readonly LaidOutEntry[], rows: number): readonly InputContent[] {
    const lengths = entries.flatMap((entry) => new Array<number>(entry.rows).fill(entry.measure.length));
    return fillLengths(this.#signature, this.#plan.fillings, lengths, batchLength(entries), rows);
  }

  scatter(
    index: number,
    output: RanOutput,
    read: ReadOutput,
    entries: readonly LaidOutEntry[],
    rows: number,
  ): readonly Tensor[] | undefined {
    const axis = this.#plan.outputAxes[index];
    const length = batchLength(entries);
    if (axis === undefined || entries.every((entry) => entry.measure.length === length)) return undefined;
    const { name = "" } = this.#signature.outputs[index] ?? {};
    const { shape, datatype } = output;
    if (shape[0] !== rows || shape[axis + 1] !== length) {
      throw new InferenceError(
        "runtime",
        `output '${name}' has shape [${shape.join(",")}] for ${rows} rows padded to length ${length}, expected that length along axis ${axis} (sluice_cut_axes)`,
      );
    }
    const bytesOfItem = itemBytes(datatype);
    const rowBytes = elementCount(shape.slice(1)) * bytesOfItem;
    if (rows * rowBytes !== output.length) {
      throw new InferenceError("internal", "internal error", {
        cause: new Error(`the runtime process answered with ${output.length} bytes for output '${name}'`),
      });
    }
    let row = 0;
    return entries.map((entry) => {
      const own = [entry.rows, ...shape.slice(1)];
      const padded = read(output.offset + row * rowBytes, entry.rows * rowBytes);
      row += entry.rows;
      if (entry.measure.length === length) return { name, datatype, shape: own, data: padded };
      const pieces = piecesOf(own, axis + 1, bytesOfItem);
      own[axis + 1] = entry.measure.length;
      const data = Buffer.allocUnsafe(elementCount(own) * bytesOfItem);
      copyPieces(padded, data, 0, pieces, length, entry.measure.length);
      return { name, datatype, shape: own, data };
    });
  }

  padding(entries: readonly LaidOutEntry[], rows: number): PaddingShare {
    const length = batchLength(entries);
    let elements = 0;
    let run = 0;
    for (const { measure } of entries) {
      elements += measure.elementsPerLength * measure.length;
      run += measure.elementsPerLength * length;
    }
    const ownRows = entries.reduce((sum, entry) => sum + entry.rows, 0);
    const all = ownRows === 0 ? run : (run * rows) / ownRows;
    return { elements, paddedElements: all - elements };
  }
}

/** The length that all rows of a batch are padded to. */
function batchLength(entries: readonly LaidOutEntry[]): number {
  let length = 0;
  for (const { measure } of entries) length = Math.max(length, measure.paddedLength);
  return length;
}

/**
 * The inputs that tell lengths, for rows of these lengths in a run of `rows` rows of length `length`; rows that nobody asked for are masked out
 * and have length 0.
 */
export function fillLengths(
  { filled = [] }: Signature,
  fillings: readonly LengthFilling[],
  lengths: readonly number[],
  length: number,
  rows: number,
): readonly InputContent[] {
  return filled.map(({ datatype, dims }, index) => {
    if (fillings[index] === "length") {
      return { shape: [rows, ...dims.map(() => 1)], buffers: [encodeNumbers(datatype, lengths)] };
    }
    const mask = Buffer.alloc(lengths.length * length * itemBytes(datatype));
    const ones = encodeNumbers(datatype, new Array<number>(length).fill(1));
    for (const [row, own] of lengths.entries()) {
      mask.set(ones.subarray(0, own * itemBytes(datatype)), row * length * itemBytes(datatype));
    }
    return { shape: [rows, length], buffers: [mask] };
  });
}

import { InferenceError } from "../../errors.ts";
import type { Signature, TensorSpec } from "../../inference.ts";
import { elementCount, type Tensor } from "../../tensor.ts";
import type { Arena } from "../process/arena.ts";
import {
  noLeftovers,
  noSequences,
  type RanFrame,
  type RanOutput,
  type RunFrame,
  type RunInput,
} from "../process/frames.ts";
import type { QueueEntry } from "../queue/queue-entry.ts";
import type { BatchLayout, InputContent, ReadOutput } from "./batch-layout.ts";
import { RowIndex } from "./rows.ts";

/** Outputs up to this size are copied out of the arena at once and shared as views; larger ones are copied out request by request. */
const smallOutputBytes = 16 * 1024;

/** The smallest bucket that holds so many rows; the rows themselves where no bucket does. */
export function bucketOf(rows: number, buckets: readonly number[]): number {
  return buckets.find((bucket) => bucket >= rows) ?? rows;
}

/**
 * Writes the inputs of a batch one after another into a slot of the arena and describes them: this copy is the concatenation.
 * @param paddedRows first dimension of the run; the rows that the entries lack are zero
 * @param layout how requests of different shapes come together; absent: they have one shape
 */
export function writeBatch(
  arena: Arena,
  slot: number,
  sessionId: number,
  entries: readonly QueueEntry[],
  signature: Signature,
  paddedRows: number,
  layout?: BatchLayout,
): RunFrame {
  const inputs: RunInput[] = [];
  let offset = arena.inputOffset(slot);
  const rows = rowsOf(entries);
  const write = (index: number, { shape, buffers }: InputContent): void => {
    let length = 0;
    for (const buffer of buffers) length += buffer.length;
    arena.write(buffers, offset);
    inputs.push({ index, shape, segments: [{ arena: 0, offset, length, rows }] });
    offset += Math.ceil(length / 8) * 8;
  };
  for (let index = 0; index < signature.inputs.length; index++) {
    const example = entries[0]?.inputs[index];
    if (example === undefined) continue; // left out, in every entry of the batch
    write(
      index,
      layout?.gather(index, entries, paddedRows) ?? plainContent(signature, index, example, entries, paddedRows),
    );
  }
  for (const [index, content] of (layout?.fill(entries, paddedRows) ?? []).entries()) {
    write(signature.inputs.length + index, content);
  }
  const outputs = fetchedOutputs(entries);
  const outputOffset = arena.outputOffset(slot);
  return {
    sessionId,
    sequences: noSequences,
    leftovers: noLeftovers,
    inputs,
    outputs,
    outputOffset,
    outputLimit: arena.slotBytes,
  };
}

function rowsOf(entries: readonly QueueEntry[]): number {
  let rows = 0;
  for (const entry of entries) rows += entry.rows;
  return rows;
}

function plainContent(
  signature: Signature,
  index: number,
  example: Tensor,
  entries: readonly QueueEntry[],
  paddedRows: number,
): InputContent {
  const buffers = entries.map((entry) => (entry.inputs[index] as Tensor).data); // same set of inputs
  return { shape: runShape(signature, index, example, paddedRows), buffers };
}

/** The shape of an input of a whole run: with its rows, and as the model itself takes them. */
export function runShape(signature: Signature, index: number, example: Tensor, paddedRows: number): readonly number[] {
  const modelDims = signature.inputs[index]?.modelDims;
  if (signature.maxBatchSize === 0) return modelDims ?? example.shape;
  return modelDims !== undefined ? [paddedRows, ...modelDims] : [paddedRows, ...example.shape.slice(1)];
}

/** The outputs that any entry asks for; empty: all. */
export function fetchedOutputs(entries: readonly Pick<QueueEntry, "outputs">[]): readonly number[] {
  if (entries.some((entry) => entry.outputs.length === 0)) return [];
  return [...new Set(entries.flatMap((entry) => entry.outputs))].sort((a, b) => a - b);
}

/** Consecutive rows of a batch, and the outputs that are asked for of them. */
export type BatchMember = Pick<QueueEntry, "rows" | "outputs">;

/** Takes an output apart in another way than by rows, a tensor for each member; undefined: by rows. */
export type ScatterOutput = (index: number, output: RanOutput) => readonly Tensor[] | undefined;

/**
 * Splits the outputs of a batch: for each entry its own tensors, in the order it asked for. Copies everything out of the arena; no answer
 * keeps its neighbours' rows in memory beyond {@link smallOutputBytes}.
 * @param scatter of a layout; absent: every output is taken apart by rows
 * @throws InferenceError "runtime" when an output has not one row for each row of the batch, or is missing
 */
export function splitBatch(
  ran: RanFrame,
  read: ReadOutput,
  entries: readonly BatchMember[],
  signature: Signature,
  paddedRows: number,
  scatter?: ScatterOutput,
): readonly (readonly Tensor[])[] {
  const columns = new Map<number, readonly Tensor[]>();
  for (const output of ran.outputs) {
    const spec = signature.outputs[output.index];
    if (spec === undefined || output.datatype !== spec.datatype)
      throw invalidAnswer(`an unknown output ${output.index}`);
    // Each is copied out: a process in foreign hands could name its whole range thousands of times.
    if (columns.has(output.index)) throw invalidAnswer(`output ${output.index} twice`);
    columns.set(
      output.index,
      scatter?.(output.index, output) ??
        splitOutput(output, spec, read, entries, signature.maxBatchSize > 0 ? paddedRows : undefined),
    );
  }
  const all = signature.outputs.map((_, index) => index);
  return entries.map((entry, position) => {
    const indexes = entry.outputs.length > 0 ? entry.outputs : all;
    return indexes.map((index) => {
      const tensor = columns.get(index)?.[position];
      if (tensor === undefined) throw invalidAnswer(`no output ${index}`);
      return tensor;
    });
  });
}

/** One output for each entry. @param batchRows first dimension that it must have; undefined: the model does not batch */
function splitOutput(
  output: RanOutput,
  spec: TensorSpec,
  read: ReadOutput,
  entries: readonly BatchMember[],
  batchRows: number | undefined,
): readonly Tensor[] {
  const { name, datatype } = spec;
  if (batchRows === undefined) {
    const shape = responseShape(spec, output.shape, undefined);
    const data = read(output.offset, output.length);
    const end = new RowIndex(datatype, [1, ...output.shape], () => data).offset(1);
    if (end !== output.length) throw invalidAnswer(`${output.length} bytes for output '${name}'`);
    return entries.map(() => ({ name, datatype, shape, data })); // one entry: what does not batch runs alone
  }
  if (output.shape[0] !== batchRows) {
    throw new InferenceError(
      "runtime",
      `output '${name}' has shape [${output.shape.join(",")}] for a batch of ${batchRows} rows`,
    );
  }
  let whole: Buffer | undefined;
  if (output.length <= smallOutputBytes || datatype === "BYTES" || entries.length === 1)
    whole = read(output.offset, output.length);
  const index = new RowIndex(datatype, output.shape, () => whole as Buffer); // BYTES outputs are read whole
  if (index.offset(batchRows) !== output.length) throw invalidAnswer(`${output.length} bytes for output '${name}'`);
  const isShared = output.length <= smallOutputBytes || entries.length === 1;
  let row = 0;
  let shape: readonly number[] = [];
  let shapeRows = -1;
  return entries.map((entry) => {
    const start = index.offset(row);
    row += entry.rows;
    const end = index.offset(row);
    if (entry.rows !== shapeRows) {
      shape = responseShape(spec, output.shape, entry.rows); // neighbours of as many rows share it
      shapeRows = entry.rows;
    }
    if (whole === undefined) return { name, datatype, shape, data: read(output.offset + start, end - start) };
    const view = whole.subarray(start, end);
    return { name, datatype, shape, data: isShared ? view : Buffer.from(view) };
  });
}

/** The shape that the client sees: with its own rows, and the configured dims where the model's differ (`reshape`). */
function responseShape(spec: TensorSpec, shape: readonly number[], rows: number | undefined): readonly number[] {
  const batch = rows === undefined ? [] : [rows];
  const own = rows === undefined ? shape : shape.slice(1);
  if (spec.modelDims === undefined || spec.dims.some((dimension) => dimension < 0)) return [...batch, ...own];
  return elementCount(spec.dims) === elementCount(own) ? [...batch, ...spec.dims] : [...batch, ...own];
}

function invalidAnswer(what: string): InferenceError {
  return new InferenceError("internal", "internal error", {
    cause: new Error(`the runtime process answered with ${what}`),
  });
}

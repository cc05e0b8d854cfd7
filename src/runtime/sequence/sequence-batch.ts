import type { Signature } from "../../inference.ts";
import type { SequenceControl } from "../../model/sequence-plan.ts";
import { elementCount, itemBytes, type Tensor } from "../../tensor.ts";
import { type BatchMember, fetchedOutputs, runShape } from "../batching/batch.ts";
import type { BatchReason } from "../observer.ts";
import type { Arena } from "../process/arena.ts";
import { noSlot, type RunFrame, type RunInput, type SequenceRow, sequenceFlag } from "../process/frames.ts";
import type { Sequence, SequenceItem } from "./sequence.ts";

/** A request in a batch. */
export interface SequenceBatchRow {
  readonly sequence: Sequence;
  readonly item: SequenceItem;
  /** The slot of its instance. */
  readonly slot: number;
  /** It is its sequence's last: the state is not needed any more. */
  readonly isLast: boolean;
}

/** Requests of different sequences that run together. */
export interface SequenceBatch {
  /** In the order of the rows; undefined: a row without a request. */
  readonly rows: readonly (SequenceBatchRow | undefined)[];
  /** Slots of the instance in which sequences that are over have left their state. */
  readonly leftovers: readonly number[];
  readonly reason: BatchReason;
  readonly takenMs: number;
}

/** What a batch is written for. */
export interface SequenceBatchTarget {
  readonly sessionId: number;
  readonly signature: Signature;
  readonly controls: readonly SequenceControl[];
  /** First dimension of the run; rows beyond the batch hold no request. */
  readonly paddedRows: number;
}

/** Writes a batch into a slot of the arena, row by row, zeros where a row has no request, the controls behind the inputs, and describes it. */
export function writeSequenceBatch(
  arena: Arena,
  slot: number,
  batch: SequenceBatch,
  { sessionId, signature, controls, paddedRows }: SequenceBatchTarget,
): RunFrame {
  const { rows } = batch;
  const inputs: RunInput[] = [];
  let offset = arena.inputOffset(slot);
  const add = (index: number, shape: readonly number[], buffers: readonly Uint8Array[]): void => {
    arena.write(buffers, offset);
    const length = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
    inputs.push({ index, shape, segments: [{ arena: 0, offset, length, rows: buffers.length }] });
    offset += Math.ceil(length / 8) * 8;
  };
  const example = rows.find((row) => row !== undefined)?.item.entry.inputs ?? [];
  for (let index = 0; index < signature.inputs.length; index++) {
    const tensor = example[index];
    if (tensor === undefined) continue; // left out, in every request of the batch
    const nothing = zeroRow(tensor);
    const buffers = rows.map((row) => row?.item.entry.inputs[index]?.data ?? nothing);
    add(index, runShape(signature, index, tensor, paddedRows), buffers);
  }
  const isBatched = signature.maxBatchSize > 0;
  for (const [i, control] of controls.entries()) {
    const elements: Uint8Array[] = [];
    for (let row = 0; row < paddedRows; row++) elements.push(controlElement(control, rows[row]));
    add(signature.inputs.length + i, isBatched ? [paddedRows, 1] : [1], elements);
  }
  return {
    sessionId,
    sequences: Array.from({ length: paddedRows }, (_, row) => sequenceRow(rows[row])),
    leftovers: batch.leftovers,
    inputs,
    outputs: fetchedOutputs(membersOf(batch)),
    outputOffset: arena.outputOffset(slot),
    outputLimit: arena.slotBytes,
  };
}

/** The rows of a batch as those who split its outputs see them; one without a request asks for what the others ask for. */
export function membersOf({ rows }: SequenceBatch): readonly BatchMember[] {
  const entries = rows.map((row) => row?.item.entry);
  const asked = fetchedOutputs(entries.filter((entry) => entry !== undefined));
  return entries.map((entry) => entry ?? { rows: 1, outputs: asked });
}

function sequenceRow(row: SequenceBatchRow | undefined): SequenceRow {
  if (row === undefined) return { slot: noSlot, flags: 0 };
  const { item, slot, isLast } = row;
  return { slot, flags: (item.isStart ? sequenceFlag.start : 0) | (isLast ? sequenceFlag.forget : 0) };
}

/** Zeros, or empty strings, in place of a row like this one. */
function zeroRow({ datatype, shape, data }: Tensor): Uint8Array {
  return new Uint8Array(itemBytes(datatype) > 0 ? data.length : 4 * elementCount(shape));
}

const noCorrelation = new Uint8Array(8);

function controlElement(control: SequenceControl, row: SequenceBatchRow | undefined): Uint8Array {
  const { kind, datatype, trueBytes, falseBytes } = control;
  if (kind === "correlation")
    return row?.item.correlation ?? noCorrelation.subarray(0, datatype === "BYTES" ? 4 : itemBytes(datatype));
  const isSet = kind === "ready" ? row !== undefined : kind === "start" ? row?.item.isStart : row?.item.isEnd;
  return isSet === true ? trueBytes : falseBytes;
}
